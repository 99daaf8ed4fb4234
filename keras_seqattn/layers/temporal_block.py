"""Convolutions in time that are causal, dilated and residual, and resume at any step."""

import typing

import keras
from keras import ops

from keras_seqattn import borrowed
from keras_seqattn.errors import check_count, check_sequence, check_share, explain, nearest
from keras_seqattn.layers.fitting import as_mask, check_mask, check_width
from keras_seqattn.layers.settings import Activation, Initializer
from keras_seqattn.layers.temporal_convolution import TemporalConv1D, without_padding
from keras_seqattn.layers.traced import TracedLayer
from keras_seqattn.plain import plain_numbers
from keras_seqattn.shapes import Shape, Tensor

NORMS = ("weight", "layer", None)
PADDINGS = ("causal", "same")


class TemporalLayer(TracedLayer):
    """What a block and a stack of blocks have in common: arguments and what follows from them."""

    @plain_numbers
    def __init__(self, filters: int, kernel_size: int, norm: str | None, activation: Activation,
                 dropout: float, use_bias: bool, kernel_initializer: Initializer,
                 seed: int | None, padding: str, **kwargs: typing.Any):
        super().__init__(**kwargs)
        check_count(filters=filters, kernel_size=kernel_size)
        check_share(dropout=dropout)
        if kernel_size < 2:
            raise ValueError(explain(
                "`kernel_size` must be at least 2, or no step reads another",
                kernel_size=kernel_size, fix="use kernel_size=3"))
        if norm not in NORMS:
            raise ValueError(explain(
                "`norm` is not known", norm=norm, fix=nearest(norm, NORMS[:2]) + ", or None"))
        if padding not in PADDINGS:
            raise ValueError(explain(
                "`padding` is not known", padding=padding, fix=nearest(padding, PADDINGS)))
        self.filters = filters
        self.kernel_size = kernel_size
        self.norm = norm
        self.activation = keras.activations.get(activation)
        self.dropout = dropout
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.seed = seed
        self.padding = padding
        self.supports_masking = True

    def initial_state(self, batch_size: int) -> list:
        """Makes the state before the first step, which is zeros.

        Args:
            batch_size: Number of sequences `B`.

        Returns:
            The state, as a call returns it.

        Raises:
            ValueError: The layer is not built, so the width of its inputs is unknown. `padding` is
                `"same"`.
        """
        if not self.built:
            raise ValueError(explain(
                "the layer must know the width of its inputs before it has a state",
                built=self.built, fix="call it, or its build, once"))
        self._check_causal()
        return self._zeros(batch_size)

    def _check_causal(self):
        if self.padding != "causal":
            raise ValueError(explain(
                "a layer that reads later steps has no state", padding=self.padding,
                fix='use padding="causal", or read the whole sequence at once'))

    def _checked(self, inputs, mask, state):
        """Refuses what does not fit, and returns the mask as a tensor."""
        check_width(type(self).__name__, self._built_shape, inputs=inputs)
        if state is not None:
            self._check_causal()
        mask = as_mask(mask)
        check_mask(inputs.shape, mask=mask)
        return mask

    def compute_output_shape(self, inputs_shape: Shape, state_shape: list | None = None) -> Shape:
        return (*inputs_shape[:-1], self.filters)

    def get_config(self) -> dict[str, typing.Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "norm": self.norm,
            "activation": keras.activations.serialize(self.activation),
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "seed": self.seed,
            "padding": self.padding,
        }


@keras.saving.register_keras_serializable(package="keras_seqattn")
class TemporalConvBlock(TemporalLayer):
    """Lets each step read the steps before it, a fixed way back, by two dilated convolutions.

    Unlike a recurrent layer it computes all steps at once, and forgets what lies further back than
    its receptive field. `TemporalConvNet` stacks blocks of growing dilation.

    Args:
        filters: Width of the output.
        kernel_size: Number of steps that each convolution reads, at least 2.
        dilation_rate: Distance between them, in steps.
        norm: `"weight"` normalises the kernels, as the paper does. `"layer"` normalises the
            features of each step after a convolution. `None` normalises nothing.
        activation: Name or function after each convolution and after the residual sum.
        dropout: Share of the features dropped after each convolution in training, in `[0, 1)`. A
            feature is dropped for all steps of an example.
        use_bias: Whether the convolutions have biases.
        kernel_initializer: Initialiser of the kernels.
        seed: Seed of the dropout. `None` draws one.
        padding: `"causal"`, or `"same"` to read as far ahead as back. There is no state then.

    Call arguments:
        inputs: Float, `(B, T, D)`.
        mask: Boolean, `(B, T)`. `True` is a real step. Keras fills it in.
        state: State in which an earlier chunk of the same sequences ended, or `initial_state(B)`
            before the first. With a state, the call also returns the state after.
        training: Whether dropout acts.

    Returns:
        Float, `(B, T, filters)`, zero at padding. With a state, a pair whose second is the state
        after. A state is two float tensors, `(B, (kernel_size - 1)·dilation_rate, D)` and the same
        of width `filters`. Any division into chunks gives the outputs of the whole.

    Raises:
        ValueError: A size is below 1, or `kernel_size` below 2. `norm` or `padding` is unknown. A
            rate lies outside `[0, 1)`. The input is not of rank 3. A state meets `padding="same"`.

    Example:

    >>> block = TemporalConvBlock(filters=7, kernel_size=3, dilation_rate=2)
    >>> tuple(block(keras.ops.ones((2, 5, 3))).shape), block.receptive_field
    ((2, 5, 7), 9)

    Masking: passes the mask on. Padding counts as steps at which there was nothing, with zeros in
    the input and inside. So sequences may be padded before as well as after.
    Cost: `kernel_size·(D + filters)·filters` weights (+ biases and norms). If the widths differ,
    `D·filters` more. As many multiply-adds per step.
    On device: ADD, RELU, two PAD and two CONV_2D. With a state CONCATENATION and STRIDED_SLICE in
    place of PAD. Normalised weights become constants.
    Paper: Bai, Kolter & Koltun 2018, section 3.3 and figure 1.
    """

    @plain_numbers
    def __init__(self, filters: int, kernel_size: int = 3, dilation_rate: int = 1,
                 norm: str | None = "weight", activation: Activation = "relu",
                 dropout: float = 0.0, use_bias: bool = True,
                 kernel_initializer: Initializer = "he_normal", seed: int | None = None,
                 padding: str = "causal", **kwargs: typing.Any):
        super().__init__(filters, kernel_size, norm, activation, dropout, use_bias,
                         kernel_initializer, seed, padding, **kwargs)
        check_count(dilation_rate=dilation_rate)
        self.dilation_rate = dilation_rate

    receptive_field = property(
        lambda self: 1 + 2 * (self.kernel_size - 1) * self.dilation_rate,
        doc="Number of steps, its own among them, that an output depends on.")

    def build(self, inputs_shape: Shape, state_shape: list | None = None) -> None:
        check_sequence(inputs_shape, "TemporalConvBlock")
        self._built_shape = tuple(inputs_shape)
        inner_shape = (*inputs_shape[:-1], self.filters)
        self._convolutions = [TemporalConv1D(
            self.filters, self.kernel_size, self.dilation_rate, self.norm == "weight",
            self.use_bias, self.kernel_initializer.clone(), self.padding,
            name=f"convolution_{i}", dtype=self.dtype_policy) for i in range(2)]
        self._norms = [keras.layers.LayerNormalization(
            epsilon=1e-6, name=f"norm_{i}", dtype=self.dtype_policy) for i in range(2)
            if self.norm == "layer"]
        self._drop = keras.layers.SpatialDropout1D(
            self.dropout, seed=self.seed, dtype=self.dtype_policy)
        self._shortcut = None
        if inputs_shape[-1] != self.filters:
            self._shortcut = keras.layers.Dense(
                self.filters, use_bias=self.use_bias, name="shortcut", dtype=self.dtype_policy,
                kernel_initializer=self.kernel_initializer.clone())
            self._shortcut.build(inputs_shape)
        for convolution, shape in zip(self._convolutions, (inputs_shape, inner_shape), strict=True):
            convolution.build(shape)
        for norm in self._norms:
            norm.build(inner_shape)

    def call(self, inputs: Tensor, mask: Tensor | None = None, state: list | None = None,
             training: bool | None = None) -> Tensor | tuple[Tensor, list]:
        if mask is None:  # Keras fills it in only where there is no state.
            mask = borrowed.mask_of(inputs)
        mask = self._checked(inputs, mask, state)
        x, after = inputs, []
        for i, convolution in enumerate(self._convolutions):
            x, history = convolution(
                without_padding(x, mask), None if state is None else state[i])
            after.append(history)
            x = self._norms[i](x) if self._norms else x
            x = self._drop(self.activation(x), training=training)
        skipped = inputs if self._shortcut is None else self._shortcut(inputs)
        outputs = without_padding(self.activation(x + skipped), mask)    # (B, T, filters)
        return outputs if state is None else (outputs, after)

    def _zeros(self, batch_size):
        return [ops.zeros((batch_size, each.reach, each.width), self.compute_dtype)
                for each in self._convolutions]

    def get_config(self) -> dict[str, typing.Any]:
        return {**super().get_config(), "dilation_rate": self.dilation_rate}
