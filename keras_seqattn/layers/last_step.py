"""The last real step of each sequence: what a causal model has understood at the end."""

import keras
from keras import ops

from keras_seqattn.errors import check_sequence
from keras_seqattn.layers.fitting import as_mask, check_mask
from keras_seqattn.shapes import Shape, Tensor


@keras.saving.register_keras_serializable(package="keras_seqattn")
class LastStep(keras.layers.Layer):
    """Picks the last real step of each sequence.

    Call arguments:
        inputs: Float, `(B, T, D)`.
        mask: Boolean, `(B, T)`. `True` is a real step. Keras fills it in.

    Returns:
        Float, `(B, D)`. Zeros for a sequence of padding alone.

    Raises:
        ValueError: The input is not of rank 3.

    Example:

    >>> x = keras.ops.reshape(keras.ops.arange(6.0), (1, 3, 2))
    >>> keras.ops.convert_to_numpy(LastStep()(x, mask=[[True, True, False]])).tolist()
    [[2.0, 3.0]]

    Masking: consumes the mask.
    Cost: no weights. Under a mask `T·D` multiply-adds per example.
    On device: one STRIDED_SLICE. Under a mask CUMSUM and a product.
    """

    def build(self, input_shape: Shape) -> None:
        check_sequence(input_shape, "LastStep")

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        check_sequence(inputs.shape, "LastStep")
        mask = as_mask(mask)
        check_mask(inputs.shape, mask=mask)
        if mask is None:
            return inputs[:, -1]
        mask = ops.cast(mask, "int32")
        place = ops.cumsum(mask, axis=1) * mask                     # 1, 2, … at real steps
        last = ops.equal(place, ops.maximum(ops.max(place, axis=1, keepdims=True), 1))
        return ops.sum(inputs * ops.expand_dims(ops.cast(last, inputs.dtype), -1), axis=1)

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> None:
        return None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], input_shape[-1])
