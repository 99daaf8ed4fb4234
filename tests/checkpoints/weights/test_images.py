"""Shapes of images that no weights were made for."""

import pytest

from keras_seqattn.checkpoints.weights.images import check_image_shape
from keras_seqattn.testing import check_error


def test_shapes_that_fit_come_back():
    assert check_image_shape([5, None, 3], 3) == (5, None, 3)


@pytest.mark.parametrize("image_shape", [(5, 7), (5, 7, 1), (5, 7, 3, 3), ()])
def test_shapes_that_do_not(image_shape):
    check_error(lambda: check_image_shape(image_shape, 3), image_shape=image_shape, channels=3)
