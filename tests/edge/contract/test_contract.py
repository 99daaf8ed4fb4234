"""`keras_seqattn.edge.contract.contract`: what is said of a file, in it and beside it."""

import hashlib
import json
import types

import numpy as np
import pytest

from keras_seqattn import edge
from keras_seqattn.edge.contract import pixels
from keras_seqattn.edge.contract.contract import check_beside, current, describe, write_beside
from keras_seqattn.edge.contract.outputs import decide
from keras_seqattn.edge.tflite import contract_in_file
from keras_seqattn.testing import check_error

pytestmark = pytest.mark.edge


def test_the_contract_says_what_the_file_is(file, plain, labels):
    contract = edge.load(file).contract
    precision = contract["precision"]
    golden = contract.pop("golden")
    assert contract == {
        "format": 2, "name": "vit", "licence": "CC-BY-4.0", "precision": precision,
        "minimum_runtime": {"float32": "2.9.0", "dynamic_wi8_afp32": "2.17.0"}[precision],
        "inputs": [{"name": "images", "shape": [1, 24, 16, 3], "dtype": "float32",
                    "content": "image", "mean": 127.5, "std": 127.5}],
        "outputs": [{"name": "logits", "shape": [1, 7], "dtype": "float32", "content": "logits",
                     "labels": labels}]}
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
    assert beside == file.with_name("vit.tflite.json")
    assert json.loads(beside.read_text("utf-8")) == {
        **contract, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def test_a_file_of_the_users_own_is_never_written_over(tmp_path):
    own = tmp_path / "net.tflite.json"
    for text in ('{"class_name": "Functional"}', "[1, 2]", "17", "no JSON", '"sha256"'):
        own.write_text(text)
        check_error(lambda: check_beside(tmp_path / "net.tflite"), file=str(own))
    own.write_text('{"sha256": "0"}')
    check_beside(tmp_path / "net.tflite")
    check_beside(tmp_path / "net.onnx")


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
    assert [each["content"] for each in contract["outputs"]] == ["attention", "logits", "features"]
    assert (contract["inputs"][1]["mean"], contract["inputs"][1]["std"]) == (0, 1)
    joined = b"".join(pixels.golden_input(each["shape"], each["dtype"]).tobytes()
                      for each in contract["inputs"])
    assert contract["golden"]["input_sha256"] == hashlib.sha256(joined).hexdigest()
    assert len(contract["golden"]["outputs"]["logits"]) == 32


def test_inputs_and_outputs_stand_in_the_models_order():
    session = _Session()
    meant = decide({name: session.outputs[name] for name in ("state", "logits")})
    contract = describe(session, name="x", precision="float32", inputs=["memory", "tokens"],
                        outputs=meant)
    assert [each["name"] for each in contract["inputs"]] == ["memory", "tokens", "pixels"]
    assert [each["name"] for each in contract["outputs"]] == ["state", "logits", "attention"]
    assert list(contract["golden"]["outputs"]) == ["state", "logits", "attention"]


@pytest.mark.parametrize(("logits", "content"), [
    ([0.25, 0.5, 0.25], "probabilities"), ([0.25, 0.5, 0.3], "logits"), ([-1, 1.5, 0.5], "logits")])
def test_where_the_graph_does_not_tell_values_do(logits, content):
    session = types.SimpleNamespace(
        inputs={"x": {"shape": (1, 1), "dtype": "float32"}},
        outputs={"y": {"shape": (1, 3), "dtype": "float32"}},
        run=lambda x: {"y": np.array([logits], "float32")})
    contract = describe(session, name="x", precision="float32")
    assert contract["outputs"][0]["content"] == content


def test_a_contract_of_the_first_format_is_understood():
    outputs = [{"name": "state", "shape": [1, 3], "dtype": "float32", "content": "tensor"},
               {"name": "logits", "shape": [1, 2], "dtype": "float32", "content": "logits"}]
    contract = current({"format": 1, "name": "x", "outputs": outputs, "labels": ["a", "b"]}, "x")
    assert contract == {"format": 2, "name": "x", "outputs": [
        outputs[0], {**outputs[1], "labels": ["a", "b"]}]}
    unlabelled = current({"format": 1, "outputs": outputs, "labels": None}, "x")
    assert unlabelled["outputs"] == outputs
    assert current(contract, "x") is contract
    assert current({}, "x") == {}


def test_a_contract_of_a_later_format_is_refused():
    check_error(lambda: current({"format": 3}, "vit.tflite"), file="vit.tflite", format=3, known=2)


def test_a_name_that_no_folder_takes_is_told(tmp_path):
    with pytest.raises(ValueError, match="File name too long"):
        check_beside(tmp_path / f"{'x' * 300}.tflite")
