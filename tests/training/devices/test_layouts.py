"""`keras_seqattn.training.devices.layouts`: every rule meets a weight, and divides what it can."""

import keras
import pytest

from keras_seqattn import models
from keras_seqattn.testing import check_error
from keras_seqattn.training.devices import layouts

SIZES = {"batch": 4, "model": 2}


@pytest.fixture(scope="module")
def weights():
    return models.vit("nano", 8, (16, 16, 3), 3, num_layers=1).trainable_variables


@pytest.mark.parametrize("name", layouts.LAYOUTS)
def test_every_rule_meets_a_weight_of_a_vit_and_divides_it_once(name, weights):
    for pattern, axes in layouts.rules(name).items():
        met = [each for each in weights
               if layouts.axes_of(each.path, tuple(each.shape), {pattern: axes}, SIZES)]
        assert met
        for each in met:
            divided = layouts.axes_of(each.path, tuple(each.shape), {pattern: axes}, SIZES)
            assert len(divided) == len(each.shape)
            assert sum(axis is not None for axis in divided) == 1


def test_the_matrices_of_the_blocks_are_all_divided(weights):
    for name in layouts.LAYOUTS:
        whole = [each.path for each in weights if each.path.endswith("kernel")
                 and each.path.startswith("block_")
                 and not any(layouts.axes_of(each.path, tuple(each.shape),
                                             layouts.rules(name), SIZES))]
        assert whole == []


def test_a_side_that_the_devices_do_not_divide_stays_whole():
    assert layouts.axes_of("block_0/attention/query/kernel", (13, 3, 5),
                           layouts.rules("heads"), SIZES) == (None, None, None)


def test_unknown_layouts_and_counts_are_refused():
    check_error(lambda: layouts.rules("head"), layout="head")
    check_error(lambda: layouts.model_parallel("heads", ["cpu:0"] * 3, 2), per_model=2, devices=3)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="a distribution of Keras on JAX")
def test_it_is_a_distribution_of_keras():
    made = layouts.model_parallel("heads", keras.distribution.list_devices()[:1], 1)
    assert tuple(made.device_mesh.axis_names) == ("batch", "model")
    assert made.batch_dim_name == "batch"
