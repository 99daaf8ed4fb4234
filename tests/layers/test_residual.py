"""`keras_seqattn.layers.residual`. The golden files of BiT hold the numbers of its blocks."""

import keras
import numpy as np
import pytest
from arrays import array, assert_close, normal

from keras_seqattn.layers import PreActivationBottleneck, StandardizedConv2D
from keras_seqattn.layers.residual import trunk
from keras_seqattn.layers.standardized_convolution import standardise
from keras_seqattn.testing import check_error, check_layer


@pytest.mark.parametrize(("kwargs", "shape", "out"), [
    ({"filters": 5, "kernel_size": 3}, (2, 7, 11, 3), (2, 7, 11, 5)),
    ({"filters": 3, "kernel_size": 5, "strides": 2, "epsilon": 1e-8,
      "kernel_initializer": "glorot_uniform"}, (2, 7, 8, 3), (2, 4, 4, 3)),
])
def test_contract_of_the_convolution(kwargs, shape, out):
    check_layer(StandardizedConv2D, kwargs, shape, out, 1, keeps_mask=False)


@pytest.mark.parametrize(("kwargs", "channels", "out", "num_weights"), [
    ({"filters": 12, "num_groups": 3}, 12, (2, 5, 7, 12), 9),
    ({"filters": 12, "num_groups": 3}, 6, (2, 5, 7, 12), 10),
    ({"filters": 12, "num_groups": 1, "strides": 2, "epsilon": 1e-3}, 12, (2, 3, 4, 12), 10),
])
def test_contract_of_the_bottleneck(kwargs, channels, out, num_weights):
    check_layer(PreActivationBottleneck, kwargs, (2, 5, 7, channels), out, num_weights,
                keeps_mask=False)


def test_a_kernel_by_hand():
    """Of 1 and 3 the mean is 2 and the deviation 1; a channel of equal weights becomes zero."""
    assert_close(standardise(keras.ops.array([[1.0, 5.0], [3.0, 5.0]]), 1e-10), [[-1, 0], [1, 0]])


@pytest.mark.parametrize(("size", "strides", "height"), [
    (3, 2, 6), (3, 1, 5), (7, 2, 8), (1, 2, 5)])
def test_padding_is_the_same_on_all_sides(rng, size, strides, height):
    """A loop over output pixels; an even height with a stride is where `"same"` pads otherwise."""
    x = normal(rng, 1, height, 5, 3)
    layer = StandardizedConv2D(2, size, strides)
    y = array(layer(x))
    kernel, side = array(standardise(layer.kernel, 1e-10)), size // 2
    padded = np.pad(x[0], ((side, side), (side, side), (0, 0)))
    for row, column in np.ndindex(*y.shape[1:3]):
        patch = padded[row * strides:, column * strides:][:size, :size]
        np.testing.assert_allclose(
            y[0, row, column], np.einsum("ijc,ijcf->f", patch, kernel), atol=1e-4)


def test_scale_and_shift_of_a_kernel_do_not_matter(rng):
    x, layer = normal(rng, 1, 5, 5, 3), StandardizedConv2D(2, 3)
    y = layer(x)
    layer.kernel.assign(3 * layer.kernel + 5)
    np.testing.assert_allclose(array(layer(x)), array(y), atol=1e-4)


def test_the_bottleneck_is_the_shortcut_where_its_last_kernel_is_zero(rng):
    """A kernel of zeros has no deviation to be brought to 1, and the shortcut is left alone."""
    x, layer = normal(rng, 1, 5, 5, 4), PreActivationBottleneck(4, num_groups=1)
    layer.build(x.shape)
    layer.widen.kernel.assign(np.zeros(layer.widen.kernel.shape))
    assert_close(layer(x), x)


def test_the_projection_reads_the_normalised_input(rng):
    """So scale and shift of the input do not reach the output, where there is a projection."""
    x, layer = normal(rng, 1, 6, 6, 4), PreActivationBottleneck(8, strides=2, num_groups=1)
    y = layer(x)
    np.testing.assert_allclose(array(layer(1000 * x + 500)), array(y), atol=1e-2)


def test_the_pooling_of_the_root_sees_zeros_behind_the_border():
    layers = {layer.name: layer for layer in trunk((1,), 2, (4,), 1, "float32")}
    pooled = array(layers["root_pool"](layers["root_padding"](-np.ones((1, 6, 6, 2), "float32"))))
    assert pooled[0, 0].max() == pooled[0, 0].min() == 0
    assert pooled[0, 1, 1].max() == -1


@pytest.mark.parametrize(("make", "received"), [
    (lambda: StandardizedConv2D(0, 3), {"filters": 0}),
    (lambda: StandardizedConv2D(3, 4), {"kernel_size": 4}),
    (lambda: StandardizedConv2D(3, 3)(np.zeros((5, 5, 3), "float32")), {"input_shape": (5, 5, 3)}),
    (lambda: PreActivationBottleneck(6), {"filters": 6}),
    (lambda: PreActivationBottleneck(8, num_groups=0), {"num_groups": 0}),
    (lambda: PreActivationBottleneck(8, num_groups=3)(np.zeros((1, 5, 5, 4), "float32")),
     {"num_groups": 3, "channels": 4}),
    (lambda: PreActivationBottleneck(8, num_groups=4)(np.zeros((1, 5, 5, 4), "float32")),
     {"num_groups": 4, "filters // 4": 2}),
    (lambda: PreActivationBottleneck(8)(np.zeros((5, 5, 4), "float32")),
     {"input_shape": (5, 5, 4)}),
])
def test_wrong_arguments(make, received):
    check_error(make, **received)
