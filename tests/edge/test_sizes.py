"""`keras_seqattn.edge.sizes`: shapes and batches as signatures of one file."""

import json
import pathlib
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
from tolerances import EDGE_FLOAT32

from keras_seqattn import edge, models
from keras_seqattn.edge import formats, sizes
from keras_seqattn.edge.tflite import reader
from keras_seqattn.testing import check_error

pytestmark = pytest.mark.edge
TFLITE, ONNX = formats.of("x.tflite"), formats.of("x.onnx")


def _image(*shape):
    image = keras.Input(shape, name="image")
    found = keras.layers.Conv2D(5, 3, activation="relu")(image)
    return keras.Model(image, keras.layers.Dense(7)(keras.layers.GlobalAveragePooling2D()(found)))


def _pair():
    """A model of ids and of numbers beside them, both of any length."""
    ids = keras.Input((None,), dtype="int32", name="ids")
    beside = keras.Input((None, 3), name="beside")
    found = keras.layers.Embedding(31, 3)(ids) * beside
    return keras.Model([ids, beside], keras.layers.Dense(5)(keras.ops.mean(found, axis=1)))


@pytest.fixture(scope="module")
def reader_of_words():
    """A model that reads sentences of any length with attention."""
    keras.utils.set_random_seed(7)
    ids = keras.Input((None,), dtype="int32", name="ids")
    found = keras.layers.Embedding(31, 12, mask_zero=True, embeddings_initializer="normal")(ids)
    found = keras.layers.MultiHeadAttention(2, 5)(found, found)
    pooled = keras.layers.GlobalAveragePooling1D()(found)
    return keras.Model(ids, {"scores": keras.layers.Dense(5)(pooled), "words": found})


@pytest.fixture(scope="module")
def several(reader_of_words, tmp_path_factory):
    """The report on a file of two lengths, of one and of three examples each."""
    return edge.export(reader_of_words, tmp_path_factory.mktemp("sizes") / "x.tflite", "float32",
                       input_shapes=[7, 13], batch_size=[1, 3])


@pytest.mark.parametrize(("shape", "given", "found"), [
    ((5, 7, 3), {}, {"serving_default": (1, 5, 7, 3)}),
    ((None, None, 3), {"input_shapes": (5, 7, 3)}, {"serving_default": (1, 5, 7, 3)}),
    ((None, None, 3), {"input_shapes": [5, 7, 3]}, {"serving_default": (1, 5, 7, 3)}),
    ((None, None, 3), {"input_shapes": (5, 7, None)}, {"serving_default": (1, 5, 7, 3)}),
    ((None, 7, 3), {"input_shapes": {"image": (5, 7, 3)}}, {"serving_default": (1, 5, 7, 3)}),
    ((None, None, 3), {"input_shapes": [(5, 7, 3), (11, 13, 3), (5, 7, 3)]},
     {"shape_5x7x3": (1, 5, 7, 3), "shape_11x13x3": (1, 11, 13, 3)}),
    ((5, 7, 3), {"batch_size": 4}, {"serving_default": (4, 5, 7, 3)}),
    ((5, 7, 3), {"batch_size": [2, 1]}, {"batch_2": (2, 5, 7, 3), "batch_1": (1, 5, 7, 3)}),
    ((None, 7, 3), {"input_shapes": [(5, 7, 3), (11, 7, 3)], "batch_size": (2, 3)},
     {"shape_5x7x3_batch_2": (2, 5, 7, 3), "shape_5x7x3_batch_3": (3, 5, 7, 3),
      "shape_11x7x3_batch_2": (2, 11, 7, 3), "shape_11x7x3_batch_3": (3, 11, 7, 3)}),
])
def test_a_signature_for_each_shape_and_batch(shape, given, found):
    named = sizes.signatures(_image(*shape), TFLITE, **given)
    assert named == {name: {"image": each} for name, each in found.items()}
    assert list(named) == list(found)


def test_names_tell_what_sets_signatures_apart():
    shapes = [{"ids": 5, "beside": (5, 3)}, {"ids": 7, "beside": (7, 3)}]
    assert list(sizes.signatures(_pair(), TFLITE, shapes)) == [
        "shape_ids_5_beside_5x3", "shape_ids_7_beside_7x3"]
    a, b = (keras.Input((None,), name=name) for name in "ab")
    model = keras.Model([a, b], a + b)
    assert list(sizes.signatures(model, TFLITE, [{"a": 5, "b": 5}, {"a": 7, "b": 7}])) == [
        "shape_5", "shape_7"]


@pytest.mark.parametrize(("given", "received"), [
    ({}, {"input": "image", "input_shapes": [(None, None, 3)]}),
    ({"input_shapes": (5, 7)}, {"input_shape": (5, 7), "model_shape": (None, None, 3)}),
    ({"input_shapes": (5, 7, 1)}, {"input_shape": (5, 7, 1), "model_shape": (None, None, 3)}),
    ({"input_shapes": (5, 0, 3)}, {"input_shape": (5, 0, 3)}),
    ({"input_shapes": {"picture": (5, 7, 3)}}, {"name": "picture"}),
    ({"input_shapes": []}, {"input_shapes": []}),
    ({"input_shapes": (5, 7, 3), "batch_size": 0}, {"batch_size": 0}),
    ({"input_shapes": (5, 7, 3), "batch_size": []}, {"batch_size": 0}),
])
def test_what_does_not_fit_the_model_is_refused(given, received):
    check_error(lambda: sizes.signatures(_image(None, None, 3), TFLITE, **given), **received)


def test_a_model_of_several_inputs_needs_names():
    check_error(lambda: sizes.signatures(_pair(), TFLITE, (5, 3)), inputs=["ids", "beside"])


def test_unknown_sizes_say_what_to_pass():
    with pytest.raises(ValueError, match=r"input_shapes=\(128, 128, 3\)"):
        sizes.signatures(_image(None, None, 3), TFLITE)


def test_an_onnx_file_has_one_signature():
    check_error(lambda: sizes.signatures(_image(5, 7, 3), ONNX, None, [1, 2]),
                signatures=["batch_1", "batch_2"])
    assert sizes.signatures(_image(5, 7, 3), ONNX, None, 2) == {
        "serving_default": {"image": (2, 5, 7, 3)}}


def test_ranges_of_activations_are_those_of_one_signature(reader_of_words, tmp_path):
    check_error(lambda: edge.export(reader_of_words, tmp_path / "x.tflite", "static_wi8_ai8",
                                    input_shapes=[7, 13], calibration=np.ones((32, 7))),
                kind=edge.ExportError, precision="static_wi8_ai8",
                signatures=["shape_7", "shape_13"])
    assert not list(tmp_path.iterdir())


def test_every_signature_is_held_against_the_model(several):
    assert several.holds
    others = ["shape_7_batch_3", "shape_13_batch_1", "shape_13_batch_3"]
    assert several.signatures == ["shape_7_batch_1", *others]
    assert set(several.max_abs_errors) == {"scores", "words", *(
        f"{name}/{each}" for name in others for each in ("scores", "words"))}
    assert several.max_abs_error == max(several.max_abs_errors.values()) <= EDGE_FLOAT32
    assert several.latency["runs"] > 1


def test_the_contract_lists_the_shapes_of_each_signature(several):
    contract = json.loads(pathlib.Path(f"{several.file}.json").read_text(encoding="utf-8"))
    assert [each["name"] for each in contract["signatures"]] == several.signatures
    assert contract["signatures"][0]["inputs"] == [
        {key: contract["inputs"][0][key] for key in ("name", "shape", "dtype")}]
    assert contract["signatures"][3] == {
        "name": "shape_13_batch_3", "inputs": [{"name": "ids", "shape": [3, 13], "dtype": "int32"}],
        "outputs": [{"name": "scores", "shape": [3, 5], "dtype": "float32"},
                    {"name": "words", "shape": [3, 13, 12], "dtype": "float32"}]}


@pytest.mark.parametrize(("count", "length"), [(1, 7), (11, 7), (2, 13), (6, 13)])
def test_a_call_takes_the_signature_that_fits(several, reader_of_words, count, length):
    ids = np.random.default_rng(count).integers(0, 31, (count, length)).astype("int32")
    ids[:, 0] = 3
    expected, found = reader_of_words.predict(ids, verbose=0), edge.load(several.file)(ids)
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], atol=EDGE_FLOAT32)


def test_a_shape_of_no_signature_is_refused_with_those_that_there_are(several):
    check_error(lambda: edge.load(several.file)(np.ones((2, 11), "int32")),
                inputs={"ids": (2, 11)}, file_inputs=[{"ids": (7,)}, {"ids": (13,)}])


def test_threads_get_the_answers_to_their_own_lengths(several):
    rng = np.random.default_rng(3)
    asked = [rng.integers(1, 31, (count, length)).astype("int32")
             for count in (1, 2, 5) for length in (7, 13)]
    runner = edge.load(several.file)
    alone = [runner(ids)["scores"] for ids in asked]
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda ids: runner(ids)["scores"], asked * 11))
    for i, each in enumerate(given):
        np.testing.assert_array_equal(each, alone[i % len(asked)])


def test_signatures_share_the_weights(several, reader_of_words, tmp_path):
    alone = edge.export(reader_of_words, tmp_path / "x.tflite", "float32", input_shapes=7)
    assert alone.signatures == ["serving_default"]
    assert alone.weight_bytes <= several.weight_bytes <= 1.1 * alone.weight_bytes
    assert len(reader.read(several.file).graphs) == 4


def test_a_wrong_signature_beyond_the_first_fails(several, reader_of_words):
    """Of a model that treats long sentences in another way only the second length shows it."""
    def other(ids):
        found = reader_of_words.predict(ids, verbose=0)
        return {name: each + (ids.shape[1] > 7) for name, each in found.items()}

    report = edge.verify(several.file, other)
    assert not report.holds
    assert {failure.split(" of ")[-1].split(",")[0] for failure in report.failures} == {
        "shape_13_batch_1/scores", "shape_13_batch_1/words", "shape_13_batch_3/scores",
        "shape_13_batch_3/words"}


def test_a_vision_transformer_leaves_for_several_pictures_at_once(tmp_path):
    model = models.vit("nano", 8, (24, 16, 3), 5, num_layers=1, mlp_dim=67)
    report = edge.export(model, tmp_path / "x.tflite", batch_size=[3, 1], image_input="uint8",
                         attention=True, labels=list("abcde"))
    assert report.holds
    assert report.outputs == [{"name": "logits", "shape": [3, 5], "dtype": "float32"},
                              {"name": "attention", "shape": [3, 3, 2], "dtype": "float32"}]
    pixels = np.random.default_rng(5).integers(0, 256, (8, 24, 16, 3)).astype("uint8")
    runner = edge.load(tmp_path / "x.tflite")
    assert runner.probabilities(pixels).shape == (8, 5)
    each = np.concatenate([runner(pixels[i:i + 1])["logits"] for i in range(8)])
    np.testing.assert_allclose(runner(pixels)["logits"], each, atol=1e-4)


def test_calibration_of_several_examples_in_a_run(tmp_path):
    """Rounding and ranges are found on runs of four, the last of which is filled up."""
    keras.utils.set_random_seed(3)
    x = keras.Input((None, 37), name="x")
    model = keras.Model(x, keras.layers.Dense(5)(keras.layers.Dense(41, activation="relu")(x)))
    examples = np.random.default_rng(3).normal(size=(35, 3, 37)).astype("float32")
    for precision in ("dynamic_wi8_afp32", "static_wi8_ai8"):
        assert edge.export(model, tmp_path / "x.tflite", precision, input_shapes=(3, 37),
                           batch_size=4, calibration=examples).holds
    assert edge.export(model, tmp_path / "x.tflite", input_shapes=[(3, 37), (7, 37)],
                       batch_size=4, calibration=examples).holds
    check_error(lambda: edge.export(model, tmp_path / "x.tflite", input_shapes=(7, 37),
                                    calibration=examples), input_shapes={"x": (None, 7, 37)})


def test_an_output_that_is_not_of_examples_leaves_alone(tmp_path):
    x = keras.Input((4,), name="x")
    model = keras.Model(x, {"mean": keras.ops.mean(x), "same": x * 2})
    check_error(lambda: edge.export(model, tmp_path / "x.tflite", batch_size=3),
                batch_size=3, outputs={"mean": ()})
    assert edge.export(model, tmp_path / "x.tflite", "float32").holds
    array = np.random.default_rng(5).normal(size=(7, 4)).astype("float32")
    found = edge.load(tmp_path / "x.tflite")(array)
    np.testing.assert_allclose(found["mean"], array.mean(axis=1), atol=EDGE_FLOAT32)
    np.testing.assert_allclose(found["same"], 2 * array, atol=EDGE_FLOAT32)
