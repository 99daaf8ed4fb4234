"""`keras_seqattn.layers.last_step`."""

import numpy as np
import pytest
from arrays import array, normal

from keras_seqattn.layers import LastStep
from keras_seqattn.testing import check_error, check_layer


def test_contract():
    check_layer(LastStep, {}, (2, 5, 3), (2, 3), 0, keeps_mask=False)


@pytest.mark.parametrize(("mask", "last"), [
    ([1, 1, 1, 1, 1], 4), ([1, 1, 0, 0, 0], 1), ([0, 0, 1, 0, 0], 2), ([0, 1, 0, 1, 0], 3)])
def test_the_last_real_step_is_picked(rng, mask, last):
    x = normal(rng, 2, 5, 3)
    for given in ({"mask": np.array([mask, mask], bool)}, {} if all(mask) else None):
        if given is not None:
            np.testing.assert_array_equal(array(LastStep()(x, **given)), x[:, last])


def test_padding_alone_gives_zeros(rng):
    assert not array(LastStep()(normal(rng, 1, 5, 3), mask=np.zeros((1, 5), bool))).any()


def test_an_image_has_no_last_step():
    check_error(lambda: LastStep()(np.zeros((2, 3, 3, 5), "float32")), input_shape=(2, 3, 3, 5))
