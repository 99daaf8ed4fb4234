"""Less memory for more time: activations that are computed again in place of being kept."""

import collections.abc

import keras

from keras_seqattn.errors import explain
from keras_seqattn.shapes import Tensor


def rematerialise(model: keras.Model) -> None:
    """Computes the blocks again for the gradient in place of keeping their activations.

    `keras.RematScope` cannot: on TensorFlow its layers take no keyword, such as `training`.

    Args:
        model: `keras.Model` with layers `block_0` … `block_{L-1}`; changes in place.

    Raises:
        ValueError: a block has dropout.
    """
    for layer in model.layers:
        if layer.name.startswith("block_"):
            shares = (layer.dropout, layer.attention_dropout, layer.drop_path)
            if any(shares):
                raise ValueError(explain(
                    "`rematerialise` needs blocks without dropout, which would be drawn anew",
                    block=layer.name, shares=shares, fix="set the dropouts and drop_path to 0"))
            layer.call = _again(layer.call)


def _again(call: collections.abc.Callable) -> collections.abc.Callable:
    def call_again(inputs: Tensor, **keywords) -> Tensor:
        return keras.remat(lambda x: call(x, **keywords))(inputs)
    return call_again
