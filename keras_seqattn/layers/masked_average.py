"""The average of the real steps of each sequence."""

import keras
from keras import ops

from keras_seqattn.errors import check_sequence
from keras_seqattn.layers.fitting import as_mask, check_mask
from keras_seqattn.shapes import Shape, Tensor


@keras.saving.register_keras_serializable(package="keras_seqattn")
class MaskedAverage(keras.layers.Layer):
    """Averages the real steps of each sequence. A sequence of padding alone gives zeros.

    `keras.layers.GlobalAveragePooling1D` gives NaN for such a sequence. Otherwise both are equal.

    Call arguments:
        inputs: Float, `(B, T, D)`.
        mask: Boolean, `(B, T)`. `True` is a real step. Keras fills it in.

    Returns:
        Float, `(B, D)`.

    Raises:
        ValueError: The input is not of rank 3. The mask has another length than the input.

    Example:

    >>> x = keras.ops.reshape(keras.ops.arange(8.0), (2, 2, 2))
    >>> mask = [[True, False], [False, False]]
    >>> keras.ops.convert_to_numpy(MaskedAverage()(x, mask=mask)).tolist()
    [[0.0, 1.0], [0.0, 0.0]]

    Masking: consumes the mask. What stands at padding is not read, even if it is NaN.
    Cost: no weights. `T·D` additions per example, in float32.
    On device: MEAN. Under a mask SELECT, SUM and DIV.
    """

    def __init__(self, **kwargs: object):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        check_sequence(input_shape, "MaskedAverage")

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        check_sequence(inputs.shape, "MaskedAverage")
        mask = as_mask(mask)
        check_mask(inputs.shape, mask=mask)
        wide = keras.backend.result_type(self.compute_dtype, "float32")
        x = ops.cast(inputs, wide)
        if mask is None:
            return ops.cast(ops.mean(x, axis=1), self.compute_dtype)
        real = ops.expand_dims(mask, -1)                                         # (B, T, 1)
        total = ops.sum(ops.where(real, x, ops.zeros_like(x)), axis=1)
        count = ops.sum(ops.cast(real, wide), axis=1)
        return ops.cast(total / ops.maximum(count, 1.0), self.compute_dtype)

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> None:
        return None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], input_shape[-1])
