"""The position-wise feed-forward network: two dense layers applied to each token alike."""

import typing
from collections.abc import Callable

import keras

from keras_seqattn.errors import check_count, check_share, explain
from keras_seqattn.layers.activations import by_erf
from keras_seqattn.layers.fitting import check_width
from keras_seqattn.layers.projection import linear
from keras_seqattn.layers.settings import Activation, Initializer
from keras_seqattn.plain import plain_numbers
from keras_seqattn.shapes import Shape, Tensor


@keras.saving.register_keras_serializable(package="keras_seqattn")
class FeedForward(keras.layers.Layer):
    """Transforms each token by itself: out to `mlp_dim`, through a nonlinearity and back.

    Args:
        mlp_dim: Inner width `F`.
        activation: Name or function applied inside, for example `"gelu"` or `"relu"`.
        dropout: Share dropped after each of the two layers in training, in `[0, 1)`.
        use_bias: Whether the two layers have biases.
        kernel_initializer: Initialiser of the kernels.
        seed: Seed of the dropout. `None` draws one.

    Call arguments:
        inputs: Float, `(…, D)`.
        training: Whether dropout acts.

    Returns:
        Float, `(…, D)`.

    Raises:
        ValueError: `mlp_dim` is below 1. `dropout` lies outside `[0, 1)`. The rank of the input is
            below 2, or its width unknown.

    Example:

    >>> tuple(FeedForward(mlp_dim=11)(keras.ops.ones((2, 5, 3))).shape)
    (2, 5, 3)

    Masking: passes the mask on.
    Cost: `2·D·F` weights (+ `D + F`), as many multiply-adds per token.
    On device: 2 FULLY_CONNECTED and the activation. Int8 weights are supported.
    Paper: Vaswani et al. 2017, section 3.3, equation 2 (there with ReLU).
    """

    @plain_numbers
    def __init__(self, mlp_dim: int, activation: Activation = "gelu", dropout: float = 0.0,
                 use_bias: bool = True, kernel_initializer: Initializer = "glorot_uniform",
                 seed: int | None = None, **kwargs: typing.Any):
        super().__init__(**kwargs)
        check_count(mlp_dim=mlp_dim)
        check_share(dropout=dropout)
        self.mlp_dim = mlp_dim
        self.activation: Callable[[Tensor], Tensor] = keras.activations.get(activation)
        self.dropout = dropout
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.seed = seed
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise ValueError(explain(
                "the input of FeedForward must have a known width as its last axis",
                input_shape=tuple(input_shape), fix="set the last axis"))
        embed_dim = input_shape[-1]
        self._built_shape = tuple(input_shape)
        self._hidden = keras.layers.Dense(
            self.mlp_dim, activation=self.activation, use_bias=self.use_bias, name="hidden",
            kernel_initializer=self.kernel_initializer.clone(), dtype=self.dtype_policy)
        self._output = keras.layers.Dense(
            embed_dim, use_bias=self.use_bias, name="output",
            kernel_initializer=self.kernel_initializer.clone(), dtype=self.dtype_policy)
        self._drop = keras.layers.Dropout(self.dropout, seed=self.seed, dtype=self.dtype_policy)
        self._hidden.build(input_shape)
        self._output.build((*input_shape[:-1], self.mlp_dim))

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        check_width(type(self).__name__, self._built_shape, inputs=inputs)
        if training and self._is_of_jax(inputs):
            made = self._made_leanly(inputs)
        else:
            hidden = self._drop(self._activated(inputs), training=training)  # (…, F)
            made = self._output(hidden)                                      # (…, D)
        return self._drop(made, training=training)

    def _activated(self, inputs):
        """What the second layer reads, `(…, F)`."""
        return self._hidden(inputs)

    def _is_of_jax(self, inputs):
        return (keras.backend.backend() == "jax" and not isinstance(inputs, keras.KerasTensor)
                and not self._hidden.quantization_mode)

    def _made_leanly(self, inputs):
        """The same for training on JAX: what the activation reads is kept for the gradient alone.

        XLA would keep what the activation makes, too, which is as large.
        """
        def second(*read):
            hidden = self._drop(self._activation_of(*read), training=True)
            return linear(self._output, hidden)

        read = self._read_by_activation(inputs)
        return second(*read) if self.dropout else keras.remat(second)(*read)

    def _read_by_activation(self, inputs):
        return (linear(self._hidden, inputs),)

    def _activation_of(self, hidden, *_):
        return by_erf(self.activation)(hidden)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    hidden_dense = property(lambda self: self._hidden)
    output_dense = property(lambda self: self._output)

    def get_config(self) -> dict[str, typing.Any]:
        return {
            **super().get_config(),
            "mlp_dim": self.mlp_dim,
            "activation": keras.activations.serialize(self.activation),
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "seed": self.seed,
        }
