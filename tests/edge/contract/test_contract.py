"""`keras_seqattn.edge.contract`: what a file says, alone and in a `.tflite` file; checksum."""

import hashlib
import json
import random
import tracemalloc
import zipfile

import keras
import numpy as np
import pytest
from converted import converted

from keras_seqattn import edge, models
from keras_seqattn.edge import formats
from keras_seqattn.edge.contract import checksum, pixels
from keras_seqattn.edge.contract.contract import describe, write_beside
from keras_seqattn.edge.tflite import contract_in_file, head, op_versions
from keras_seqattn.testing import check_error

pytestmark = pytest.mark.edge
LABELS = ["Äpfel", "b c", "d", "e", "f", "g", "h"]
MUTATIONS = 250
PRECISIONS = ("float32", "dynamic_wi8_afp32")


def described(path, **kwargs):
    return describe(formats.of(path).session(path), **{
        "name": "vit", "precision": "float32", "labels": LABELS,
        "minimum_runtime": op_versions.minimum(path), **kwargs})


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Path of each precision's file without a contract; large enough for buffers apart."""
    keras.utils.set_random_seed(11)
    model = models.vit("nano", 8, (24, 16, 3), len(LABELS), num_layers=1, mlp_dim=5003)
    folder = tmp_path_factory.mktemp("plain")
    return {precision: converted(model, folder / f"{precision}.tflite", precision)
            for precision in PRECISIONS}


@pytest.fixture(params=PRECISIONS)
def file(request, plain, tmp_path):
    """A finished file."""
    path = tmp_path / "vit.tflite"
    path.write_bytes(plain[request.param].read_bytes())
    contract_in_file.write(path, described(path, precision=request.param, licence="CC-BY-4.0"))
    return path


def test_the_contract_says_what_the_file_is(file, plain):
    contract = edge.load(file).contract
    precision = contract["precision"]
    golden = contract.pop("golden")
    assert contract == {
        "format": 1, "name": "vit", "licence": "CC-BY-4.0", "precision": precision,
        "minimum_runtime": {"float32": "2.9.0", "dynamic_wi8_afp32": "2.17.0"}[precision],
        "inputs": [{"name": "images", "shape": [1, 24, 16, 3], "dtype": "float32",
                    "content": "image", "mean": 127.5, "std": 127.5}],
        "outputs": [{"name": "logits", "shape": [1, 7], "dtype": "float32", "content": "logits"}],
        "labels": LABELS}
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


def test_any_zip_tool_lists_contract_and_labels(file):
    with zipfile.ZipFile(file) as archive:
        assert archive.namelist() == ["contract.json", "labels.txt"]
        assert archive.read("labels.txt").decode().splitlines() == LABELS
        # MediaPipe takes members as they lie in the file.
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_same_file_and_contract_give_the_same_bytes(plain, tmp_path):
    contents = []
    for name in ("a", "b"):
        path = tmp_path / name / "vit.tflite"
        path.parent.mkdir()
        path.write_bytes(plain["float32"].read_bytes())
        contract_in_file.write(path, described(path))
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]


def _buffers(path):
    """Bytes of every buffer, wherever in the file they lie."""
    content = path.read_bytes()
    with op_versions.opened(path) as model:
        for buffer in map(model.Buffers, range(model.BuffersLength())):
            start = buffer.Offset()
            yield (content[start:start + buffer.Size()] if start > 1 else
                   bytes(buffer.DataAsNumpy()) if buffer.DataLength() else b"")


def test_every_tensor_is_as_it_was(file, plain):
    """Quantised files keep large buffers outside the flatbuffer, by their place in the file."""
    before = list(_buffers(plain[contract_in_file.read(file)["precision"]]))
    after = list(_buffers(file))
    assert after[:len(before)] == before
    assert len(after) == len(before) + 3
    with op_versions.opened(file) as model:
        names = head.metadata(model)
        apart = [i for i in range(model.BuffersLength()) if model.Buffers(i).Offset() > 1]
    assert bool(apart) == (contract_in_file.read(file)["precision"] != "float32")
    assert after[names["min_runtime_version"]].rstrip(b"\0").decode() == \
        contract_in_file.read(file)["minimum_runtime"]


def test_the_file_computes_what_it_computed(file, plain, rng):
    images = rng.uniform(-1, 1, size=(3, 24, 16, 3)).astype("float32")
    before = edge.load(plain[contract_in_file.read(file)["precision"]])(images)
    np.testing.assert_array_equal(edge.load(file)(images), before)


def test_writing_holds_no_copy_of_the_weights(tmp_path):
    inputs = keras.Input((1009,), name="x")
    path = converted(
        keras.Model(inputs, keras.layers.Dense(2003)(inputs)), tmp_path / "wide.tflite")
    contract = described(path, labels=None)
    assert path.stat().st_size > 4 * 1009 * 2003
    tracemalloc.start()
    contract_in_file.write(path, contract)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * 2**20


def _mutated(content, seed):
    draw = random.Random(seed)  # noqa: S311
    place = draw.randrange(len(content))
    kind = ("flip", "cut", "insert")[seed % 3]
    if kind == "flip":
        changed = bytes([content[place] ^ 1 << draw.randrange(8)])
        return content[:place] + changed + content[place + 1:]
    length = draw.choice([1, 7, 64, 1009, len(content)])
    if kind == "cut":
        return content[:place] + content[place + length:]
    return content[:place] + draw.randbytes(min(length, 1009)) + content[place:]


def test_no_damage_is_silent(file, tmp_path):
    """Flips, cuts and insertions, anywhere: each is an error, or the right answer."""
    content = file.read_bytes()
    images = pixels.golden_input((1, 24, 16, 3), "float32")
    expected = edge.load(file)(images)
    damaged = tmp_path / "damaged.tflite"
    errors = []
    for seed in range(MUTATIONS):
        damaged.write_bytes(_mutated(content, seed))
        try:
            np.testing.assert_array_equal(edge.load(damaged)(images), expected)
        except ValueError as error:
            errors.append(str(error))
    assert len(errors) == MUTATIONS
    assert all(str(damaged) in error for error in errors)


def test_each_byte_that_guards_the_others_is_guarded(file, tmp_path):
    content = file.read_bytes()
    mark = content.index(checksum.MARK.encode())
    places = [*range(-120, 0), *range(mark, mark + len(checksum.MARK)), *range(40)]
    for place in places:
        changed = bytearray(content)
        changed[place] ^= 1
        (tmp_path / "damaged.tflite").write_bytes(changed)
        check_error(lambda: edge.load(tmp_path / "damaged.tflite"),
                    file=str(tmp_path / "damaged.tflite"))


def test_other_programs_files_have_no_contract(plain, tmp_path):
    assert contract_in_file.read(plain["float32"]) == {}
    path = tmp_path / "foreign.tflite"
    path.write_bytes(plain["float32"].read_bytes())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labels.txt", "a\nb\n")
    assert contract_in_file.read(path) == {}
    assert edge.load(path)(np.zeros((2, 24, 16, 3))).shape == (2, 7)


def test_a_contract_is_written_once(file):
    content = file.read_bytes()
    check_error(lambda: contract_in_file.write(file, contract_in_file.read(file)), path=str(file))
    assert file.read_bytes() == content
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_a_contract_of_another_format(plain, tmp_path):
    path = tmp_path / "vit.tflite"
    path.write_bytes(plain["float32"].read_bytes())
    contract_in_file.write(path, {**described(path), "format": 2})
    check_error(lambda: contract_in_file.read(path), format=2, known=1)


@pytest.mark.parametrize("labels", [["a\nb", *"cdefgh"], [" ", *"cdefgh"]])
def test_labels_must_be_lines(plain, labels):
    check_error(lambda: described(plain["float32"], labels=labels), labels=labels)


def test_labels_must_name_every_logit(plain):
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


@pytest.mark.parametrize("whole_integer", [False, True])
def test_versions_are_those_that_tensorflow_sets(tmp_path, whole_integer):
    """TensorFlow's own quantiser sets op versions and the oldest runtime; ours must not differ."""
    import tensorflow as tf

    inputs = keras.Input((11, 13), name="x")
    x = keras.layers.Conv1D(7, 3)(inputs)
    x = keras.layers.Dense(13, activation="tanh")(keras.layers.Flatten()(x))
    model = keras.Model(inputs, keras.layers.Dense(5, activation="softmax")(x))
    path = converted(model, tmp_path / "x.tflite")
    converter = tf.lite.TFLiteConverter.from_saved_model(str(path.with_suffix("")))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if whole_integer:
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        draw = np.random.default_rng(3)
        converter.representative_dataset = lambda: (
            [draw.normal(size=(1, 11, 13)).astype("float32")] for _ in range(5))
    path.write_bytes(converter.convert())
    with op_versions.opened(path) as model:
        declared = [model.OperatorCodes(i).Version() for i in range(model.OperatorCodesLength())]
        assert [version for _, version in op_versions.versions(model)] == declared
        said = model.Buffers(head.metadata(model)["min_runtime_version"]).DataAsNumpy()
    assert op_versions.minimum(path) == bytes(said).rstrip(b"\0").decode()


def test_a_quantised_op_gets_the_version_that_old_runtimes_refuse(file):
    with op_versions.opened(file) as model:
        declared = {name: model.OperatorCodes(i).Version()
                    for i, (name, _) in enumerate(op_versions.versions(model))}
    quantised = contract_in_file.read(file)["precision"] != "float32"
    assert declared["FULLY_CONNECTED"] == (12 if quantised else 5)
    assert declared["GELU"] == 1


def test_an_op_that_is_not_in_the_sources_has_no_oldest_runtime(plain, tmp_path):
    from ai_edge_quantizer import quantizer, recipe

    quantize = quantizer.Quantizer(str(plain["float32"]), recipe.dynamic_wi4_afp32())
    quantize.quantize().export_model(str(tmp_path / "x.tflite"))
    with op_versions.opened(tmp_path / "x.tflite") as model:
        assert dict(op_versions.versions(model))["FULLY_CONNECTED"] is None
    assert op_versions.minimum(tmp_path / "x.tflite") is None
    contract = described(tmp_path / "x.tflite", precision="dynamic_wi4_afp32")
    assert contract["minimum_runtime"] is None
