"""`keras_seqattn.models.big_transfer`."""

import keras
import numpy as np
import pytest
from arrays import array, normal

from keras_seqattn import models
from keras_seqattn.models.big_transfer import SIZES
from keras_seqattn.testing import check_error

TINY = {"num_layers": (1, 2), "width": 8, "num_groups": 2}
# Of the published weights, with a head for 1,000 classes.
PUBLISHED = {"r50x1": 25_549_352, "r50x3": 217_319_080, "r101x1": 44_541_480,
             "r101x3": 387_934_888, "r152x2": 236_335_208, "r152x4": 936_533_224}


def _count(num_layers, width, num_classes):
    """The number of weights by arithmetic, since the largest model takes 3.7 GB."""
    total, channels = 7 * 7 * 3 * width, width
    for stage, blocks in enumerate(num_layers):
        filters = 4 * width << stage
        inner = filters // 4
        for block in range(blocks):
            total += channels * inner + 9 * inner ** 2 + inner * filters      # three kernels
            total += 2 * channels + 4 * inner                                 # three norms
            total += channels * filters if block == 0 else 0                  # the projection
            channels = filters
    return total + 2 * channels + channels * num_classes + num_classes


@pytest.mark.parametrize(("num_layers", "width", "num_classes"), [
    ((1, 2), 8, 7), ((2, 1, 3), 4, 5), ((1,), 12, 11)])
def test_the_arithmetic_counts_what_is_built(num_layers, width, num_classes):
    model = models.bit("r50x1", (32, 48, 3), num_classes, num_layers=num_layers, width=width,
                       num_groups=1)
    assert model.count_params() == _count(num_layers, width, num_classes)


def test_published_counts():
    assert {size: _count(*sizes, 1000) for size, sizes in SIZES.items()} == PUBLISHED


def test_any_images_in_any_size(rng):
    model = models.bit("r50x1", (None, None, 3), 5, **TINY)
    model.get_layer("logits").kernel.assign(normal(rng, 64, 5))
    for height, width in ((32, 48), (37, 29)):
        images = normal(rng, 2, height, width, 3)
        fixed = models.bit("r50x1", (height, width, 3), 5, **TINY)
        fixed.set_weights(model.get_weights())
        np.testing.assert_allclose(array(model(images)), array(fixed(images)), atol=1e-5)


def test_features_and_stages_of_any_width():
    model = models.bit("r50x1", (32, 32, 3), 0, num_layers=(1, 1), width=6, filters=(12, 36),
                       num_groups=3)
    assert model.output_shape == (None, 36)


def test_saved_and_loaded(rng, tmp_path):
    images = normal(rng, 2, 32, 24, 3)
    model = models.bit("r50x1", (32, 24, 3), 5, pixel_mean=(0.1, 0.2, 0.3), pixel_std=(0.5,) * 3,
                       **TINY)
    model.get_layer("logits").kernel.assign(normal(rng, 64, 5))
    model.save(tmp_path / "bit.keras")
    again = keras.saving.load_model(tmp_path / "bit.keras")
    np.testing.assert_array_equal(array(model(images)), array(again(images)))
    assert np.allclose(models.pixel_statistics(again)["pixel_mean"], (0.1, 0.2, 0.3))


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision(rng, dtype):
    """The deviation of a feature is near 1, of which eleven or eight bits are kept per step."""
    images = normal(rng, 2, 32, 32, 3)
    whole = models.bit("r50x1", (32, 32, 3), 0, **TINY)
    half = models.bit("r50x1", (32, 32, 3), 0, dtype=dtype, **TINY)
    half.set_weights(whole.get_weights())
    found = half(images)
    assert keras.backend.standardize_dtype(found.dtype) == dtype.removeprefix("mixed_")
    np.testing.assert_allclose(array(found), array(whole(images)),
                               atol=0.01 if dtype == "mixed_float16" else 0.08)


@pytest.mark.parametrize(("kwargs", "received"), [
    ({"size": "r50"}, {"size": "r50"}),
    ({"num_classes": -1}, {"num_classes": -1}),
    ({"image_shape": (32, 32)}, {"image_shape": (32, 32)}),
    ({"filters": (32,)}, {"num_layers": (1, 2), "filters": (32,)}),
    ({"num_layers": ()}, {"num_layers": ()}),
    ({"num_layers": (1, 0)}, {"num_layers": 0}),
    ({"num_groups": 5}, {"num_groups": 5, "channels": 8}),
    ({"pixel_mean": (0.1,)}, {"pixel_mean": (0.1,), "channels": 3}),
])
def test_wrong_arguments(kwargs, received):
    given = {"size": "r50x1", "image_shape": (32, 32, 3), "num_classes": 5, **TINY, **kwargs}
    check_error(lambda: models.bit(**given), **received)
