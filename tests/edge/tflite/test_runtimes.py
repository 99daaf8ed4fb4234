"""`keras_seqattn.edge.tflite.runtimes`: TensorFlow's versions, and what real runtimes compute."""

import contextlib
import importlib.util
import pathlib

import flat
import keras
import numpy as np
import pytest
import tiny_tflite

from keras_seqattn.edge import releases
from keras_seqattn.edge.tflite import op_table, reader, runtimes, schema

pytestmark = pytest.mark.edge


@pytest.mark.parametrize("whole_integer", [False, True])
def test_versions_are_those_that_tensorflow_sets(tmp_path, whole_integer):
    """TensorFlow's own quantiser sets op versions and the oldest runtime; ours must not differ."""
    import tensorflow as tf

    inputs = keras.Input((11, 13), name="x")
    x = keras.layers.Conv1D(7, 3)(inputs)
    x = keras.layers.Dense(13, activation="tanh")(keras.layers.Flatten()(x))
    model = keras.Model(inputs, keras.layers.Dense(5, activation="softmax")(x))
    path = tmp_path / "x.tflite"
    model.export(tmp_path / "saved", format="tf_saved_model", verbose=False, input_signature=[
        keras.InputSpec(shape=(1, 11, 13), dtype="float32", name="x")])
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "saved"))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if whole_integer:
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        draw = np.random.default_rng(3)
        converter.representative_dataset = lambda: (
            [draw.normal(size=(1, 11, 13)).astype("float32")] for _ in range(5))
    path.write_bytes(converter.convert())
    file = reader.read(path)
    assert runtimes.needed(file) == {code: code.version for code in file.codes}
    said = file.data(file.metadata["min_runtime_version"]).tobytes().rstrip(b"\0").decode()
    found = runtimes.minimum(path)
    if whole_integer:   # TensorFlow's number is that of dense layers with a single scale
        assert releases.numbers(said) < releases.numbers(found) == (2, 10, 0)
    else:
        assert found == said


@pytest.fixture(scope="module")
def dense(tmp_path_factory):
    """A dense layer and a GELU, in float and in several quantised precisions."""
    folder = tmp_path_factory.mktemp("dense")
    weights = np.random.default_rng(3).normal(size=(32, 64)).astype("float32")
    examples = {"x": np.random.default_rng(5).normal(size=(7, 32)).astype("float32")}

    def function(x):
        import tensorflow as tf

        return tf.nn.gelu(x @ weights)

    source = tiny_tflite.write(folder / "float32.tflite", function, x=(1, 32))
    return {precision: tiny_tflite.quantise(
        source, folder / f"{precision}.out.tflite", precision, examples)
        for precision in tiny_tflite.PRECISIONS}


# The oldest package of each that opens the file and computes what LiteRT 2.3 does.
@pytest.mark.parametrize(("precision", "first"), [
    ("float32", "2.9.0"), ("float16", "2.9.0"), ("dynamic_wi8_afp32", "2.17.0"),
    ("dynamic_wi4_afp32", "2.17.0"), ("static_wi8_ai8", "2.10.0"), ("static_wi8_ai16", "2.10.0")])
def test_the_oldest_runtime_of_each_precision(dense, precision, first):
    assert runtimes.minimum(dense[precision]) == first
    assert runtimes.lacking(dense[precision], first) == []
    assert runtimes.lacking(dense[precision], "2.8") != []


@pytest.mark.filterwarnings("ignore:.*experimental_preserve_all_tensors")
def test_16_bit_activations_of_every_op_need_more_than_their_versions_say(dense, tmp_path):
    """TensorFlow Lite 2.16.1 opens the file, and GELU fails in it as it runs."""
    from ai_edge_quantizer import quantizer, recipe

    made = quantizer.Quantizer(str(dense["float32"]), recipe.static_wi8_ai16())
    seen = made.calibrate({"serving_default": [{"x": np.ones((1, 32), "float32")}]}, num_threads=1)
    made.quantize(seen).export_model(str(tmp_path / "x.tflite"))
    assert runtimes.minimum(tmp_path / "x.tflite") == "2.20.0"
    assert runtimes.lacking(tmp_path / "x.tflite", "2.16") == [
        "runtime 2.16 lacks GELU of int16, which came with 2.20.0"]


def test_weights_in_blocks_are_refused_by_runtimes_that_misread_them(dense, tmp_path):
    from ai_edge_quantizer import qtyping, quantizer

    made = quantizer.Quantizer(str(dense["float32"]))
    made.add_dynamic_config(".*", qtyping.TFLOperationName.FULLY_CONNECTED, 4,
                            granularity=qtyping.QuantGranularity.BLOCKWISE_32)
    made.quantize().export_model(str(tmp_path / "x.tflite"))
    assert runtimes.lacking(tmp_path / "x.tflite", "2.20") == [
        "runtime 2.20 lacks FULLY_CONNECTED version 14, which came with 2.21.0"]
    assert runtimes.minimum(tmp_path / "x.tflite") == "2.21.0"


def test_constants_behind_the_flatbuffer_need_a_runtime_that_looks_there(plain):
    behind = reader.read(plain["dynamic_wi8_afp32"])
    assert any(buffer.note is not None for buffer in behind.buffers)
    lacking = runtimes.lacking(plain["dynamic_wi8_afp32"], "2.13")
    assert ("runtime 2.13 lacks constants behind the flatbuffer, which came with 2.14.0"
            in lacking)
    assert runtimes.lacking(plain["float32"], "2.13") == []


def test_convolutions_in_float16_are_refused_for_the_release_that_misreads_them(tmp_path):
    kernel = np.random.default_rng(3).normal(size=(3, 3, 2, 5)).astype("float32")

    def function(x):
        import tensorflow as tf

        return tf.nn.bias_add(tf.nn.conv2d(x, kernel, 2, "SAME"), kernel[0, 0, 0])

    source = tiny_tflite.write(tmp_path / "x.tflite", function, x=(1, 7, 7, 2))
    half = tiny_tflite.quantise(source, tmp_path / "half.tflite", "float16", {})
    assert runtimes.misread_convolutions(reader.read(source)) == []
    assert [len(runtimes.lacking(half, runtime)) for runtime in ("2.18", "2.19", "2.20")] == [
        0, 1, 0]
    assert "float16" in runtimes.lacking(half, "2.19")[0]


def test_what_nobody_knows_has_no_oldest_runtime(tmp_path):
    flex = tiny_tflite.write(tmp_path / "x.tflite", _cholesky, flex=True, x=(1, 3, 3))
    assert runtimes.minimum(flex) is None
    assert runtimes.lacking(flex, "2.21") == [
        "runtime 2.21 lacks custom op FlexCholesky"]


def _cholesky(x):
    import tensorflow as tf

    return tf.linalg.cholesky(x)


def test_a_version_that_a_file_declares_is_not_lowered(tmp_path):
    """Options may need it, which the types do not tell."""
    model = schema.unpacked(flat.converted(lambda x: x * 2.0, [], x=((1, 5), "float32")))
    model.operatorCodes[0].version = 4
    (tmp_path / "x.tflite").write_bytes(schema.packed(model))
    file = reader.read(tmp_path / "x.tflite")
    assert runtimes.needed(file) == {file.codes[0]: 4}


ROOT = pathlib.Path(__file__).parents[3]


@pytest.fixture
def benchmark(monkeypatch):
    """`benchmarks/runtimes.py` without a browser, which `tests/tflite` has."""
    spec = importlib.util.spec_from_file_location("table", ROOT / "benchmarks" / "runtimes.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "browser", lambda _: contextlib.nullcontext())
    module.phones = module.on_jvm
    monkeypatch.setattr(module, "on_jvm", dict)
    return module


def test_the_table_of_runtimes(benchmark, tmp_path, monkeypatch):
    files, image = benchmark.export(tmp_path, ("float32", "dynamic_wi8_afp32"))
    files["broken"] = tmp_path / "broken.tflite"
    files["broken"].write_bytes(files["float32"].read_bytes().replace(b"TFL3", b"TFL9"))
    rows = benchmark.measure(files, image)
    assert [rows[name]["Interpreter"] for name in ("float32", "broken")] == ["0e+00", "refused"]
    assert float(rows["float32"]["CompiledModel"]) < 1e-5
    for runtime in ("Interpreter", "CompiledModel"):
        assert 0 < float(rows["dynamic_wi8_afp32"][runtime]) < 0.02
    assert rows["float32"]["LiteRT.js"] == "–"
    del rows["broken"]
    monkeypatch.setattr(benchmark, "README", tmp_path / "README.md")
    benchmark.README.write_text(f"a\n{benchmark.BEGIN}\nold\n{benchmark.END}\nb\n")
    benchmark.write(rows, files)
    written = benchmark.README.read_text()
    assert "| `dynamic_wi8_afp32` | 2.17.0 |" in written
    assert "old\n" not in written
    benchmark.write({name: {"Interpreter": "–", "other": "1e-07"} for name in rows}, files)
    again = benchmark.README.read_text()
    assert "| Interpreter | CompiledModel | GPU | MediaPipe | LiteRT.js | other |" in again.replace(
        "LiteRT.js | MediaPipe", "MediaPipe | LiteRT.js")
    assert "| `float32` | 2.9.0 | 0e+00 |" in again
    assert again.count("| 1e-07 |") == len(rows)
    assert written.startswith("a\n")
    assert written.endswith("\nb\n")


def test_the_phones_runtimes_are_absent_without_their_classes(benchmark, tmp_path, monkeypatch):
    columns = benchmark.phones()
    assert list(columns) == ["bytedeco 2.20.0", "AAR 2.16.1"]
    monkeypatch.setattr(benchmark, "ANDROID", tmp_path)
    assert {run(None, None, tmp_path) for run in columns.values()} == {"–"}


def test_the_readme_says_what_the_tables_know():
    text = (ROOT / "tflite" / "README.md").read_text(encoding="utf-8")
    assert op_table.LITERT == {"1.0": "2.18", "1.1": "2.19", "2.0": "2.20", "2.2": "2.21"}
    assert ("LiteRT 1.0 stands for 2.18, 1.1 to 1.4 for 2.19, 2.0 for 2.20, and 2.2 for 2.21"
            in text)
    first, last = text.index("<!-- runtimes:begin"), text.index("<!-- runtimes:end")
    assert "| `static_wi8_ai16` | 2.20.0 |" in text[first:last]
