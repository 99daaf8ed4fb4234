"""`keras_seqattn.edge`: exported, run and held against the model, each precision."""

import pathlib

import keras
import numpy as np
import pytest
from tolerances import EDGE_FLOAT32

from keras_seqattn import edge, layers, models
from keras_seqattn.edge import flatbuffer
from keras_seqattn.testing import check_error

pytestmark = pytest.mark.edge


def _vit(**kwargs):
    """A small ViT whose weights are drawn as wide as trained ones, so that outputs differ."""
    model = models.vit("nano", 8, (24, 16, 3), 5, **{
        "num_layers": 2, "num_heads": 2, "embed_dim": 64, "mlp_dim": 128, "pooling": "mean",
        **kwargs})
    rng = np.random.default_rng(3)
    model.set_weights([
        np.ones(w.shape) if w.name == "gamma" else
        rng.normal(scale=1 / np.sqrt(np.prod(w.shape[:-1]) or 1), size=w.shape)
        for w in model.weights])
    return model


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(5).uniform(-1, 1, size=(37, 24, 16, 3)).astype("float32")


@pytest.fixture(scope="module", params=["mean", "token"])
def exported(request, tmp_path_factory, images):
    folder = tmp_path_factory.mktemp("edge")
    model = _vit(pooling=request.param)
    targets = model.predict(images, verbose=0).argmax(-1)
    reports = {precision: edge.export(
        model, folder / f"{precision}.tflite", precision, labels=list("abcde"), inputs=images,
        targets=targets, calibration=images) for precision in edge.PRECISIONS}
    return model, folder, reports


@pytest.mark.parametrize("precision", edge.PRECISIONS)
def test_every_precision_is_clean_for_devices(exported, precision):
    _, folder, reports = exported
    report = reports[precision]
    assert report.holds
    assert report.precision == precision
    assert report.flex_ops == []
    assert report.max_rank == 4
    if precision != "static_wi8_ai16":  # XNNPACK has no kernels of 16-bit activations
        assert report.partitions == 1
        assert report.warnings == []
    assert report.inputs == [{"name": "images", "shape": [1, 24, 16, 3], "dtype": "float32"}]
    assert report.outputs == [{"name": "logits", "shape": [1, 5], "dtype": "float32"}]
    assert report.signatures == ["serving_default"]
    assert report.bytes == (folder / f"{precision}.tflite").stat().st_size
    assert report.ops["BATCH_MATMUL"] == 4
    assert report.latency["runs"] == 50
    assert 0 < report.latency["median_ms"] <= report.latency["p90_ms"]


def test_float32_gives_the_numbers_of_keras(exported, images):
    model, folder, reports = exported
    assert reports["float32"].max_abs_error <= EDGE_FLOAT32
    assert reports["float32"].top1_agreement == 1.0
    assert reports["float32"].accuracy == {"keras": 1.0, "edge": 1.0, "examples": 37}
    logits = edge.load(folder / "float32.tflite")(images)
    np.testing.assert_allclose(logits, model.predict(images, verbose=0), atol=EDGE_FLOAT32)


def test_int8_is_smaller_and_close(exported):
    _, _, reports = exported
    small, full = reports["dynamic_wi8_afp32"], reports["float32"]
    assert small.bytes < 0.5 * full.bytes
    assert EDGE_FLOAT32 < small.max_abs_error < 0.2
    assert small.top1_agreement >= 0.9


def test_batch_matmul_has_no_transpose_flags(exported):
    """GPU delegates compute wrong numbers for them without a word."""
    _, folder, _ = exported
    products = [op for op in flatbuffer.ops(folder / "float32.tflite") if op.name == "BATCH_MATMUL"]
    assert len(products) == 4
    assert not any(op.transposed for op in products)


def test_nothing_that_fails_gets_its_name(tmp_path, monkeypatch, images):
    """NaN weights: converter and quantiser are content, verification is not."""
    model = _vit()
    weights = model.get_weights()
    weights[-1] = np.full_like(weights[-1], np.nan)
    model.set_weights(weights)
    with pytest.raises(edge.ExportError, match="not finite"):
        edge.export(model, tmp_path / "model.tflite", "float32", inputs=images[:3])
    assert list(tmp_path.iterdir()) == []


def test_a_layer_without_builtin_ops_is_refused(tmp_path):
    inputs = keras.Input((5,), name="x")
    model = keras.Model(inputs, keras.ops.erfinv(inputs))
    with pytest.raises(edge.ExportError, match="exit_code=1") as caught:
        edge.export(model, tmp_path / "model.tflite", "float32")
    assert "Erfinv" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_is_exported_from_a_float32_copy(tmp_path, images, dtype):
    report = edge.export(_vit(dtype=dtype), tmp_path / "model.tflite", "float32",
                         inputs=images[:3])
    assert report.flex_ops == []
    logits = edge.load(tmp_path / "model.tflite")(images[:3])
    np.testing.assert_allclose(logits, _vit().predict(images[:3], verbose=0), atol=EDGE_FLOAT32)


def test_several_inputs_and_outputs_keep_their_names(tmp_path, rng):
    query, value = keras.Input((5, 8), name="query"), keras.Input((7, 8), name="value")
    layer = layers.MultiHeadAttention(2, 4, num_kv_heads=1, name="read")
    output, scores = layer(query, value, return_attention_scores=True, use_causal_mask=True)
    model = keras.Model([query, value], {"read": output, "scores": scores})
    report = edge.export(model, tmp_path / "model.tflite", "float32")
    assert [each["name"] for each in report.inputs] == ["query", "value"]
    assert [each["shape"] for each in report.outputs] == [[1, 5, 8], [1, 2, 5, 7]]
    arrays = {"query": rng.normal(size=(3, 5, 8)), "value": rng.normal(size=(3, 7, 8))}
    outputs = edge.load(tmp_path / "model.tflite")(arrays)
    expected = model.predict(list(arrays.values()), verbose=0)
    for name in ("read", "scores"):
        np.testing.assert_allclose(outputs[name], expected[name], atol=EDGE_FLOAT32)


def test_sizes_that_are_unknown(tmp_path):
    inputs = keras.Input((None, 8))
    model = keras.Model(inputs, layers.FeedForward(7)(inputs))
    check_error(lambda: edge.export(model, tmp_path / "model.tflite"),
                input_shapes=[(None, None, 8)])


def test_an_unknown_precision_is_told_the_nearest(tmp_path):
    check_error(lambda: edge.export(_vit(), tmp_path / "x.tflite", "flaot32"),
                precision="flaot32")
    with pytest.raises(ValueError, match="did you mean 'float32'"):
        edge.export(_vit(), tmp_path / "x.tflite", "flaot32")


def test_labels_must_name_every_class(tmp_path):
    check_error(lambda: edge.export(_vit(), tmp_path / "x.tflite", labels=["a", "b"]),
                labels=["a", "b"], num_classes=5)


def test_another_backend_is_told_the_way(tmp_path, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    check_error(lambda: edge.export(_vit(), tmp_path / "x.tflite"), backend="jax")


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "taken").write_text("")
    check_error(lambda: edge.export(_vit(), tmp_path / "taken" / "x.tflite"),
                folder=str(tmp_path / "taken"))


def test_the_contract_is_in_the_file(exported):
    _, folder, _ = exported
    runner = edge.load(folder / "dynamic_wi8_afp32.tflite")
    assert runner.contract == {
        "precision": "dynamic_wi8_afp32", "mean": 127.5, "std": 127.5, "labels": list("abcde")}


def test_classify_sees_what_keras_sees(exported, tmp_path):
    from PIL import Image

    model, folder, _ = exported
    pixels = np.random.default_rng(7).integers(0, 256, size=(24, 16, 3), dtype="uint8")
    Image.fromarray(pixels).save(tmp_path / "picture.png")
    ranked = edge.load(folder / "float32.tflite").classify(tmp_path / "picture.png", top=3)
    logits = model.predict(pixels[None] / 127.5 - 1.0, verbose=0)[0]
    shares = np.exp(logits) / np.exp(logits).sum()
    order = np.argsort(-shares)[:3]
    assert [label for label, _ in ranked] == ["abcde"[i] for i in order]
    np.testing.assert_allclose([share for _, share in ranked], shares[order], atol=1e-4)


def test_classify_needs_an_image_model(tmp_path):
    inputs = keras.Input((3,), name="x")
    model = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    edge.export(model, tmp_path / "model.tflite", "float32")
    check_error(lambda: edge.load(tmp_path / "model.tflite").classify("picture.png"),
                input_shapes=[(1, 3)])


@pytest.mark.parametrize("length", [0, 5, 8, 1_000, -1_000])
def test_a_torn_file(exported, tmp_path, length):
    _, folder, _ = exported
    whole = (folder / "float32.tflite").read_bytes()
    (tmp_path / "torn.tflite").write_bytes(whole[:length])
    check_error(lambda: edge.load(tmp_path / "torn.tflite"), file=str(tmp_path / "torn.tflite"))


def test_files_that_are_none(tmp_path):
    (tmp_path / "text.tflite").write_text("no flatbuffer at all")
    for path in (tmp_path / "text.tflite", tmp_path / "nowhere.tflite", tmp_path):
        check_error(lambda path=path: edge.load(path), file=str(path))


@pytest.mark.parametrize("inputs", [
    np.zeros((1, 16, 24, 3)), np.zeros((24, 16, 3)), {"pictures": np.zeros((1, 24, 16, 3))}])
def test_inputs_that_do_not_fit(exported, inputs):
    _, folder, _ = exported
    runner = edge.load(folder / "float32.tflite")
    check_error(lambda: runner(inputs), file_inputs={"images": (24, 16, 3)})


def test_benchmark_counts(exported):
    _, folder, _ = exported
    result = edge.benchmark(folder / "float32.tflite", threads=1, runs=3)
    assert (result["threads"], result["runs"]) == (1, 3)
    both = edge.benchmark(
        [folder / f"{each}.tflite" for each in ("float32", "mixed_wi8_ai8")], runs=23)
    assert [each["runs"] for each in both] == [23, 23]
    check_error(lambda: edge.benchmark(folder / "float32.tflite", runs=0), runs=0)
    check_error(lambda: edge.benchmark(folder / "float32.tflite", threads=-1), threads=-1)


def test_running_a_file_loads_neither_keras_nor_tensorflow(exported):
    import subprocess
    import sys

    _, folder, _ = exported
    code = ("import sys, numpy; from keras_seqattn import edge; "
            f"edge.load({str(folder / 'float32.tflite')!r})(numpy.zeros((1, 24, 16, 3))); "
            "assert not {'keras', 'tensorflow', 'jax'} & set(sys.modules)")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                            cwd=pathlib.Path(__file__).parents[2], check=False)
    assert result.returncode == 0, result.stderr
