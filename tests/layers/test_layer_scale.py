"""`keras_seqattn.layers.layer_scale`."""

import keras
import numpy as np
import pytest
from arrays import array
from tolerances import FLOAT32

from keras_seqattn.layers import LayerScale, TransformerEncoderBlock
from keras_seqattn.testing import check_error, check_layer


@pytest.mark.parametrize("kwargs", [{}, {"initial": 0.3}])
def test_contract(kwargs):
    check_layer(LayerScale, kwargs, (2, 5, 7), (2, 5, 7), 1)


def test_each_feature_has_its_factor(rng):
    x, layer = rng.normal(size=(2, 5, 3)).astype("float32"), LayerScale(0.5)
    np.testing.assert_array_equal(array(layer(x)), 0.5 * x)
    layer.gamma.assign([1.0, 2.0, -3.0])
    np.testing.assert_array_equal(array(layer(x)), x * np.array([1, 2, -3], "float32"))


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_a_block_scales_what_its_branches_add(rng, norm):
    """The output layers of both branches, multiplied by the factors, do the same."""
    kwargs = {"num_heads": 2, "mlp_dim": 7, "norm": norm, "activation": "relu"}
    x = rng.normal(size=(2, 5, 6)).astype("float32")
    scaled, plain = TransformerEncoderBlock(layer_scale=0.1, **kwargs), TransformerEncoderBlock(
        **kwargs)
    scaled(x), plain(x)
    kept = {weight.path.split("/", 1)[1]: weight for weight in plain.weights}
    for weight in scaled.weights:
        weight.assign(rng.normal(size=weight.shape))
        name = weight.path.split("/", 1)[1]
        if name in kept:
            kept[name].assign(weight)
    for name, dense in (("attention_scale", plain.attention.output_dense),
                        ("feed_forward_scale", plain.feed_forward.output_dense)):
        factors = array(getattr(scaled, name).gamma)
        dense.kernel.assign(array(dense.kernel) * factors)
        dense.bias.assign(array(dense.bias) * factors)
    np.testing.assert_allclose(array(scaled(x)), array(plain(x)), atol=10 * FLOAT32)


def test_an_unknown_width():
    check_error(lambda: LayerScale()(keras.Input((5, None))), input_shape=(None, 5, None))
