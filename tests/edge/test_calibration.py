"""`keras_seqattn.edge.calibration`: which examples, and what is refused."""

import keras
import numpy as np
import pytest
from keras_models import vit

from keras_seqattn.edge import calibration, examples
from keras_seqattn.testing import check_error


def test_examples_are_taken_evenly_and_always_the_same():
    model = vit()
    images = np.arange(1_031, dtype="float32")[:, None, None, None] * np.ones((1, 24, 16, 3))
    images = images / 1_030
    chosen = calibration.choose(model.inputs, images, "mixed_wi8_ai8")["images"]
    assert chosen.shape == (examples.MOST, 24, 16, 3)
    assert chosen.dtype == "float32"
    again = calibration.choose(model.inputs, images, "mixed_wi8_ai8")["images"]
    np.testing.assert_array_equal(chosen, again)
    assert chosen[0, 0, 0, 0] == 0
    assert chosen[-1, 0, 0, 0] == 1


def test_a_source_gives_training_images():
    model = keras.Model(i := keras.Input((16, 24, 3), name="images"), keras.layers.Flatten()(i))
    images = calibration.choose(model.inputs, "sample:eurosat", "mixed_wi8_ai8")["images"]
    assert images.shape == (examples.USUAL, 16, 24, 3)
    assert -1 <= images.min() < images.max() <= 1


def test_none_is_needed_or_not():
    model = vit()
    assert calibration.choose(model.inputs, None, "dynamic_wi8_afp32") is None
    check_error(lambda: calibration.choose(model.inputs, None, "static_wi8_ai8"), calibration=None)


@pytest.mark.parametrize(("images", "received"), [
    (np.ones((0, 24, 16, 3)), {"examples": 0}),
    (np.ones((31, 24, 16, 3)), {"examples": 31}),
    ((np.ones((24, 16, 3)) for _ in range(31)), {"examples": 31}),
    (np.ones((37, 16, 24, 3)), {"example_shapes": {"images": (37, 16, 24, 3)}}),
    ({"pictures": np.ones((37, 24, 16, 3))}, {"examples": "a dictionary of pictures"}),
    (np.full((37, 24, 16, 3), np.nan), {"not_finite": "images"}),
])
def test_unfit_examples(images, received):
    check_error(lambda: calibration.choose(vit().inputs, images, "mixed_wi8_ai8"), **received)


@pytest.mark.parametrize(("scale", "mean", "std", "fits"), [
    ((0, 255), 127.5, 127.5, False),
    ((0, 255), 0.0, 1.0, True),
    ((0, 255), [123.7, 116.3, 103.5], 1.0, True),
    ((0, 255), [123.7, 116.3, 103.5], [58.4, 57.1, 57.4], False),
    ((-1, 1), 127.5, 127.5, True),
    ((-1, 1), 0.0, 1.0, False),
    ((0, 1), 0.0, 1.0, False),
    ((0, 1), 0.0, 255.0, True),
    ((-2.1, 2.6), [123.7, 116.3, 103.5], [58.4, 57.1, 57.4], True),
])
def test_pixels_are_scaled_as_the_contract_will_say(scale, mean, std, fits):
    images = np.linspace(*scale, 37 * 24 * 16 * 3).reshape(37, 24, 16, 3)

    def choose():
        return calibration.choose(vit().inputs, images, "mixed_wi8_ai8", mean, std)

    if fits:
        np.testing.assert_allclose(choose()["images"], images, rtol=1e-5, atol=1e-6)
    else:
        check_error(choose, calibration_range=tuple(map(float, scale)), mean=mean, std=std)


def test_a_source_is_scaled_as_the_contract_will_say():
    model = keras.Model(i := keras.Input((16, 24, 3), name="images"), keras.layers.Flatten()(i))
    images = calibration.choose(model.inputs, "sample:eurosat", "mixed_wi8_ai8", 0.0, 1.0)["images"]
    assert 0 <= images.min() < 100 < images.max() <= 255
    np.testing.assert_array_equal(images, np.rint(images))


def test_numbers_that_are_no_images_have_no_scale(rng):
    model = keras.Model(i := keras.Input((5, 7), name="x"), keras.layers.Flatten()(i))
    assert calibration.choose(model.inputs, 1e6 * rng.normal(size=(37, 5, 7)), "mixed_wi8_ai8")


@pytest.mark.parametrize(("least", "most", "told"), [
    (-1, 1, False), (-1.15, 1.15, False), (-0.6, 0.7, False), (-2.1, 2.6, True), (0, 1, True)])
def test_another_scale_is_told_before_it_is_refused(least, most, told):
    images = np.linspace(least, most, 12).reshape(1, 2, 2, 3)
    assert (calibration.scaled_otherwise(images, 127.5, 127.5) is not None) is told


def test_a_few_are_the_first(rng):
    arrays = {"x": rng.normal(size=(37, 3)), "y": rng.normal(size=(37, 5))}
    assert {name: array.tolist() for name, array in calibration.few(arrays).items()} == {
        name: array[:calibration.FEW].tolist() for name, array in arrays.items()}
    assert calibration.few(None) is None
