"""`keras_seqattn.edge.contract.pixels`: the input of golden values, the scale of pixels."""

import numpy as np
import pytest

from keras_seqattn.edge.contract import pixels
from keras_seqattn.testing import check_error


def test_the_golden_rule_in_another_words():
    values = [(i * 2654435761 % 2**32) >> 24 for i in range(2 * 3 * 37)]
    assert len(set(values)) > 128
    same = pixels.golden_input((2, 3, 37), "uint8")
    assert same.ravel().tolist() == values
    assert pixels.golden_input((222,), "int16").tolist() == values
    assert pixels.golden_input((222,), "int64").tolist() == [value % 2 for value in values]
    signed = [value - 256 if value > 127 else value for value in values]
    assert pixels.golden_input((222,), "int8").tolist() == signed
    np.testing.assert_allclose(
        pixels.golden_input((222,), "float32"), np.array(values) / 127.5 - 1, atol=1e-6)
    np.testing.assert_allclose(
        pixels.golden_input((222,), "float32", 50.0, 2.0), (np.array(values) - 50) / 2,
        atol=1e-4)
    assert pixels.golden_input((1,), "float16").dtype == "float16"


def test_pixels_are_scaled_channel_by_channel():
    scaled = pixels.normalise(np.full((1, 1, 1, 3), 11, "uint8"), [3, 5, 7], (2, 4, 8))
    assert scaled.tolist() == [[[[4.0, 1.5, 0.5]]]]
    assert scaled.dtype == "float32"


@pytest.mark.parametrize(("mean", "std", "received"), [
    (np.nan, 1, {"mean": np.nan}), ([[1, 2, 3]], 1, {"mean": [[1, 2, 3]]}),
    ([1, 2], 1, {"mean": [1, 2], "channels": 3}), (0, -1, {"std": -1}),
    (0, [1, 0, 1], {"std": [1, 0, 1]}), (0, None, {"std": None})])
def test_a_scale_that_is_none_is_refused(mean, std, received):
    check_error(lambda: pixels.check_scale(mean, std, 3), **received)
