"""Convolutions in time: causal, dilated, residual, and resumable at any step."""

import keras
from keras import ops

from keras_seqattn.errors import check_count, check_sequence, check_share, explain, nearest
from keras_seqattn.layers.causal_convolution import CausalConv1D, without_padding

NORMS = ("weight", "layer", None)


class _Temporal(keras.layers.Layer):
    """What a block and a stack of blocks have in common: arguments and what follows from them."""

    def __init__(self, filters, kernel_size, norm, activation, dropout, use_bias,
                 kernel_initializer, seed, **kwargs):
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
        self.filters = filters
        self.kernel_size = kernel_size
        self.norm = norm
        self.activation = keras.activations.get(activation)
        self.dropout = dropout
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.seed = seed
        self.supports_masking = True

    def initial_state(self, batch_size):
        """The state before the first step: zeros. The layer must know the width of its inputs."""
        if not self.built:
            raise ValueError(explain(
                "the layer must know the width of its inputs before it has a state",
                built=self.built, fix="call it, or its build, once"))
        return self._zeros(batch_size)

    def compute_output_shape(self, inputs_shape, state_shape=None):
        return (*inputs_shape[:-1], self.filters)

    def compute_output_spec(self, *args, **kwargs):
        # Traced rather than told by the shape above, so that the state comes out right.
        return keras.Operation.compute_output_spec(self, *args, **kwargs)

    def get_config(self):
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
        }


@keras.saving.register_keras_serializable(package="keras_seqattn")
class TemporalConvBlock(_Temporal):
    """Lets each step read the steps before it, a fixed way back, by two dilated convolutions.

    Unlike a recurrent layer it computes all steps at once, and forgets what lies further back than
    its receptive field. `TemporalConvNet` stacks blocks of growing dilation.

    Args:
        filters: Width of the output.
        kernel_size: Number of steps that each convolution reads, at least 2.
        dilation_rate: Distance between them, in steps.
        norm: `"weight"` normalises the kernels, as the paper does, `"layer"` the features of each
            step after a convolution, `None` nothing.
        activation: Name or function after each convolution and after the residual sum.
        dropout: Share of the features dropped after each convolution in training, in `[0, 1)`,
            each for all steps of an example.
        use_bias: Whether the convolutions have biases.
        kernel_initializer: Initializer of the kernels.
        seed: Seed of the dropout. `None` draws one.

    Call arguments:
        inputs: Float, `(B, T, D)`.
        mask: Boolean, `(B, T)`; `True` is a real step. Keras fills it in.
        state: Where an earlier chunk of the same sequences ended: its second result, or
            `initial_state(B)` before the first. If given, the state after is returned, too.
        training: Whether dropout acts.

    Returns:
        Float, `(B, T, filters)`, zero at padding; with a state, a pair whose second is the list of
        two float tensors, `(B, (kernel_size - 1)·dilation_rate, D)` and the same of width
        `filters`. Any division into chunks gives the outputs of the whole.

    Raises:
        ValueError: a size below 1, `kernel_size` below 2, an unknown `norm`, a rate outside
            `[0, 1)`; the input is not of rank 3.

    Example:

    >>> block = TemporalConvBlock(filters=7, kernel_size=3, dilation_rate=2)
    >>> tuple(block(keras.ops.ones((2, 5, 3))).shape), block.receptive_field
    ((2, 5, 7), 9)

    Masking: padding counts as steps at which there was nothing, zeros in the input and inside, so
    sequences may be padded before as well as after; passes the mask on.
    Cost: `kernel_size·(D + filters)·filters` weights, `D·filters` more if the widths differ (+
    biases and norms); as many multiply-adds per step.
    On device: two PAD (with a state CONCATENATION and STRIDED_SLICE) and CONV_2D, ADD, RELU;
    normalised weights become constants.
    Paper: Bai, Kolter & Koltun 2018, section 3.3 and figure 1.
    """

    def __init__(self, filters, kernel_size=3, dilation_rate=1, norm="weight", activation="relu",
                 dropout=0.0, use_bias=True, kernel_initializer="he_normal", seed=None, **kwargs):
        super().__init__(filters, kernel_size, norm, activation, dropout, use_bias,
                         kernel_initializer, seed, **kwargs)
        check_count(dilation_rate=dilation_rate)
        self.dilation_rate = dilation_rate

    def build(self, inputs_shape, state_shape=None):
        check_sequence(inputs_shape, "TemporalConvBlock")
        inner_shape = (*inputs_shape[:-1], self.filters)
        self._convolutions = [CausalConv1D(
            self.filters, self.kernel_size, self.dilation_rate, self.norm == "weight",
            self.use_bias, self.kernel_initializer.clone(), name=f"convolution_{i}",
            dtype=self.dtype_policy) for i in range(2)]
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

    def call(self, inputs, mask=None, state=None, training=None):
        if mask is None:  # which Keras fills in only where there is no state
            mask = getattr(inputs, "_keras_mask", None)
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

    receptive_field = property(
        lambda self: 1 + 2 * (self.kernel_size - 1) * self.dilation_rate,
        doc="Number of steps, its own the last, that an output depends on.")

    def get_config(self):
        return {**super().get_config(), "dilation_rate": self.dilation_rate}


@keras.saving.register_keras_serializable(package="keras_seqattn")
class TemporalConvNet(_Temporal):
    """Stacks `TemporalConvBlock`s whose dilation grows, so that few layers read far back.

    Where what matters lies further back than `receptive_field`, use a recurrent layer or attention.

    Args:
        filters: Width of all blocks.
        kernel_size: Number of steps that each convolution reads, at least 2.
        dilation_rates: Dilation of each block, in steps; the paper's are powers of two.
        norm, activation, dropout, use_bias, kernel_initializer, seed: As for the block.

    Call arguments: those of `TemporalConvBlock`.

    Returns:
        Float, `(B, T, filters)`, zero at padding; with a state, a pair whose second is the list of
        the blocks' states. Any division into chunks gives the outputs of the whole.

    Raises:
        ValueError: a size below 1, no or too small dilation rates, `kernel_size` below 2, an
            unknown `norm`, a rate outside `[0, 1)`; the input is not of rank 3.

    Example:

    >>> net = TemporalConvNet(filters=7, dilation_rates=(1, 2))
    >>> whole = net(keras.ops.ones((2, 5, 3)))
    >>> part, state = net(keras.ops.ones((2, 4, 3)), state=net.initial_state(2))
    >>> part, state = net(keras.ops.ones((2, 1, 3)), state=state)
    >>> bool(keras.ops.all(keras.ops.abs(part - whole[:, -1:]) < 1e-6)), net.receptive_field
    (True, 13)

    Masking: padding counts as steps at which there was nothing; passes the mask on.
    Cost: the sum of its blocks'.
    On device: as `TemporalConvBlock`; a step of a stream costs as much wherever it stands.
    Paper: Bai, Kolter & Koltun 2018, section 3.
    """

    def __init__(self, filters, kernel_size=3, dilation_rates=(1, 2, 4, 8), norm="weight",
                 activation="relu", dropout=0.0, use_bias=True, kernel_initializer="he_normal",
                 seed=None, **kwargs):
        super().__init__(filters, kernel_size, norm, activation, dropout, use_bias,
                         kernel_initializer, seed, **kwargs)
        self.dilation_rates = tuple(dilation_rates)
        check_count(num_dilation_rates=len(self.dilation_rates))
        for rate in self.dilation_rates:
            check_count(dilation_rate=rate)

    def build(self, inputs_shape, state_shape=None):
        check_sequence(inputs_shape, "TemporalConvNet")
        self._blocks = [TemporalConvBlock(
            self.filters, self.kernel_size, rate, norm=self.norm, activation=self.activation,
            dropout=self.dropout, use_bias=self.use_bias, seed=self.seed, dtype=self.dtype_policy,
            kernel_initializer=self.kernel_initializer, name=f"block_{i}")
            for i, rate in enumerate(self.dilation_rates)]
        for block in self._blocks:
            block.build(inputs_shape)
            inputs_shape = block.compute_output_shape(inputs_shape)

    def call(self, inputs, mask=None, state=None, training=None):
        x, after = inputs, []
        for i, block in enumerate(self._blocks):
            if state is None:
                x = block(x, mask=mask, training=training)
            else:
                x, ended = block(x, mask=mask, state=state[i], training=training)
                after.append(ended)
        return x if state is None else (x, after)

    def _zeros(self, batch_size):
        return [block.initial_state(batch_size) for block in self._blocks]

    receptive_field = property(
        lambda self: 1 + 2 * (self.kernel_size - 1) * sum(self.dilation_rates),
        doc="Number of steps, its own the last, that an output depends on.")

    def get_config(self):
        return {**super().get_config(), "dilation_rates": self.dilation_rates}
