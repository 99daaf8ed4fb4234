"""`keras_seqattn.edge.tflite.quantize.ranges`: which ranges, which moments."""

import keras
import numpy as np
import pytest
from keras_models import draw, fill, vit

from keras_seqattn import edge
from keras_seqattn.edge.tflite import reader
from keras_seqattn.edge.tflite.quantize.ranges import Ranges, observe


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


def test_what_is_clipped_counts_more_than_what_is_rounded(rng):
    """Of all shares none has a smaller sum of both, clipping four times; by the values alone."""
    array = rng.standard_t(3, size=50_021)

    def counted(low, high):
        step, inside = (high - low) / 255, (array >= low) & (array <= high)
        clipped = (array - np.clip(array, low, high)) ** 2
        return 4 * clipped.sum() + inside.sum() * step ** 2 / 12

    best = min(counted(share * array.min(), share * array.max())
               for share in np.geomspace(1, 0.01, 100))
    assert counted(*ranges_of(array).search("x")) < 1.02 * best


def test_what_is_alike_to_the_reader_takes_no_room(rng):
    array = np.append(rng.uniform(-2, 4, size=10_007), rng.uniform(-40, -3, size=10_009))
    low, high = ranges_of(array).search("x", floor=-3.0)
    assert (low, high) == (pytest.approx(-3.0, abs=0.1), pytest.approx(4.0, abs=0.1))
    assert ranges_of(array).search("x")[0] < -30


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
    name = next(tensor.name for tensor in reader.read(tmp_path / "x.tflite").tensors
                if tensor.name.startswith("pool") and tensor.shape == (1, 22))
    ranges, moments = observe(
        tmp_path / "x.tflite", inputs, [name], [name], squares=True)
    pooled = np.asarray(keras.Model(model.input, model.get_layer("pool").output)(
        inputs["images"]))
    np.testing.assert_allclose(moments.mean(name), pooled.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(moments.hessian(name), pooled.T @ pooled / 5, atol=1e-4)
    low, high = ranges.search(name, bits=16)
    assert min(low, 0) >= pooled.min() * 1.001 - 1e-5
    assert high <= max(pooled.max(), 0) + 1e-5
    assert high - low > 0.5 * (pooled.max() - pooled.min())
