"""`keras_seqattn.edge.calibration`: which examples, which ranges, which moments."""

import keras
import numpy as np
import pytest
from keras_models import draw, fill, vit

from keras_seqattn import edge
from keras_seqattn.edge import calibration
from keras_seqattn.edge.tflite import reader
from keras_seqattn.edge.tflite.quantize.ranges import Ranges, observe
from keras_seqattn.testing import check_error


def ranges_of(array):
    low, high = float(array.min()), float(array.max())
    ranges = Ranges({"x": (low, high)})
    ranges.add("x", array)
    return ranges


def error(array, low, high, bits=8):
    step = (high - low) / (2 ** bits - 1)
    restored = np.clip(np.rint((array - low) / step), 0, 2 ** bits - 1) * step + low
    return np.square(restored - array).mean()


def test_an_even_spread_keeps_its_whole_range(rng):
    array = rng.uniform(-3, 5, size=10_007)
    low, high = ranges_of(array).search("x")
    assert low == pytest.approx(-3, abs=0.15)
    assert high == pytest.approx(5, abs=0.25)


def test_a_lonely_extreme_is_clipped(rng):
    array = np.append(rng.normal(size=100_003), 3_000.0)
    low, high = ranges_of(array).search("x", bits=4)
    assert high < 3_000
    assert error(array[:-1], low, high, 4) < error(array[:-1], array.min(), 3_000, 4)


def test_the_range_is_near_the_best_of_all_shares(rng):
    array = rng.standard_t(3, size=50_021)
    low, high = ranges_of(array).search("x")
    best = min(error(array, share * array.min(), share * array.max())
               for share in np.geomspace(1, 0.01, 100))
    assert error(array, low, high) < 1.1 * best


def test_symmetric_ranges_and_zero(rng):
    low, high = ranges_of(rng.uniform(1, 3, size=1_009)).search("x", symmetric=True)
    assert low == -high
    low, _ = ranges_of(rng.uniform(1, 3, size=1_009)).search("x")
    assert low == 0


def test_a_constant_has_a_range():
    low, high = ranges_of(np.full(7, 2.0)).search("x")
    assert low <= 0 <= high == 2.0


@pytest.mark.edge
def test_moments_are_those_of_the_model(tmp_path):
    """What enters the logits, seen inside the file, against Keras."""
    model = fill(vit(pooling="mean"))
    inputs = draw(model, 5)
    edge.export(model, tmp_path / "x.tflite", "float32", fold=False)
    name = next(tensor.name for tensor in reader.tensors(tmp_path / "x.tflite")
                if tensor.name.startswith("pool/") and tensor.shape == (1, 22))
    ranges, moments = observe(
        tmp_path / "x.tflite", inputs, [name], [name], squares=True)
    pooled = np.asarray(keras.Model(model.input, model.get_layer("pool").output)(
        inputs["images"]))
    np.testing.assert_allclose(moments.mean(name), pooled.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(moments.hessian(name), pooled.T @ pooled / 5, atol=1e-4)
    assert ranges._extremes[name] == pytest.approx((pooled.min(), pooled.max()), abs=1e-5)


def test_examples_are_taken_evenly_and_always_the_same():
    model = vit()
    images = np.arange(1_031, dtype="float32")[:, None, None, None] * np.ones((1, 24, 16, 3))
    chosen = calibration.choose(model, images, "mixed_wi8_ai8")["images"]
    assert chosen.shape == (calibration.MOST, 24, 16, 3)
    assert chosen.dtype == "float32"
    again = calibration.choose(model, images, "mixed_wi8_ai8")["images"]
    np.testing.assert_array_equal(chosen, again)
    assert chosen[0, 0, 0, 0] == 0
    assert chosen[-1, 0, 0, 0] == 1_030


def test_a_source_gives_training_images():
    model = keras.Model(i := keras.Input((16, 24, 3), name="images"), keras.layers.Flatten()(i))
    examples = calibration.choose(model, "sample:eurosat", "mixed_wi8_ai8")["images"]
    assert examples.shape == (calibration.USUAL, 16, 24, 3)
    assert -1 <= examples.min() < examples.max() <= 1


def test_none_is_needed_or_not():
    model = vit()
    assert calibration.choose(model, None, "dynamic_wi8_afp32") is None
    check_error(lambda: calibration.choose(model, None, "static_wi8_ai8"), calibration=None)


@pytest.mark.parametrize(("images", "received"), [
    (np.zeros((0, 24, 16, 3)), {"examples": 0}),
    (np.zeros((31, 24, 16, 3)), {"examples": 31}),
    (np.zeros((37, 16, 24, 3)), {"calibration_shapes": {"images": (37, 16, 24, 3)}}),
    ({"pictures": np.zeros((37, 24, 16, 3))},
     {"calibration_shapes": {"pictures": (37, 24, 16, 3)}}),
    (np.full((37, 24, 16, 3), np.nan), {"not_finite": ["images"]}),
])
def test_unfit_examples(images, received):
    check_error(lambda: calibration.choose(vit(), images, "mixed_wi8_ai8"), **received)
