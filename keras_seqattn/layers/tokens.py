"""Tokens that belong to no patch or word: put in front of a sequence, and taken from it again."""

import typing

import keras
from keras import ops

from keras_seqattn.errors import check_count, check_sequence, explain
from keras_seqattn.kernels.product import spread
from keras_seqattn.layers.fitting import as_mask, check_mask, check_width
from keras_seqattn.layers.settings import Initializer
from keras_seqattn.plain import plain_numbers
from keras_seqattn.shapes import Shape, Tensor


@keras.saving.register_keras_serializable(package="keras_seqattn")
class ClassToken(keras.layers.Layer):
    """Puts learned tokens in front of a sequence. The final state of one stands for the whole.

    The average of all tokens does as well and is cheaper on device (Beyer et al. 2022). A class
    token is needed where weights of others are to be loaded.

    Args:
        initializer: Initialiser of the tokens.
        num_tokens: Number of tokens. It is 2 for a class and a distillation token. Any number is
            right for registers, which give attention room for notes (Darcet et al. 2024).

    Call arguments:
        inputs: Float, `(B, T, D)`.
        mask: Boolean, `(B, T)`. `True` is a real token. Keras fills it in.

    Returns:
        Float, `(B, num_tokens + T, D)`.

    Raises:
        ValueError: The input is not of rank 3. `num_tokens` is below 1.

    Example:

    >>> tuple(ClassToken()(keras.ops.zeros((2, 5, 3))).shape)
    (2, 6, 3)

    Masking: passes the mask on with `True` in front.
    Cost: `num_tokens·D` weights.
    On device: one CONCATENATION with a constant.
    Paper: Dosovitskiy et al. 2021, section 3.1, equation 1.
    """

    @plain_numbers
    def __init__(self, initializer: Initializer = "zeros", num_tokens: int = 1,
                 **kwargs: typing.Any):
        super().__init__(**kwargs)
        check_count(num_tokens=num_tokens)
        self.num_tokens = num_tokens
        self.initializer = keras.initializers.get(initializer)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        check_sequence(input_shape, "ClassToken")
        self._built_shape = tuple(input_shape)
        self.token = self.add_weight(
            shape=(1, self.num_tokens, input_shape[-1]), initializer=self.initializer, name="token")

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        check_width("ClassToken", self._built_shape, inputs=inputs)
        check_mask(inputs.shape, mask=as_mask(mask))
        shape = (ops.shape(inputs)[0], self.num_tokens, inputs.shape[-1])
        token = ops.broadcast_to(spread(self.token, inputs[:, :self.num_tokens]), shape)
        return ops.concatenate([token, inputs], axis=1)

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor | None:
        mask = as_mask(mask)
        if mask is None:
            return None
        real = ops.repeat(ops.ones_like(mask[:, :1]), self.num_tokens, axis=1)
        return ops.concatenate([real, mask], axis=1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        batch, length, embed_dim = input_shape
        return (batch, None if length is None else length + self.num_tokens, embed_dim)

    def get_config(self) -> dict[str, typing.Any]:
        return {
            **super().get_config(),
            "initializer": keras.initializers.serialize(self.initializer),
            "num_tokens": self.num_tokens,
        }


@keras.saving.register_keras_serializable(package="keras_seqattn")
class FirstTokens(keras.layers.Layer):
    """Takes the first tokens of a sequence, of any length.

    Args:
        num_tokens: Number of tokens that are taken.

    Call arguments:
        inputs: Float, `(B, T, D)`.

    Returns:
        Float, `(B, num_tokens, D)`.

    Raises:
        ValueError: `num_tokens` is below 1 or above `T`. The input is not of rank 3.

    Example:

    >>> tuple(FirstTokens(2)(keras.ops.zeros((2, 5, 3))).shape)
    (2, 2, 3)

    Masking: consumes the mask, since what `ClassToken` put in front is real.
    Cost: nothing.
    On device: the last block computes only these tokens.
    """

    @plain_numbers
    def __init__(self, num_tokens: int = 1, **kwargs: typing.Any):
        super().__init__(**kwargs)
        check_count(num_tokens=num_tokens)
        self.num_tokens = num_tokens
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        check_sequence(input_shape, "FirstTokens")
        self._check_length(input_shape[1])

    def _check_length(self, length):
        if length is not None and length < self.num_tokens:
            raise ValueError(explain(
                "the sequence must have as many tokens as are taken", num_tokens=self.num_tokens,
                length=length, fix="lower num_tokens"))

    def call(self, inputs: Tensor) -> Tensor:
        self._check_length(inputs.shape[1])
        return inputs[:, :self.num_tokens]

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> None:
        return None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.num_tokens, input_shape[2])

    def get_config(self) -> dict[str, typing.Any]:
        return {**super().get_config(), "num_tokens": self.num_tokens}
