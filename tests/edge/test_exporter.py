"""`keras_seqattn.edge`: exported, run and held against the model, each precision."""


import json
import types

import keras
import numpy as np
import pytest
from keras_models import fill
from tolerances import EDGE_FLOAT32

from keras_seqattn import edge, layers, models
from keras_seqattn.edge import conversion, formats, order, smallest_file
from keras_seqattn.edge.tflite import reader
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
    products = [op for op in reader.read(folder / "float32.tflite").ops
                if op.name == "BATCH_MATMUL"]
    assert len(products) == 4
    assert not any(op.transposed for op in products)


def test_nothing_that_fails_gets_its_name(tmp_path, monkeypatch, images):
    """Infinite weights: writer and quantiser are content, verification is not."""
    model = _vit()
    weights = model.get_weights()
    weights[-1] = np.full_like(weights[-1], np.inf)
    model.set_weights(weights)
    with pytest.raises(edge.ExportError, match="not finite"):
        edge.export(model, tmp_path / "model.tflite", "float32", inputs=images[:3])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_leaves_in_float32(tmp_path, images, dtype):
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
                input_shapes=[(None, 8)])


def test_an_unknown_precision_is_told_the_nearest(tmp_path):
    check_error(lambda: edge.export(_vit(), tmp_path / "x.tflite", "flaot32"),
                precision="flaot32")
    with pytest.raises(ValueError, match="did you mean 'float32'"):
        edge.export(_vit(), tmp_path / "x.tflite", "flaot32")


def test_labels_must_name_every_class(tmp_path):
    check_error(lambda: edge.export(_vit(), tmp_path / "x.tflite", labels=["a", "b"]),
                labels=["a", "b"], num_labels=2, outputs={"logits": (5,)})
    assert list(tmp_path.iterdir()) == []


def _headed(**heads):
    x = keras.Input((7,), name="x")
    features = keras.layers.Dense(5, name="features")(x)
    return keras.Model(x, {"features": features, **{
        name: keras.layers.Dense(units, activation=activation, name=name)(features)
        for name, (units, activation) in heads.items()}})


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
def test_the_contract_says_what_outputs_are(tmp_path, suffix):
    model = _headed(pet=(2, "softmax"), age=(1, None), wild=(1, "sigmoid"))
    edge.export(model, tmp_path / f"x.{suffix}", "float32", labels={
        "pet": ["cat", "dog"], "wild": np.array(["tame", "wild"])}, outputs={"age": "features"})
    outputs = edge.load(tmp_path / f"x.{suffix}").contract["outputs"]
    assert {each["name"]: (each["content"], each.get("labels")) for each in outputs} == {
        "age": ("features", None), "features": ("features", None),
        "pet": ("probabilities", ["cat", "dog"]),
        "wild": ("independent probabilities", ["tame", "wild"])}


@pytest.mark.parametrize(("options", "received"), [
    ({"outputs": {"pett": "logits"}}, {"name": "pett"}),
    ({"outputs": {"pet": "softmax"}}, {"content": "softmax"}),
    ({"outputs": "logits"}, {"outputs": "logits"}),
    ({"labels": ["cat", "dog"]}, {"outputs": ["age", "pet"]})])
def test_what_is_wrongly_told_is_refused_before_conversion(
        tmp_path, monkeypatch, options, received):
    monkeypatch.setattr(conversion, "write", lambda *_: pytest.fail("it was begun"))
    model = _headed(pet=(2, "softmax"), age=(2, None))
    check_error(lambda: edge.export(model, tmp_path / "x.tflite", **options), **received)
    assert list(tmp_path.iterdir()) == []


def test_a_json_of_the_users_own_stays(tmp_path):
    (tmp_path / "x.json").write_text("{}")
    edge.export(_headed(), tmp_path / "x.tflite", "float32")
    assert (tmp_path / "x.json").read_text() == "{}"
    (tmp_path / "x.onnx.json").write_text("{}")
    check_error(lambda: edge.export(_headed(), tmp_path / "x.onnx", "float32"),
                file=str(tmp_path / "x.onnx.json"))
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "x.json", "x.onnx.json", "x.tflite", "x.tflite.json"]


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "taken").write_text("")
    check_error(lambda: edge.export(_vit(), tmp_path / "taken" / "x.tflite"),
                folder=str(tmp_path / "taken"))


def test_benchmark_counts(exported):
    _, folder, _ = exported
    result = edge.benchmark(folder / "float32.tflite", threads=1, runs=3)
    assert (result["threads"], result["runs"]) == (1, 3)
    both = edge.benchmark(
        [folder / f"{each}.tflite" for each in ("float32", "mixed_wi8_ai8")], runs=23)
    assert [each["runs"] for each in both] == [23, 23]
    check_error(lambda: edge.benchmark(folder / "float32.tflite", runs=0), runs=0)
    check_error(lambda: edge.benchmark(folder / "float32.tflite", threads=-1), threads=-1)


@pytest.mark.parametrize("kwargs", [
    {"pooling": "map", "activation": layers.gelu_tanh}, {"pooling": "token", "distillation": True},
    {"stem": "shifted", "locality": True}])
def test_variants_of_the_vision_transformer_leave(tmp_path, images, kwargs):
    model = _vit(**kwargs)
    for precision, tolerance in (("float32", EDGE_FLOAT32), ("dynamic_wi8_afp32", 0.1)):
        report = edge.export(model, tmp_path / "x.tflite", precision, inputs=images)
        assert report.max_abs_error <= tolerance
        assert (report.max_rank, report.partitions, report.flex_ops) == (4, 1, [])


@pytest.mark.parametrize("precision", ["float32", "mixed_wi8_ai8", "static_wi8_ai16"])
def test_pixels_are_scaled_inside_the_file(tmp_path, precision):
    model = _vit(pooling="token")
    pixels = np.random.default_rng(7).integers(0, 256, size=(37, 24, 16, 3), dtype="uint8")
    inputs = ((pixels - 120.0) / 60.0).astype("float32")
    report = edge.export(model, tmp_path / "x.tflite", precision, inputs=inputs, mean=120.0,
                         std=60.0, calibration=inputs, image_input="uint8")
    assert report.inputs[0]["dtype"] == "uint8"
    assert report.top1_agreement > 0.9
    logits = edge.load(tmp_path / "x.tflite")(pixels)
    expected = model.predict(inputs, verbose=0)
    np.testing.assert_allclose(logits, expected, atol=1e-4 if precision == "float32" else 0.2)


def test_only_an_image_can_be_pixels(tmp_path):
    x = keras.Input((7,), name="x")
    model = keras.Model(x, keras.layers.Dense(3)(x))
    check_error(lambda: edge.export(model, tmp_path / "x.tflite", image_input="uint8"),
                input_shapes=[(None, 7)])


def test_the_contract_lies_beside_the_file(exported):
    _, folder, reports = exported
    contract = json.loads((folder / "mixed_wi8_ai8.tflite.json").read_text(encoding="utf-8"))
    assert contract["sha256"] == reports["mixed_wi8_ai8"].sha256
    assert contract["bytes"] == reports["mixed_wi8_ai8"].bytes
    assert contract["outputs"][0]["labels"] == list("abcde")
    assert contract["name"] == "mixed_wi8_ai8"


def test_a_rejected_file_is_kept_under_a_name_that_says_so(tmp_path, images):
    model = _vit()
    weights = model.get_weights()
    weights[-1] = np.full_like(weights[-1], np.inf)
    model.set_weights(weights)
    with pytest.raises(edge.ExportError, match=r"x\.tflite\.rejected"):
        edge.export(model, tmp_path / "x.tflite", "float32", inputs=images[:3], force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["x.tflite.rejected"]
    rejected = edge.load(tmp_path / "x.tflite.rejected")
    assert rejected.contract["precision"] == "float32"
    assert np.isinf(rejected(images[:3])).any()


def test_a_file_that_the_release_asked_for_does_not_compute_is_refused(tmp_path, images):
    with pytest.raises(edge.ExportError, match=r"2\.16 lacks FULLY_CONNECTED version 12"):
        edge.export(_vit(), tmp_path / "x.tflite", inputs=images[:3], runtime="2.16")
    assert list(tmp_path.iterdir()) == []
    report = edge.export(_vit(), tmp_path / "x.tflite", "float32", inputs=images[:3],
                         runtime="2.16")
    assert report.holds


def test_a_release_that_is_none_is_told_before_conversion(tmp_path, monkeypatch):
    monkeypatch.setattr(conversion, "prepare", lambda *_, **__: pytest.fail("it was begun"))
    check_error(lambda: edge.export(_vit(), tmp_path / "x.tflite", runtime="two"), release="two")


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def fail(path, contract):
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(formats.FORMATS, ".tflite",
                        formats.FORMATS[".tflite"]._replace(write=fail))
    with pytest.raises(edge.ExportError, match="No space left on device"):
        edge.export(_vit(), tmp_path / "x.tflite", "float32")
    assert list(tmp_path.iterdir()) == []


def test_an_unbuilt_model(tmp_path):
    model = keras.Sequential([keras.layers.Dense(3)])
    check_error(lambda: edge.export(model, tmp_path / "x.tflite"), model="Sequential")


@pytest.mark.parametrize(("given", "received"), [
    ({"mean": "x"}, {"mean": "x"}), ({"std": 0}, {"std": 0}),
    ({"mean": [1, 2, 3, 4]}, {"mean": [1, 2, 3, 4], "channels": 3}),
    ({"licence": 5}, {"licence": 5}), ({"targets": [0, 1]}, {"targets": "list"})])
def test_arguments_that_say_nothing_are_refused_before_conversion(
        tmp_path, monkeypatch, given, received):
    monkeypatch.setattr(conversion, "prepare", None)
    check_error(lambda: edge.export(_vit(), tmp_path / "x.tflite", **given), **received)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("precision", ["static_wi8_ai8", "static_wi8_ai16"])
def test_an_output_that_integers_are_made_of_stays_an_output(tmp_path, precision):
    """AI Edge Quantizer puts the integers in its place, and the signature loses its name."""
    x = keras.Input((37,), name="x")
    features = keras.layers.UnitNormalization(name="features")(keras.layers.Dense(13)(x))
    logits = keras.layers.Dense(3, name="logits")(features)
    model = fill(keras.Model(x, [features, logits]))
    given = np.random.default_rng(3).normal(size=(41, 37)).astype("float32")
    edge.export(model, tmp_path / "x.tflite", precision, calibration=given)
    made = edge.load(tmp_path / "x.tflite")(given)
    assert list(made) == ["features", "logits"]
    for mine, wanted in zip(made.values(), model.predict(given, verbose=0), strict=True):
        np.testing.assert_allclose(mine, wanted, atol=0.1 * np.abs(wanted).max())


def test_an_unknown_suffix(tmp_path):
    check_error(lambda: edge.export(_vit(), tmp_path / "x.tfilte"),
                file=str(tmp_path / "x.tfilte"))


def test_folding_is_told(exported):
    _, _, reports = exported
    assert any("RMSNorms" in note for note in reports["float32"].notes)


def test_a_model_that_is_not_folded_gives_the_same(tmp_path, images):
    model = _vit(pooling="token")
    for fold in (False, "rotate", "balance"):
        report = edge.export(model, tmp_path / "x.tflite", "float32", inputs=images, fold=fold,
                             calibration=images)
        assert report.max_abs_error < EDGE_FLOAT32
        assert any("rotated" in note for note in report.notes) == (fold == "rotate")


def test_a_fold_that_is_unknown_or_lacks_examples(tmp_path):
    check_error(lambda: edge.export(_vit(), tmp_path / "x.tflite", fold="spin"), fold="spin")
    check_error(lambda: edge.export(_vit(), tmp_path / "x.tflite", fold="balance"),
                fold="balance", calibration=None)


FEW = ("float32", "dynamic_wi8_afp32", "dynamic_wi4_afp32")  # to choose among


def test_all_precisions_are_tried():
    assert smallest_file.PRECISIONS is edge.PRECISIONS


def test_the_smallest_precision_that_is_accurate_enough(tmp_path, images, monkeypatch):
    monkeypatch.setattr(smallest_file, "PRECISIONS", FEW)
    model = _vit()
    targets = model.predict(images, verbose=0).argmax(-1)
    report, rows = edge.smallest(model, tmp_path / "x.tflite", images, targets, max_drop=100.0,
                                 calibration=images, labels=list("abcde"))
    assert [row["precision"] for row in rows] == list(FEW)
    assert report.bytes == min(row["bytes"] for row in rows)
    assert [row["precision"] for row in rows if row["chosen"]] == [report.precision]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.tflite", "x.tflite.json"]
    assert edge.load(tmp_path / "x.tflite").contract["precision"] == report.precision

    (tmp_path / "y.tflite.json").write_text("{}")
    check_error(lambda: edge.smallest(model, tmp_path / "y.tflite", images, targets,
                                      calibration=images), file=str(tmp_path / "y.tflite.json"))
    (tmp_path / "y.tflite.json").unlink()
    wrong = (targets + 1) % 5  # Keras is always wrong, so every file is at least as good
    report, _ = edge.smallest(model, tmp_path / "y.tflite", images, wrong, max_drop=0.0,
                              calibration=images)
    assert report.accuracy["edge"] >= report.accuracy["keras"] == 0
    check_error(lambda: edge.smallest(model, tmp_path / "x.tflite", images, targets, max_drop=-1,
                                      calibration=images), max_drop=-1)


def test_a_precision_that_no_file_keeps(tmp_path, images, monkeypatch):
    monkeypatch.setattr(smallest_file, "PRECISIONS", ("dynamic_wi4_afp32",))
    model = _vit()
    monkeypatch.setattr(order.Order, "write", lambda *args, **kwargs: _report_of_drop(0.25))
    with pytest.raises(ValueError, match=r"dynamic_wi4_afp32': 25\.0"):
        smallest_file.smallest(model, tmp_path / "x.tflite", images, [0] * 37, calibration=images)
    assert list(tmp_path.iterdir()) == []


def _report_of_drop(drop):
    return types.SimpleNamespace(
        bytes=7, accuracy={"keras": 1.0, "edge": 1.0 - drop}, top1_agreement=1 - drop,
        latency={"median_ms": 1.0}, file="", precision="dynamic_wi4_afp32")


@pytest.mark.parametrize("precision", ["float32", "dynamic_wi8_afp32"])
def test_onnx_leaves_the_same_way(tmp_path, images, precision):
    model = _vit(pooling="token")
    report = edge.export(model, tmp_path / "x.onnx", precision, inputs=images,
                         calibration=images, labels=list("abcde"), attention=True)
    assert report.holds
    contract = json.loads((tmp_path / "x.onnx.json").read_text(encoding="utf-8"))
    assert contract["outputs"][0]["labels"] == list("abcde")
    assert contract["sha256"] == report.sha256
    outputs = edge.load(tmp_path / "x.onnx")(images)
    expected = model.predict(images, verbose=0)
    exact = precision == "float32"
    np.testing.assert_allclose(outputs["logits"], expected, atol=EDGE_FLOAT32 if exact else 0.2)
    np.testing.assert_allclose(outputs["attention"].sum(axis=(1, 2)), 1, atol=1e-5)


def test_onnx_has_two_precisions(tmp_path):
    check_error(lambda: edge.export(_vit(), tmp_path / "x.onnx", "mixed_wi8_ai8"),
                precision="mixed_wi8_ai8")


@pytest.mark.parametrize("precision", ["float32", "dynamic_wi8_afp32", "dynamic_wi4_afp32"])
def test_words_and_lstms_leave_fused_and_small(tmp_path, precision):
    """Embedding, LSTM and both directions of another, right at every run, state and all."""
    ids = keras.Input((23,), dtype="int32", name="ids")
    x = keras.layers.Embedding(211, 32)(ids)
    x = keras.layers.LSTM(32, return_sequences=True, name="there")(x)
    x = keras.layers.Bidirectional(keras.layers.LSTM(16), name="both")(x)
    model = keras.Model(ids, keras.layers.Dense(3, name="logits")(x))
    tokens = np.random.default_rng(5).integers(0, 211, size=(7, 23)).astype("int32")
    report = edge.export(model, tmp_path / "x.tflite", precision, inputs=tokens)
    assert report.ops["UNIDIRECTIONAL_SEQUENCE_LSTM"] == 3
    assert report.ops["EMBEDDING_LOOKUP"] == 1
    assert sum("is one fused op" in note for note in report.notes) == 3
    runner = edge.load(tmp_path / "x.tflite")
    expected = model.predict(tokens, verbose=0)
    for _ in range(2):
        np.testing.assert_allclose(
            runner(tokens), expected, atol=1e-5 if precision == "float32" else 0.02)
    if precision == "dynamic_wi8_afp32":
        assert report.bytes < 0.45 * 4 * model.count_params()


@pytest.mark.parametrize("half", ["encoder", "decoder"])
def test_a_half_of_a_discrete_vae_is_one_partition_of_rank_4(rng, tmp_path, half):
    model = fill(models.dvae(13, (6, 10, 3), filters=4, embed_dim=5, num_groups=2, num_blocks=1))
    images = rng.uniform(size=(3, 6, 10, 3)).astype("float32")
    inputs = {"encoder": images, "decoder": np.asarray(model.encode(images))}[half]
    report = edge.export(getattr(model, half), tmp_path / "half.tflite", "float32", inputs=inputs)
    assert (report.flex_ops, report.max_rank, report.partitions) == ([], 4, 1)
    np.testing.assert_allclose(edge.load(tmp_path / "half.tflite")(inputs),
                               getattr(model, half)(inputs), atol=EDGE_FLOAT32)
