"""`keras_seqattn.edge.check.verify`: sound files hold in every precision, broken ones never do."""

import hashlib
import json

import keras
import numpy as np
import pytest
import tiny_tflite
from converted import converted

from keras_seqattn import edge, models
from keras_seqattn.testing import check_error

pytestmark = pytest.mark.edge
ROLLED = np.roll(np.eye(7), 1, axis=1)


def _vit():
    """A small ViT of wide weights without offsets, so that its logits depend on the image."""
    model = models.vit("nano", 8, (24, 16, 3), 7, num_layers=2, num_heads=2, embed_dim=64,
                       mlp_dim=128, pooling="mean")
    rng = np.random.default_rng(3)
    for weight in model.weights:
        if weight.name not in ("gamma", "beta", "bias"):
            scale = (2 if "patch" in weight.path else 1) / np.sqrt(np.prod(weight.shape[:-1]))
            weight.assign(rng.normal(scale=scale, size=weight.shape))
    return model


@pytest.fixture(scope="module")
def images():
    """Noise of another brightness and colour on each, so that the logits differ much."""
    rng = np.random.default_rng(5)
    colours = rng.uniform(-1, 1, size=(17, 1, 1, 3))
    return (colours + rng.uniform(-0.3, 0.3, size=(17, 24, 16, 3))).astype("float32")


@pytest.fixture(scope="module")
def model():
    return _vit()


@pytest.fixture(scope="module")
def files(model, images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("verify")
    source = converted(model, folder / "source.tflite")
    return {precision: tiny_tflite.quantise(
        source, folder / f"{precision}.tflite", precision, {"images": images})
        for precision in tiny_tflite.PRECISIONS}


@pytest.mark.parametrize("precision", tiny_tflite.PRECISIONS)
def test_a_sound_file_holds(files, model, images, precision):
    report = edge.verify(files[precision], model, images, runs=3)
    assert report.failures == []
    assert report.precision == precision
    exact = precision in ("float32", "float16")
    assert report.top1_agreement >= (1.0 if exact else 0.7)
    assert report.top5_agreement >= (1.0 if exact else 0.5)
    assert report.cosine > (0.9999 if exact else 0.8)
    assert report.kl_divergence < (1e-5 if exact else 0.1)
    assert report.max_abs_errors == {"logits": report.max_abs_error}
    assert (report.clipped != {}) is ("ai8" in precision or "ai16" in precision)
    assert report.sha256 == hashlib.sha256(files[precision].read_bytes()).hexdigest()


@pytest.mark.parametrize("precision", tiny_tflite.PRECISIONS)
@pytest.mark.parametrize("change", [
    lambda logits: logits @ ROLLED,
    lambda logits: logits[::-1],
    lambda logits: 2.0 * logits,
    lambda logits: logits - np.sign(logits) * np.abs(logits).max() * 0.5,
], ids=["rolled", "other examples", "doubled", "flattened"])
def test_a_wrong_model_never_holds(files, model, images, precision, change):
    def wrong(inputs):
        return change(model.predict(inputs, verbose=0)).astype("float32")

    report = edge.verify(files[precision], wrong, images, runs=1)
    assert any("error of logits" in text for text in report.failures)


def test_inputs_that_show_nothing_are_told(files, model, images):
    """The logits of one image seventeen times are right even if the file never looks at it."""
    same = np.repeat(images[:1], 17, axis=0)
    for inputs, blind in ((images, False), (same, True)):
        report = edge.verify(files["dynamic_wi8_afp32"], model, inputs, runs=1)
        assert report.holds
        assert any("real ones" in text for text in report.notes) is blind


def test_one_wrong_number_of_many_is_seen(files, model, images):
    """It drowns in a mean over a hundred examples; the largest error shows it."""
    def wrong(inputs):
        logits = model.predict(inputs, verbose=0)
        logits[3, 2] += 0.01 * np.abs(logits).max()
        return logits

    report = edge.verify(files["float32"], wrong, images, runs=1)
    assert any("largest error" in text for text in report.failures)


def test_verify_sees_another_model(files, model, images):
    other = keras.models.clone_model(model)
    weights = model.get_weights()
    weights[-2] = np.roll(weights[-2], 1, axis=-1)
    other.set_weights(weights)
    report = edge.verify(files["float32"], other, images, runs=1)
    assert not report.holds
    assert report.top1_agreement < 0.9


def test_verify_takes_any_function(files, model, images):
    assert edge.verify(
        files["float32"], lambda x: model.predict(x, verbose=0), images[:3], runs=1).holds


def test_verify_refuses_a_model_of_other_shapes(files, images):
    check_error(lambda: edge.verify(files["float32"], lambda x: x[:, 0, 0], images),
                model_shapes={"logits": (17, 3)}, file_shapes={"logits": (17, 7)})
    check_error(lambda: edge.verify(files["float32"], lambda x: [x[:, 0, 0], x], images),
                file_shapes={"logits": (17, 7)})


def test_targets_give_the_accuracy_of_both(files, model, images):
    targets = model.predict(images, verbose=0).argmax(-1)
    targets[:5] = (targets[:5] + 1) % 7
    report = edge.verify(files["float32"], model, images, targets, runs=1)
    assert report.accuracy == {"keras": 12 / 17, "edge": 12 / 17, "examples": 17}


def test_a_report_is_json_and_text(files, model):
    report = edge.verify(files["float32"], model, runs=3)
    assert json.loads(json.dumps(report.to_dict())) == report.to_dict()
    assert report.latency["runs"] == 3
    lines = dict(report.lines())
    assert lines["file"].endswith(f"float32, {report.bytes:,} bytes")
    assert lines["largest error"].startswith("logits ")
    assert "accuracy" not in lines


def _dense(path, weight=2.0, extra=None, contract=None, **shapes):
    """A file of `y = weight * x`, with what `extra` makes of it."""
    def function(x):
        return {"y": x * np.float32(weight), **(extra(x) if extra else {})}

    return tiny_tflite.write(path / "dense.tflite", function, x=(1, 2, 3), contract={
        "precision": "float32", **(contract or {})})


def _double(x):
    return 2.0 * np.asarray(x)


def test_an_extra_attention_must_sum_to_one(tmp_path):
    import tensorflow as tf

    def right(x):
        return {"attention": tf.nn.softmax(tf.reshape(x, (1, 6)))}

    def wrong(x):
        return {"attention": 0.9 * right(x)["attention"]}

    x = np.random.default_rng(5).normal(size=(5, 2, 3)).astype("float32")
    report = edge.verify(_dense(tmp_path, extra=right), _double, x, runs=1)
    assert report.failures == []
    assert set(report.max_abs_errors) == {"y"}
    report = edge.verify(_dense(tmp_path, extra=wrong), _double, x, runs=1)
    assert report.failures == ["attention must sum to 1, it is 0.1 off"]


def test_outputs_are_matched_by_name(tmp_path):
    """`a` and `z` of one shape, which the model gives in another order."""
    path = _dense(tmp_path, extra=lambda x: {"a": x * 3.0, "z": x * 5.0})
    def model(x):
        return {"z": 5 * x, "y": 2 * x, "a": 3 * x}
    x = np.random.default_rng(5).normal(size=(5, 2, 3)).astype("float32")
    assert edge.verify(path, model, x, runs=1).failures == []
    failures = edge.verify(path, lambda x: {**model(x), "z": 3 * x}, x, runs=1).failures
    assert failures
    assert all("error of z" in text for text in failures)


def test_a_nan_output_is_a_failure(tmp_path):
    x = np.ones((2, 2, 3), "float32")
    report = edge.verify(_dense(tmp_path, weight=np.nan), _double, x, runs=1)
    assert "an output is not finite: y" in report.failures
    assert "NaN first appears in PartitionedCall:0" in report.failures


def test_a_file_that_remembers_the_last_run_is_a_failure(files, model, images, monkeypatch):
    """As the fused LSTM does: the first run is right, each later one starts from its end."""
    run = edge.Runner.__call__

    def remembering(self, inputs):
        outputs = run(self, inputs)
        outputs = outputs + getattr(self, "_last", 0.0)
        self._last = 1e-4 * outputs[-1:]
        return outputs

    monkeypatch.setattr(edge.Runner, "__call__", remembering)
    report = edge.verify(files["float32"], model, images, runs=1)
    assert "the same input gives another output in a later run: logits" in report.failures


def test_a_file_without_its_weights_is_a_failure(tmp_path):
    """A model of 3,750 weights, of whose file only the graph is left."""
    import tensorflow as tf

    inputs = keras.Input((2, 3), name="x")
    model = keras.Model(inputs, keras.layers.Dense(1250, name="y")(inputs))
    path = tiny_tflite.write(tmp_path / "empty.tflite", lambda x: tf.tile(x[..., :1], (1, 1, 1250)),
                             x=(1, 2, 3), contract={"precision": "float32"})
    report = edge.verify(path, model, runs=1)
    assert any("bytes of weights, 3,750 of the model's need 15,000" in text
               for text in report.failures)
    report = edge.verify(path, lambda x: np.repeat(x[..., :1], 1250, -1), runs=1)
    assert any("0 bytes of weights" in text for text in report.failures)


def test_flex_ops_are_reported_and_not_run(tmp_path):
    import tensorflow as tf

    path = tiny_tflite.write(tmp_path / "x.tflite", tf.linalg.cholesky, flex=True, x=(1, 3, 3))
    report = edge.verify(path, np.linalg.cholesky, np.eye(3, dtype="float32")[None])
    assert report.flex_ops == report.custom_ops == ["FlexCholesky"]
    assert not report.holds
    assert (report.max_abs_error, report.latency) == (None, None)
    assert json.loads(json.dumps(report.to_dict())) == report.to_dict()


def test_the_contract_must_say_what_the_file_has(tmp_path):
    promised = {"name": "x", "shape": [1, 2, 3], "dtype": "float32", "content": "tensor"}
    x = np.ones((2, 2, 3), "float32")
    path = _dense(tmp_path, contract={"inputs": [promised]})
    assert edge.verify(path, _double, x, runs=1).failures == []
    path = _dense(tmp_path, contract={"inputs": [{**promised, "dtype": "uint8"}]})
    (failure,) = edge.verify(path, _double, x, runs=1).failures
    assert "uint8" in failure


def test_names_and_dtypes_are_those_of_the_model(tmp_path):
    inputs = keras.Input((2, 3), name="picture")
    model = keras.Model(inputs, keras.layers.Rescaling(2.0, name="twice")(inputs))
    report = edge.verify(_dense(tmp_path), model, np.ones((2, 2, 3), "float32"), runs=1)
    assert report.failures == []
    assert [text for text in report.warnings if "named" in text] == [
        "inputs are named ['x'] in the file, ['picture'] in the model",
        "outputs are named ['y'] in the file, ['twice'] in the model"]
    inputs = keras.Input((2, 3), name="x", dtype="int32")
    model = keras.Model(inputs, keras.ops.cast(inputs, "float32") * 2.0)
    report = edge.verify(_dense(tmp_path), model, np.ones((2, 2, 3), "float32"), runs=1)
    assert report.failures == ["input x is float32 in the file, int32 in the model"]


def test_an_output_of_another_dtype_is_a_failure(tmp_path):
    report = edge.verify(_dense(tmp_path), lambda x: (2 * x).astype("float64"),
                         np.ones((2, 2, 3), "float32"), runs=1)
    assert report.failures == ["output y is float32 in the file, float64 in the model"]


def _written(path, model):
    """The model as the converter's float32 file, with a contract."""
    return tiny_tflite.quantise(converted(model, path / "source.tflite"), path / "x.tflite",
                                "float32", None)


def _ids(mask_zero, name="i"):
    i = keras.Input((7,), dtype="int32", name=name)
    x = keras.layers.Embedding(23, 5, mask_zero=mask_zero, embeddings_initializer="normal")(i)
    y = keras.layers.GlobalAveragePooling1D(name="y")(keras.layers.Dense(3)(x))
    return keras.Model(i, y)


def _floats(masked):
    x = keras.Input((7, 3), name="x")
    y = keras.layers.Masking(-1.0)(x) if masked else x
    return keras.Model(x, keras.layers.LSTM(5, name="y")(y))


def _marked(masked):
    i, real = keras.Input((7, 3), name="i"), keras.Input((7,), dtype="bool", name="real")
    mask = real if masked else keras.ops.logical_or(real, True)
    return keras.Model([i, real], keras.layers.GlobalAveragePooling1D(name="y")(i, mask=mask))


@pytest.mark.parametrize(("make", "examples"), [
    (_ids, {"i": np.arange(1, 22).reshape(3, 7)}),
    (_floats, {"x": np.linspace(0, 1, 63).reshape(3, 7, 3)}),
    (_marked, {"i": np.linspace(0, 1, 63).reshape(3, 7, 3), "real": np.ones((3, 7))}),
])
def test_a_file_that_lost_its_mask_fails_whatever_the_examples(tmp_path, make, examples):
    model, maskless = make(True), make(False)
    maskless.set_weights(model.get_weights())
    path = _written(tmp_path, maskless)
    assert edge.verify(path, maskless, runs=1).failures == []
    assert any("error of y" in text for text in edge.verify(path, model, runs=1).failures)
    report = edge.verify(path, model, examples, runs=1)
    assert any("error of y" in text for text in report.failures)
    assert any("padding" in text for text in report.notes)


def test_a_file_that_masks_holds_though_a_row_is_nan_in_keras(tmp_path):
    model = _ids(True)
    path = _written(tmp_path, model)
    assert edge.verify(path, model, runs=1).failures == []
    ids = np.random.default_rng(3).integers(1, 23, (5, 7))
    ids[2] = 0
    report = edge.verify(path, model, ids, runs=1)
    assert report.failures == []
    (note,) = [text for text in report.notes if "NaN" in text]
    assert note.startswith("1 of 5 examples")


CHOICES = {"argmax": lambda y: keras.ops.argmax(y, -1), "top": lambda y: keras.ops.top_k(y, 3)[1],
           "sign": lambda y: y > 0, "level": lambda y: keras.ops.cast(y * 20, "int32")}


@pytest.mark.parametrize("name", ["top", "sign", "level"])
@pytest.mark.parametrize("precision", ["float32", "dynamic_wi8_afp32"])
def test_integers_and_booleans_must_be_equal(tmp_path, name, precision):
    x = keras.Input((16,), name="x")
    y = keras.layers.Dense(101, name="logits")(x)
    model = keras.Model(x, {"logits": y, "choice": CHOICES[name](y)})
    source = converted(model, tmp_path / "source.tflite")
    examples = np.random.default_rng(3).normal(size=(67, 16)).astype("float32")
    path = tiny_tflite.quantise(source, tmp_path / "x.tflite", precision, None)
    report = edge.verify(path, model, examples, runs=1)
    assert report.failures == []
    assert set(report.max_abs_errors) == {"logits"}
    assert report.equal["choice"] > (0.999 if precision == "float32" else 0.6)
    assert report.top1_agreement > 0.9

    def wrong(inputs):
        outputs = model.predict(inputs, verbose=0)
        return {**outputs, "choice": outputs["choice"][::-1]}

    failures = edge.verify(path, wrong, examples, runs=1).failures
    assert [text.split()[:2] for text in failures] == [["of", "choice"]]


def test_a_model_of_classes_alone_has_an_accuracy(tmp_path):
    path = tiny_tflite.write(tmp_path / "x.tflite", lambda x: {"y": _argmax(x)}, x=(1, 5),
                             contract={"precision": "float32"})
    x = np.eye(5, dtype="float32")[[0, 3, 2, 4]]
    report = edge.verify(path, lambda x: x.argmax(-1).astype("int32"), x,
                         targets=[0, 3, 2, 1], runs=1, weight_bytes=0)
    assert report.failures == []
    assert (report.equal, report.max_abs_error, report.cosine) == ({"y": 1.0}, None, None)
    assert report.accuracy == {"keras": 0.75, "edge": 0.75, "examples": 4}
    assert dict(report.lines())["equal"] == "y 100.0%"


def _argmax(x):
    import tensorflow as tf

    return tf.argmax(x, -1, output_type=tf.int32)


def test_examples_may_have_any_form(files, model, images):
    for given in ([images[:3]], {"images": images[:3]}, (images[i] for i in range(3)),
                  ((images[i:i + 1], [0]) for i in range(3))):
        assert edge.verify(files["float32"], model, given, runs=1).failures == []


def test_images_on_another_scale_than_the_contracts_are_told(files, model, images):
    scaled = np.clip(images, -1, 1)
    for given, told in ((scaled, False), (3 * images, True), (np.abs(scaled), True)):
        report = edge.verify(files["float32"], model, given, runs=1)
        assert any("`mean` and `std`" in text for text in report.warnings) is told


def test_the_seconds_are_told(files, model, images):
    report = edge.verify(files["float32"], model, images, runs=1)
    assert 0 < report.seconds < 60
    assert dict(report.lines())["verified"] == f"in {report.seconds:.2f} s"


def test_all_examples_with_targets_are_run(tmp_path):
    """More than are run without."""
    x = np.random.default_rng(3).normal(size=(601, 2, 3)).astype("float32")
    inputs = keras.Input((2, 3), name="x")
    model = keras.Model(inputs, keras.layers.Flatten(name="y")(2.0 * inputs))
    report = edge.verify(_written(tmp_path, model), model, x, x.reshape(601, -1).argmax(-1), runs=1)
    assert report.accuracy == {"keras": 1.0, "edge": 1.0, "examples": 601}


@pytest.mark.parametrize("activation", ["sigmoid", None])
def test_one_value_tells_two_classes_apart(tmp_path, activation):
    x = keras.Input((5,), name="x")
    model = keras.Model(x, keras.layers.Dense(1, activation=activation)(x))
    given = np.random.default_rng(3).normal(size=(37, 5)).astype("float32")
    middle = 0.5 if activation else 0.0
    targets = (model.predict(given, verbose=0) > middle).astype("int32")    # (37, 1)
    targets[:8] = 1 - targets[:8]
    report = edge.export(model, tmp_path / "x.tflite", "float32", inputs=given, targets=targets)
    assert report.accuracy == {"keras": 29 / 37, "edge": 29 / 37, "examples": 37}
    targets[3] = 2
    check_error(lambda: edge.verify(tmp_path / "x.tflite", model, given, targets), largest=2)
