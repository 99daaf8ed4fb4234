"""Temporal convolutional networks: the models of `recurrent` without recurrence.

Paper: Bai, Kolter & Koltun 2018. Deviation: the kernels start with He's scale, the paper's with a
normal distribution of deviation 0.01. Weight normalisation keeps the length that kernels start
with.
"""

from collections.abc import Sequence

import keras

from keras_seqattn.layers import LastStep, TemporalConvNet
from keras_seqattn.models.sequence import answer, enter
from keras_seqattn.plain import plain_numbers
from keras_seqattn.shapes import Shape


@plain_numbers
def temporal(filters: int, num_outputs: int, input_shape: Shape, *, kernel_size: int = 3,
             dilation_rates: Sequence[int] = (1, 2, 4, 8), norm: str | None = "weight",
             every_step: bool = False, vocab_size: int | None = None, embed_dim: int = 64,
             mask_value: float | None = None, dropout: float = 0.0,
             dtype: str | keras.DTypePolicy | None = None, seed: int | None = None,
             name: str = "temporal") -> keras.Model:
    """Builds a network of causal convolutions that classifies or predicts, once or at every step.

    `models.streaming` makes it read chunk by chunk. The network cannot see what lies further back
    than its receptive field of `model.get_layer("net").receptive_field` steps.

    Args:
        filters: Width of the convolutions.
        num_outputs: Number of logits, or of numbers to predict.
        input_shape: `(T, D)` for vectors, `(T,)` for tokens. `T` may be `None`.
        kernel_size: Number of steps that each convolution reads, at least 2.
        dilation_rates: Dilation of each block of two convolutions, in steps.
        norm: `"weight"`, `"layer"` or `None`, as for `layers.TemporalConvBlock`.
        every_step: Whether there is an answer for each step, not for the sequence.
        vocab_size: Number of tokens `V`, of which 0 is padding. `None` for vectors.
        embed_dim: Width of a token's vector.
        mask_value: Steps whose features all are this number are padding. `None` for no padding.
        dropout: Share of the features dropped after each convolution, in `[0, 1)`.
        dtype: Dtype policy of the layers, for example `"mixed_bfloat16"`.
        seed: Seed of the dropouts. `None` draws one.
        name: Name of the model.

    Returns:
        A functional `keras.Model`:

        - In: float `(B, T, D)` or int32 `(B, T)`.
        - Out: float32 `(B, num_outputs)`, or `(B, T, num_outputs)` with an answer for each step.

        What stands at padding changes nothing at real steps.

    Raises:
        ValueError: a size is below 1.
        ValueError: a rate lies outside `[0, 1)`.
        ValueError: `norm` is not known.
        ValueError: tokens and vectors are confused.

    >>> temporal(5, num_outputs=3, input_shape=(None, 2), every_step=True).output_shape
    (None, None, 3)
    """
    inputs, x = enter(input_shape, vocab_size, embed_dim, mask_value, dtype)
    x = TemporalConvNet(
        filters, kernel_size, dilation_rates, norm=norm, dropout=dropout, seed=seed, dtype=dtype,
        name="net")(x)
    if not every_step:
        x = LastStep(dtype=dtype, name="last_step")(x)
    return keras.Model(inputs, answer(x, num_outputs), name=name)
