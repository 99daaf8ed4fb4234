"""A feed-forward network whose nonlinear half is a gate of its linear half."""

import keras

from keras_seqattn.layers.feed_forward import FeedForward
from keras_seqattn.layers.projection import linear
from keras_seqattn.shapes import Shape


@keras.saving.register_keras_serializable(package="keras_seqattn")
class GatedFeedForward(FeedForward):
    """Transforms each token by itself: `(activation(x·W) ∗ x·V)·W₂`.

    The arguments and the call are those of `FeedForward`. With `activation="silu"` it is SwiGLU,
    which DINOv2's largest model has.

    Attributes:
        hidden_dense: The layer `W`, with the activation.
        linear_dense: The layer `V`.
        output_dense: The layer `W₂`.

    Example:

    >>> tuple(GatedFeedForward(mlp_dim=11, activation="silu")(keras.ops.ones((2, 5, 3))).shape)
    (2, 5, 3)

    Masking: passes the mask on.
    Cost: `3·D·F` weights (+ `D + 2·F`), as many multiply-adds per token.
    On device: 3 FULLY_CONNECTED, the activation and MUL. Int8 weights are supported.
    Paper: Shazeer 2020, "GLU Variants Improve Transformer", equation 6.
    """

    linear_dense = property(lambda self: self._linear)

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        self._linear = keras.layers.Dense(
            self.mlp_dim, use_bias=self.use_bias, name="linear",
            kernel_initializer=self.kernel_initializer.clone(), dtype=self.dtype_policy)
        self._linear.build(input_shape)

    def _activated(self, inputs):
        return self._hidden(inputs) * self._linear(inputs)

    def _read_by_activation(self, inputs):
        return (*super()._read_by_activation(inputs), linear(self._linear, inputs))

    def _activation_of(self, hidden, *gated):
        return super()._activation_of(hidden) * gated[0]
