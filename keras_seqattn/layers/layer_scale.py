"""A learned factor for each feature, with which deep residual branches start almost silent."""

import typing

import keras

from keras_seqattn.errors import explain
from keras_seqattn.kernels.product import spread
from keras_seqattn.layers.fitting import check_width
from keras_seqattn.plain import plain_numbers
from keras_seqattn.shapes import Shape, Tensor


@keras.saving.register_keras_serializable(package="keras_seqattn")
class LayerScale(keras.layers.Layer):
    """Multiplies each feature by a learned factor.

    Factors that end a residual branch, and are small at first, let very deep Transformers train.

    Args:
        initial: First value of all factors.

    Call arguments:
        inputs: Float, `(…, D)`.

    Returns:
        Float, `(…, D)`.

    Raises:
        ValueError: The width of the input is unknown.

    Example:

    >>> keras.ops.convert_to_numpy(LayerScale(0.5)(keras.ops.ones((1, 3)))).tolist()
    [[0.5, 0.5, 0.5]]

    Masking: passes the mask on.
    Cost: `D` weights, as many multiplications per token.
    On device: nothing, since the factors move into the dense layer before.
    Paper: Touvron et al. 2021, "Going deeper with Image Transformers", section 2, equation 4.
    """

    @plain_numbers
    def __init__(self, initial: float = 1e-5, **kwargs: typing.Any):
        super().__init__(**kwargs)
        self.initial = initial
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        if input_shape[-1] is None:
            raise ValueError(explain(
                "the input of LayerScale must have a known width as its last axis",
                input_shape=tuple(input_shape), fix="set the last axis"))
        self._built_shape = tuple(input_shape)
        self.gamma = self.add_weight(
            shape=(input_shape[-1],), initializer=keras.initializers.Constant(self.initial),
            name="gamma")

    def call(self, inputs: Tensor) -> Tensor:
        check_width("LayerScale", self._built_shape, inputs=inputs)
        return inputs * spread(self.gamma, inputs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, typing.Any]:
        return {**super().get_config(), "initial": self.initial}
