"""`keras_seqattn.edge.contract.contract`: what is said of a file, in it and beside it."""

import hashlib
import json

import numpy as np
import pytest

from keras_seqattn import edge
from keras_seqattn.edge.contract import pixels
from keras_seqattn.edge.contract.contract import describe, write_beside
from keras_seqattn.edge.tflite import contract_in_file
from keras_seqattn.testing import check_error

pytestmark = pytest.mark.edge


def test_the_contract_says_what_the_file_is(file, plain, labels):
    contract = edge.load(file).contract
    precision = contract["precision"]
    golden = contract.pop("golden")
    assert contract == {
        "format": 1, "name": "vit", "licence": "CC-BY-4.0", "precision": precision,
        "minimum_runtime": {"float32": "2.9.0", "dynamic_wi8_afp32": "2.17.0"}[precision],
        "inputs": [{"name": "images", "shape": [1, 24, 16, 3], "dtype": "float32",
                    "content": "image", "mean": 127.5, "std": 127.5}],
        "outputs": [{"name": "logits", "shape": [1, 7], "dtype": "float32", "content": "logits"}],
        "labels": labels}
    images = pixels.golden_input((1, 24, 16, 3), "float32", 127.5, 127.5)
    logits = edge.load(plain[precision])(images)
    assert golden == {
        "seed": 0, "input_sha256": hashlib.sha256(images.astype("<f4").tobytes()).hexdigest(),
        "output_sha256": hashlib.sha256(logits.astype("<f4").tobytes()).hexdigest(),
        "outputs": {"logits": logits[0].tolist()}}


def test_the_contract_beside_a_file(file):
    contract = contract_in_file.read(file)
    beside = write_beside(file, contract)
    content = file.read_bytes()
    assert beside == file.with_name("vit.json")
    assert json.loads(beside.read_text("utf-8")) == {
        **contract, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


@pytest.mark.parametrize("unfit", [["a\nb", *"cdefgh"], [" ", *"cdefgh"]])
def test_labels_must_be_lines(plain, described, unfit):
    check_error(lambda: described(plain["float32"], labels=unfit), labels=unfit)


def test_labels_must_name_every_logit(plain, described):
    check_error(lambda: described(plain["float32"], labels=["a"]), labels=["a"],
                outputs=[("logits", [1, 7])])


class _Session:
    """Several inputs and outputs, without a file."""

    def __init__(self):
        self.inputs = {"tokens": {"shape": (1, 5), "dtype": "int32"},
                       "pixels": {"shape": (1, 2, 3, 1), "dtype": "uint8"},
                       "memory": {"shape": (1, 41), "dtype": np.float32}}
        self.outputs = {"attention": {"shape": (1, 2, 3), "dtype": "float32"},
                        "logits": {"shape": (1, 41), "dtype": "float32"},
                        "state": {"shape": (1, 1), "dtype": "float32"}}

    def run(self, tokens, pixels, memory):
        return {"attention": pixels[..., 0] / np.float32(7), "logits": memory,
                "state": memory[:, :1]}


def test_each_content_is_named():
    contract = describe(_Session(), name="x", precision="float32", mean=[1.5], std=[2.5])
    assert [each["content"] for each in contract["inputs"]] == ["tensor", "image", "tensor"]
    assert [each["content"] for each in contract["outputs"]] == ["attention", "logits", "tensor"]
    assert (contract["inputs"][1]["mean"], contract["inputs"][1]["std"]) == (0, 1)
    joined = b"".join(pixels.golden_input(each["shape"], each["dtype"]).tobytes()
                      for each in contract["inputs"])
    assert contract["golden"]["input_sha256"] == hashlib.sha256(joined).hexdigest()
    assert len(contract["golden"]["outputs"]["logits"]) == 32
