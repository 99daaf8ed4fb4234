"""`keras_seqattn.edge.run.runner`: the same pictures as Keras, errors that help."""

import io
import pathlib
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest
from converted import converted
from PIL import Image
from tolerances import EDGE_FLOAT32

from keras_seqattn import data, edge, models
from keras_seqattn.data.batches import scale
from keras_seqattn.edge import formats
from keras_seqattn.edge.contract.contract import describe
from keras_seqattn.edge.contract.outputs import decide
from keras_seqattn.edge.tflite import contract_in_file
from keras_seqattn.testing import check_error

pytestmark = pytest.mark.edge
LABELS = list("abcdefg")
SHAPE = (24, 16, 3)
SAMPLE = pathlib.Path(__file__).parents[3] / "examples" / "data" / "eurosat_sample.npz"


def _finished(path, labels=LABELS, **kwargs):
    session = formats.of(path).session(path)
    contract_in_file.write(path, describe(
        session, outputs=decide(session.outputs, labels=labels),
        **{"name": "model", "precision": "float32", **kwargs}))
    return path


@pytest.fixture(scope="module")
def model():
    """A classifier whose answers differ from picture to picture."""
    model = models.vit("nano", 8, SHAPE, len(LABELS), num_layers=1, mlp_dim=67)
    rng = np.random.default_rng(3)
    model.set_weights([
        np.full(w.shape, float(w.name == "gamma")) if len(w.shape) == 1 else
        rng.normal(scale=1 / np.sqrt(w.shape[0]), size=w.shape) for w in model.weights])
    return model


@pytest.fixture(scope="module")
def file(model, tmp_path_factory):
    return _finished(converted(model, tmp_path_factory.mktemp("run") / "vit.tflite"))


@pytest.fixture(scope="module")
def runner(file):
    return edge.load(file)


@pytest.fixture(scope="module")
def attentive(model, tmp_path_factory):
    """A file of 8-bit pixels that also gives what each patch receives."""
    pixels = keras.Input(SHAPE, name="pixels", dtype="uint8")
    images = keras.layers.Rescaling(1 / 127.5, -1)(pixels)
    cells = keras.layers.AveragePooling2D(8)(images)[..., 0]
    outputs = {"attention": cells, "logits": model(images)}
    path = tmp_path_factory.mktemp("attentive") / "vit.tflite"
    return _finished(converted(keras.Model(pixels, outputs), path))


def _shares(logits):
    shares = np.exp(logits - logits.max())
    return shares / shares.sum()


def _check_ranking(ranked, logits):
    shares = _shares(logits)
    order = np.argsort(-shares)[:len(ranked)]
    assert [label for label, _ in ranked] == [LABELS[i] for i in order]
    np.testing.assert_allclose([share for _, share in ranked], shares[order], atol=EDGE_FLOAT32)


def _jpeg(pixels, mode="RGB", **kwargs):
    stream = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(stream, "JPEG", **kwargs)
    return stream.getvalue()


def test_pictures_are_seen_as_keras_sees_them(runner, model):
    """Real pictures as they are stored, decoded and scaled as for training, and Keras' logits."""
    with np.load(SAMPLE) as sample:
        content, offset = sample["bytes"], sample["offset"]
    seen = set()
    for i in range(0, 40, 3):
        picture = content[offset[i]:offset[i + 1]].tobytes()
        images = scale(data.decode(picture, SHAPE[:2]))[None]
        ranked = runner.classify(picture, top=5)
        _check_ranking(ranked, model.predict(images, verbose=0)[0])
        seen.add(ranked[0][0])
    assert len(seen) > 1


@pytest.mark.parametrize(("mode", "kind", "size"), [
    ("RGB", "JPEG", (101, 67)), ("L", "JPEG", (13, 211)), ("RGBA", "PNG", (37, 41)),
    ("P", "PNG", (16, 24)), ("CMYK", "JPEG", (1, 1)), ("RGB", "WEBP", (61, 3))])
def test_every_kind_of_picture_is_seen_as_keras_sees_it(runner, model, tmp_path, mode, kind, size):
    pixels = np.random.default_rng(5).integers(0, 256, size=(*size[::-1], 4), dtype="uint8")
    path = tmp_path / f"picture.{kind.lower()}"
    picture = Image.fromarray(pixels)
    (picture if mode == "RGBA" else picture.convert("RGB").convert(mode)).save(path, kind)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "a picture stored as")
        images = scale(data.decode(path, SHAPE[:2]))[None]
        ranked = runner.classify(path, top=7)
        assert ranked == runner.classify(path.read_bytes(), top=7)
    _check_ranking(ranked, model.predict(images, verbose=0)[0])


def test_a_turned_photograph_is_seen_upright(runner, tmp_path):
    """Phones store what the sensor saw and, as EXIF's orientation, how to turn it."""
    pixels = np.random.default_rng(6).integers(0, 256, size=(61, 37, 3), dtype="uint8")
    orientation = Image.Exif()
    orientation[0x0112] = 6  # a quarter turn clockwise makes it upright
    Image.fromarray(pixels).save(tmp_path / "upright.png")
    Image.fromarray(np.rot90(pixels)).save(tmp_path / "turned.png", exif=orientation)
    assert runner.classify(tmp_path / "turned.png") == runner.classify(tmp_path / "upright.png")


def test_pixels_are_scaled_as_for_training(runner):
    pixels = np.arange(256, dtype="uint8").reshape(1, 16, 16, 1)
    np.testing.assert_allclose(runner.normalise(pixels), scale(pixels), atol=1e-6)
    assert runner.normalise(pixels).dtype == "float32"


def test_each_channel_has_its_own_scale(model, tmp_path):
    path = _finished(converted(model, tmp_path / "x.tflite"), mean=[3.0, 5.0, 7.0], std=(2, 4, 8))
    pixels = np.full((1, 1, 1, 3), 11, "uint8")
    assert edge.load(path).normalise(pixels).tolist() == [[[[4.0, 1.5, 0.5]]]]


def test_pixels_go_in_as_they_are_and_logits_are_found_by_name(attentive, model):
    runner = edge.load(attentive)
    assert [each["name"] for each in runner.contract["outputs"]] == ["attention", "logits"]
    assert [each["content"] for each in runner.contract["outputs"]] == ["attention", "logits"]
    pixels = np.random.default_rng(7).integers(0, 256, size=(2, *SHAPE), dtype="uint8")
    outputs = runner(pixels)
    expected = model.predict(scale(pixels), verbose=0)
    np.testing.assert_allclose(outputs["logits"], expected, atol=EDGE_FLOAT32)
    cells = scale(pixels)[..., 0].reshape(2, 3, 8, 2, 8).mean((2, 4))
    np.testing.assert_allclose(outputs["attention"], cells, atol=EDGE_FLOAT32)
    assert runner.normalise(pixels) is pixels
    stream = io.BytesIO()
    Image.fromarray(pixels[0]).save(stream, "PNG")
    _check_ranking(runner.classify(stream.getvalue(), top=4), expected[0])


def test_a_foreign_file_is_classified_by_its_first_flat_output(model, tmp_path):
    path = converted(model, tmp_path / "x.tflite")
    runner = edge.load(path)
    assert runner.contract == {}
    picture = _jpeg(np.random.default_rng(9).integers(0, 256, size=SHAPE, dtype="uint8"))
    logits = model.predict(scale(data.decode(picture))[None], verbose=0)[0]
    ranked = [(LABELS[int(label)], share) for label, share in runner.classify(picture, top=3)]
    _check_ranking(ranked, logits)


@pytest.fixture(scope="module")
def integers(tmp_path_factory):
    """A file whose one input and output are int8, and what it is made from."""
    import tensorflow as tf

    inputs = keras.Input((5, 7, 3), name="images")
    x = keras.layers.Flatten()(inputs)
    model = keras.Model(inputs, keras.layers.Dense(7, name="logits")(x))
    path = tmp_path_factory.mktemp("integers") / "int8.tflite"
    model.export(path.with_suffix(""), format="tf_saved_model", verbose=False, input_signature=[
        keras.InputSpec(shape=(1, 5, 7, 3), dtype="float32", name="images")])
    images = np.random.default_rng(1).uniform(-1, 1, size=(41, 5, 7, 3)).astype("float32")
    converter = tf.lite.TFLiteConverter.from_saved_model(str(path.with_suffix("")))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.representative_dataset = lambda: ([image[None]] for image in images)
    converter.inference_input_type = converter.inference_output_type = tf.int8
    path.write_bytes(converter.convert())
    return _finished(path, precision="static_wi8_ai8"), model, images


def test_quantised_inputs_and_outputs_are_floats_outside(integers):
    path, model, images = integers
    runner = edge.load(path)
    (scale_in, zero_in), (scale_out, _) = (
        next(iter(each.values()))["quantization"] for each in (runner.inputs, runner.outputs))
    logits = runner(images)
    assert logits.dtype == "float32"
    np.testing.assert_allclose(logits, model.predict(images, verbose=0), atol=0.1)
    for gain in (1, 100):  # at 100, most values lie beyond the range and take its nearest end
        by_hand = np.clip(np.round(images * gain / scale_in) + zero_in, -128, 127).astype("int8")
        np.testing.assert_array_equal(runner(by_hand), runner(images * gain))
    np.testing.assert_allclose(logits / scale_out, np.round(logits / scale_out), atol=1e-3)


def test_an_image_is_quantised_on_its_way_in(integers):
    path, model, _ = integers
    picture = _jpeg(np.random.default_rng(2).integers(0, 256, size=(5, 7, 3), dtype="uint8"))
    logits = model.predict(scale(data.decode(picture))[None], verbose=0)[0]
    for label, share in edge.load(path).classify(picture, top=7):
        assert share == pytest.approx(_shares(logits)[LABELS.index(label)], abs=0.03)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1e300])
def test_floats_must_be_finite(runner, wrong):
    images = np.zeros((2, *SHAPE))
    images[1, 23, 5, 2] = wrong
    check_error(lambda: runner(images), input="images", value=wrong, place=(1, 23, 5, 2), values=1)


@pytest.mark.parametrize("wrong", [256, -1, 0.5, np.nan])
def test_integers_must_fit(attentive, wrong):
    pixels = np.full((1, *SHAPE), 255, "float64" if isinstance(wrong, float) else "int64")
    pixels[0, 3, 2, 1] = wrong
    check_error(lambda: edge.load(attentive)(pixels), input="pixels", value=wrong,
                place=(0, 3, 2, 1))
    pixels[0, 3, 2, 1] = 254
    assert edge.load(attentive)(pixels)["logits"].shape == (1, 7)


def test_several_inputs_are_named(tmp_path, rng):
    query, value = keras.Input((5, 8), name="query"), keras.Input((7, 8), name="memory")
    scores = keras.layers.Dot(2, name="scores")([query, value])
    path = _finished(converted(keras.Model([query, value], scores), tmp_path / "x.tflite"),
                     labels=None)
    arrays = {"memory": rng.normal(size=(3, 7, 8)), "query": rng.normal(size=(3, 5, 8))}
    expected = np.einsum("btd,bsd->bts", arrays["query"], arrays["memory"])
    np.testing.assert_allclose(edge.load(path)(arrays), expected, atol=EDGE_FLOAT32)
    check_error(lambda: edge.load(path)({**arrays, "query": arrays["query"][:2]}),
                inputs={"memory": (3, 7, 8), "query": (2, 5, 8)})


def test_any_session_runs_behind_the_runner(monkeypatch, tmp_path):
    """A row of `formats` needs a session of inputs, outputs, a contract and `run`, no more."""
    class Session:
        def __init__(self, file, threads):
            self.inputs = {"x": {"shape": (1, 3), "dtype": np.dtype("float32")}}
            self.outputs = {"y": {"shape": (1, 3), "dtype": np.dtype("float32")}}
            self.contract = {"name": f"{file.name}, {threads}"}

        def run(self, x):
            return {"y": 2 * x}

    row = formats.FORMATS[".onnx"]._replace(suffix=".new", session=Session)
    monkeypatch.setitem(formats.FORMATS, ".new", row)
    runner = edge.load(tmp_path / "x.new", threads=3)
    assert runner.contract == {"name": "x.new, 3"}
    np.testing.assert_array_equal(runner([[1, 2, 3], [4, 5, 6]]), [[2, 4, 6], [8, 10, 12]])


def test_classify_needs_an_image_model(tmp_path):
    inputs = keras.Input((3,), name="x")
    path = converted(keras.Model(inputs, keras.layers.Dense(2)(inputs)), tmp_path / "x.tflite")
    check_error(lambda: edge.load(path).classify("picture.png"), input_shapes=[(1, 3)])


def test_classify_needs_classes(tmp_path):
    inputs = keras.Input((5, 7, 3), name="x")
    layer = keras.layers.AveragePooling2D(2, name="pool")
    path = converted(keras.Model(inputs, layer(inputs)), tmp_path / "x.tflite")
    check_error(lambda: edge.load(path).classify("picture.png"), outputs={"pool": (1, 2, 3, 3)})


def test_counts_must_be_counts(file, runner):
    check_error(lambda: runner.classify("picture.png", top=0), top=0)
    check_error(lambda: edge.load(file, threads=0), threads=0)


@pytest.mark.parametrize("length", [0, 5, 8, 71, 1_000, -1_000])
def test_a_torn_file(file, tmp_path, length):
    (tmp_path / "torn.tflite").write_bytes(file.read_bytes()[:length])
    check_error(lambda: edge.load(tmp_path / "torn.tflite"), file=str(tmp_path / "torn.tflite"))


def test_files_that_are_none(tmp_path):
    (tmp_path / "text.tflite").write_text("no flatbuffer at all")
    for path in (tmp_path / "text.tflite", tmp_path / "nowhere.tflite", tmp_path):
        check_error(lambda path=path: edge.load(path), file=str(path))


@pytest.mark.parametrize("inputs", [
    np.zeros((1, 16, 24, 3)), np.zeros(SHAPE), np.zeros((0, *SHAPE)), 1.0,
    {"pictures": np.zeros((1, *SHAPE))}])
def test_inputs_that_do_not_fit(runner, inputs):
    check_error(lambda: runner(inputs), file_inputs={"images": SHAPE})


def test_running_a_file_loads_neither_keras_nor_tensorflow(file):
    code = ("import sys, numpy; from keras_seqattn import edge; "
            f"edge.load({str(file)!r})(numpy.zeros((1, 24, 16, 3))); "
            "assert not {'keras', 'tensorflow', 'jax', 'onnx', 'onnxruntime', 'flatbuffers', "
            "'PIL'} & set(sys.modules)")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                            cwd=pathlib.Path(__file__).parents[3], check=False)
    assert result.returncode == 0, result.stderr


ANSWERS = {
    "softmax": (3, "softmax", ["cat", "dog", "fox"]), "logits": (3, None, ["cat", "dog", "fox"]),
    "labels of several": (3, "sigmoid", ["cat", "dog", "fox"]), "no and yes": (
        1, "sigmoid", ["cat", "dog"]), "yes": (1, "sigmoid", ["dog"]), "a logit": (
        1, None, ["cat", "dog"]), "numbers": (1, "sigmoid", None)}


@pytest.fixture(scope="module", params=ANSWERS)
def answering(request, tmp_path_factory):
    """A classifier of one ending, its file, and its answer about a picture by hand."""
    units, activation, labels = ANSWERS[request.param]
    keras.utils.set_random_seed(5)
    images = keras.Input((5, 7, 3), name="images")
    x = keras.layers.Flatten()(images)
    model = keras.Model(images, keras.layers.Dense(units, activation=activation, name="y")(x))
    file = tmp_path_factory.mktemp("answering") / "x.tflite"
    edge.export(model, file, "float32", labels=labels)
    pixels = np.random.default_rng(9).integers(0, 256, size=(5, 7, 3), dtype="uint8")
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    values = model.predict(scale(pixels)[None], verbose=0)[0].astype("float64")
    if activation is None:
        values = _shares(values) if units > 1 else 1 / (1 + np.exp(-values))
    shares = [1 - values[0], values[0]] if units == 1 else values
    names = labels or ["0", "1"]
    expected = dict(zip(names, shares[-len(names):], strict=True))
    return edge.load(file), stream.getvalue(), expected


def test_an_answer_has_the_probabilities_of_its_model(answering):
    runner, picture, expected = answering
    ranked = runner.classify(picture, top=7)
    assert [name for name, _ in ranked] == sorted(expected, key=expected.get, reverse=True)
    for name, share in ranked:
        assert share == pytest.approx(expected[name], abs=EDGE_FLOAT32)


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """Two inputs and three outputs, not in alphabetical order; and a part with one of each."""
    image, words = keras.Input((5, 7, 3), name="photo"), keras.Input((3,), name="notes")
    x = keras.layers.Flatten()(image)
    both = keras.layers.Concatenate()([x, words])
    heads = [keras.layers.Dense(2, name="size")(both),
             keras.layers.Dense(3, activation="softmax", name="pet")(both),
             keras.layers.Dense(11, name="code")(x)]
    model = keras.Model([image, words], heads)
    alone = keras.Model(image, heads[2])
    folder = tmp_path_factory.mktemp("several")
    edge.export(model, folder / "x.tflite", "float32",
                labels={"pet": ["cat", "dog", "fox"], "size": ["small", "large"]})
    edge.export(alone, folder / "alone.tflite", "float32")
    return model, edge.load(folder / "x.tflite"), edge.load(folder / "alone.tflite")


def test_inputs_as_the_model_takes_them(several, rng):
    model, runner, alone = several
    assert list(runner.inputs) == ["photo", "notes"]
    assert list(runner.outputs) == ["size", "pet", "code"]
    arrays = [rng.normal(size=(13, 5, 7, 3)), rng.normal(size=(13, 3))]
    expected = model.predict(arrays, verbose=0)
    named = dict(zip(("photo", "notes"), arrays, strict=True))
    for inputs in (arrays, tuple(arrays), named, [arrays[0].tolist(), arrays[1].tolist()]):
        outputs = runner(inputs)
        for name, array in zip(("size", "pet", "code"), expected, strict=True):
            np.testing.assert_allclose(outputs[name], array, atol=EDGE_FLOAT32)
    for inputs in (arrays[0], arrays[:1], list(arrays[0])):
        np.testing.assert_allclose(alone(inputs), expected[2], atol=EDGE_FLOAT32)


@pytest.mark.parametrize(("inputs", "received"), [
    ([np.zeros((1, 3))], {"inputs": 1, "file_inputs": ["photo", "notes"]}),
    (np.zeros((1, 3)), {"inputs": "ndarray", "file_inputs": ["photo", "notes"]}),
    ([np.zeros((1, 3)), np.zeros((1, 5, 7, 3))], {"file_inputs": {"photo": (5, 7, 3),
                                                                  "notes": (3,)}}),
    ([np.zeros((1, 5, 7, 3)), [[1, 2, 3], [1]]], {"input": "notes", "given": "list"}),
    ([np.zeros((1, 5, 7, 3)), np.array([["a", "b", "c"]])], {"input": "notes", "given": "ndarray"}),
    ({"photo": np.zeros((1, 5, 7, 3)), "note": np.zeros((1, 3))}, {"file_inputs": {
        "photo": (5, 7, 3), "notes": (3,)}})])
def test_a_mistake_with_several_inputs_is_one_line(several, inputs, received):
    check_error(lambda: several[1](inputs), **received)


def test_each_output_of_classes_can_be_asked(several, rng):
    model, runner, _ = several
    arrays = [rng.normal(size=(13, 5, 7, 3)), rng.normal(size=(13, 3))]
    size, pet, _ = model.predict(arrays, verbose=0)
    np.testing.assert_allclose(runner.probabilities(arrays, "pet"), pet, atol=EDGE_FLOAT32)
    first = runner.probabilities(arrays)
    np.testing.assert_allclose(first, [_shares(row) for row in size], atol=EDGE_FLOAT32)
    check_error(lambda: runner.probabilities(arrays, "code"), output="code", contents=["features"])
    check_error(lambda: runner.probabilities(arrays, "pett"), output="pett", contents=[])


def test_a_foreign_file_of_probabilities_has_no_second_softmax(tmp_path):
    images = keras.Input((5, 7, 3), name="images")
    x = keras.layers.Flatten()(images)
    model = keras.Model(images, keras.layers.Dense(3, activation="softmax")(x))
    runner = edge.load(converted(model, tmp_path / "x.tflite"))
    pixels = np.random.default_rng(9).uniform(-1, 1, size=(2, 5, 7, 3)).astype("float32")
    np.testing.assert_allclose(
        runner.probabilities(pixels), model.predict(pixels, verbose=0), atol=EDGE_FLOAT32)
