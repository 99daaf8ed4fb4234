"""`keras_seqattn.edge.calibration`: which examples, and what is refused."""

import keras
import numpy as np
import pytest
from keras_models import vit

from keras_seqattn.edge import calibration
from keras_seqattn.testing import check_error


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


def test_a_few_are_the_first(rng):
    arrays = {"x": rng.normal(size=(37, 3)), "y": rng.normal(size=(37, 5))}
    assert {name: array.tolist() for name, array in calibration.few(arrays).items()} == {
        name: array[:calibration.FEW].tolist() for name, array in arrays.items()}
    np.testing.assert_array_equal(calibration.few({"x": arrays["x"]}), arrays["x"][:16])
    assert calibration.few(None) is None
