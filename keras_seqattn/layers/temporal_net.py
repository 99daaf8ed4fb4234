"""A stack of convolutions in time that reads far back."""

import typing
from collections.abc import Sequence

import keras

from keras_seqattn.errors import check_count, check_sequence
from keras_seqattn.layers.settings import Activation, Initializer
from keras_seqattn.layers.temporal_block import TemporalConvBlock, TemporalLayer
from keras_seqattn.plain import plain, plain_numbers
from keras_seqattn.shapes import Shape, Tensor


@keras.saving.register_keras_serializable(package="keras_seqattn")
class TemporalConvNet(TemporalLayer):
    """Stacks `TemporalConvBlock`s whose dilation grows, so that few layers read far back.

    Where what matters lies further back than `receptive_field`, use a recurrent layer or attention.

    Args:
        filters: Width of all blocks.
        kernel_size: Number of steps that each convolution reads, at least 2.
        dilation_rates: Dilation of each block, in steps. The paper's are powers of two.
        norm, activation, dropout, use_bias, kernel_initializer, seed, padding: As for the block.

    Call arguments: those of `TemporalConvBlock`.

    Returns:
        Float, `(B, T, filters)`, zero at padding. With a state, a pair whose second is the list of
        the blocks' states. Any division into chunks gives the outputs of the whole.

    Raises:
        ValueError: A size is below 1, or `kernel_size` below 2. There is no dilation rate. `norm`
            or `padding` is unknown. A rate lies outside `[0, 1)`. The input is not of rank 3. A
            state meets `padding="same"`.

    Example:

    >>> net = TemporalConvNet(filters=7, dilation_rates=(1, 2))
    >>> whole = net(keras.ops.ones((2, 5, 3)))
    >>> part, state = net(keras.ops.ones((2, 4, 3)), state=net.initial_state(2))
    >>> part, state = net(keras.ops.ones((2, 1, 3)), state=state)
    >>> bool(keras.ops.all(keras.ops.abs(part - whole[:, -1:]) < 1e-6)), net.receptive_field
    (True, 13)

    Masking: passes the mask on. Padding counts as steps at which there was nothing.
    Cost: the sum of its blocks'.
    On device: as `TemporalConvBlock`. A step of a stream costs as much wherever it stands.
    Paper: Bai, Kolter & Koltun 2018, section 3.
    """

    @plain_numbers
    def __init__(self, filters: int, kernel_size: int = 3,
                 dilation_rates: Sequence[int] = (1, 2, 4, 8), norm: str | None = "weight",
                 activation: Activation = "relu", dropout: float = 0.0, use_bias: bool = True,
                 kernel_initializer: Initializer = "he_normal", seed: int | None = None,
                 padding: str = "causal", **kwargs: typing.Any):
        super().__init__(filters, kernel_size, norm, activation, dropout, use_bias,
                         kernel_initializer, seed, padding, **kwargs)
        self.dilation_rates = plain(tuple(dilation_rates))
        check_count(num_dilation_rates=len(self.dilation_rates))
        for rate in self.dilation_rates:
            check_count(dilation_rate=rate)

    receptive_field = property(
        lambda self: 1 + 2 * (self.kernel_size - 1) * sum(self.dilation_rates),
        doc="Number of steps, its own among them, that an output depends on.")

    def build(self, inputs_shape: Shape, state_shape: list | None = None) -> None:
        check_sequence(inputs_shape, "TemporalConvNet")
        self._built_shape = tuple(inputs_shape)
        self._blocks = [TemporalConvBlock(
            self.filters, self.kernel_size, rate, norm=self.norm, activation=self.activation,
            dropout=self.dropout, use_bias=self.use_bias, seed=self.seed, dtype=self.dtype_policy,
            kernel_initializer=self.kernel_initializer, padding=self.padding, name=f"block_{i}")
            for i, rate in enumerate(self.dilation_rates)]
        for block in self._blocks:
            block.build(inputs_shape)
            inputs_shape = block.compute_output_shape(inputs_shape)

    def call(self, inputs: Tensor, mask: Tensor | None = None, state: list | None = None,
             training: bool | None = None) -> Tensor | tuple[Tensor, list]:
        mask = self._checked(inputs, mask, state)
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

    def get_config(self) -> dict[str, typing.Any]:
        return {**super().get_config(), "dilation_rates": self.dilation_rates}
