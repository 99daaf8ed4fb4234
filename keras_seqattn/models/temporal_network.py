"""Temporal convolutional networks: the models of `recurrent` without recurrence.

Paper: Bai, Kolter & Koltun 2018. Deviation: the kernels start with He's scale instead of a normal
distribution of deviation 0.01, since weight normalisation keeps the length it starts with.
"""

import keras

from keras_seqattn.layers import LastStep, TemporalConvNet
from keras_seqattn.models.sequence import answer, enter


def temporal(filters, num_outputs, input_shape, *, kernel_size=3, dilation_rates=(1, 2, 4, 8),
             norm="weight", every_step=False, vocab_size=None, embed_dim=64, mask_value=None,
             dropout=0.0, dtype=None, seed=None, name="temporal"):
    """Builds a network of causal convolutions that classifies or predicts, once or at every step.

    `models.streaming` makes it read chunk by chunk. What lies further back than the receptive
    field, `model.get_layer("net").receptive_field` steps, cannot be seen.

    Args:
        filters: Width of the convolutions.
        num_outputs: Number of logits, or of numbers to predict.
        input_shape: `(T, D)` for vectors, `(T,)` for tokens; `T` may be `None`.
        kernel_size: Number of steps that each convolution reads, at least 2.
        dilation_rates: Dilation of each block of two convolutions, in steps.
        norm: `"weight"`, `"layer"` or `None`, see `layers.TemporalConvBlock`.
        every_step: Whether there is an answer for each step, not for the sequence.
        vocab_size: Number of tokens `V`, of which 0 is padding; `None` for vectors.
        embed_dim: Width of a token's vector.
        mask_value: Steps whose features all are this number are padding; `None` for no padding.
        dropout: Share of the features dropped after each convolution, in `[0, 1)`.
        dtype: Dtype policy of the layers, for example `"mixed_bfloat16"`.
        seed: Seed of the dropouts. `None` draws one.
        name: Name of the model.

    Returns:
        A functional `keras.Model`: float `(B, T, D)` or int32 `(B, T)` to float32
        `(B, num_outputs)`, of every step `(B, T, num_outputs)`. What stands at padding changes
        nothing at real steps.

    Raises:
        ValueError: a size below 1, a rate outside `[0, 1)`, an unknown norm, tokens and vectors
            confused.

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
