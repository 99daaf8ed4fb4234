"""Fixed positions: attention sees a set, and they tell it where each token stands."""

import typing

import keras
import numpy as np
from keras import ops

from keras_seqattn.errors import check_count, check_sequence, explain
from keras_seqattn.layers.fitting import check_mask, check_width
from keras_seqattn.plain import plain, plain_numbers
from keras_seqattn.shapes import Shape, Tensor


def sinusoid(num_positions: int, embed_dim: int, max_wavelength: float = 10_000.0) -> np.ndarray:
    """Sine and cosine waves of geometrically growing length, interleaved.

    Args:
        num_positions: Number of positions `T`, from 0 on.
        embed_dim: Even number of features `D`.
        max_wavelength: Longest wavelength over 2π, in tokens.

    Returns:
        Float64, `(T, D)`. Feature `2i` is `sin(t / max_wavelength^(2i/D))`. Feature `2i+1` is the
        cosine of the same angle.

    Paper: Vaswani et al. 2017, section 3.5.

    >>> sinusoid(2, 2).round(4).tolist()
    [[0.0, 1.0], [0.8415, 0.5403]]
    """
    angles = np.arange(num_positions)[:, None] / max_wavelength ** (
        np.arange(0, embed_dim, 2) / embed_dim)
    return np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(num_positions, embed_dim)


def rows_at(table: Tensor, positions: Tensor, start: int | Tensor, inputs: Tensor) -> Tensor:
    """Reads the rows of a table that belong to the positions of tokens.

    Args:
        table: Float, `(max_length, D)`.
        positions: Integer, `(T,)` or `(B, T)`.
        start: What the layer was told beside the positions. It must be 0.
        inputs: Tokens, `(B, T, D)`.

    Returns:
        Float, `(T, D)` or `(B, T, D)`.

    Raises:
        ValueError: `start` is given too. The positions are not those of the tokens.
    """
    if not isinstance(start, int) or start:
        raise ValueError(explain("`positions` and `start` must not both be given", start=start,
                                 fix="add start to the positions"))
    positions = ops.cast(ops.convert_to_tensor(positions), "int32")
    if len(positions.shape) == 1:
        positions = ops.expand_dims(positions, 0)
    check_mask(inputs.shape, positions=positions)
    return ops.take(ops.convert_to_tensor(table), positions, axis=0)


@keras.saving.register_keras_serializable(package="keras_seqattn")
class PositionalEncoding(keras.layers.Layer):
    """Adds fixed sine and cosine waves to a sequence, so that each position looks different.

    The layer has no weights. Vision Transformers usually take `LearnedPositionEmbedding`, which
    needs much data and a known longest sequence.

    Args:
        max_wavelength: Longest wavelength over 2π, in tokens.
        grid: `(GH, GW)` if the sequence is a grid of patches, read row by row. The first half of
            the features then encodes the row, the second half the column.
        max_length: Longest sequence, in tokens. A grid takes its place.

    Attributes:
        table: What is added to each position, NumPy float32, `(max_length, D)`. With a grid
            `(GH·GW, D)`. It exists once the layer is built.

    Call arguments:
        inputs: Float, `(B, T, D)`. `D` is even, with a grid a multiple of 4.
        start: Position of the first token, an integer or an integer tensor, for decoding step by
            step. `start + T` may not exceed `max_length`.
        positions: Position of each token, integer `(T,)` or `(B, T)`, in place of `start`. Each is
            below `max_length`. Sequences that are padded in front need it.

    Returns:
        Float, `(B, T, D)`. The inputs plus the encoding. The waves are computed in float64 and
        added in float32, whatever the compute dtype.

    Raises:
        ValueError: `D` is odd, or with a grid no multiple of 4. The grid does not hold `T` tokens.
            `T` is greater than `max_length`. `start` and `positions` are both given. The width is
            another than at `build`.

    Example:

    >>> tuple(PositionalEncoding()(keras.ops.zeros((2, 5, 8))).shape)
    (2, 5, 8)

    Masking: passes the mask on.
    Cost: no weights. `T·D` additions per example.
    On device: one ADD of a constant.
    Paper: Vaswani et al. 2017, section 3.5. The 2-D form gives each axis half of the features.
    """

    @plain_numbers
    def __init__(self, max_wavelength: float = 10_000.0, grid: tuple[int, int] | None = None,
                 max_length: int = 10_000, **kwargs: typing.Any):
        super().__init__(**kwargs)
        check_count(max_length=max_length)
        if max_wavelength <= 0:
            raise ValueError(explain(
                "`max_wavelength` must be positive", max_wavelength=max_wavelength,
                fix="use the paper's 10000.0"))
        if grid is not None:
            check_count(grid_height=grid[0], grid_width=grid[1])
        self.max_wavelength = max_wavelength
        self.grid = None if grid is None else plain(tuple(grid))
        self.max_length = max_length
        self.supports_masking = True

    table = property(lambda self: self._table)

    def build(self, input_shape: Shape) -> None:
        embed_dim, length = check_sequence(input_shape, "PositionalEncoding"), input_shape[1]
        parts = 2 if self.grid is None else 4
        if embed_dim % parts:
            raise ValueError(explain(
                f"the width of the input must be a multiple of {parts}", embed_dim=embed_dim,
                grid=self.grid, fix="change the width of the layer before"))
        if self.grid is None:
            if length is not None and length > self.max_length:
                raise ValueError(explain(
                    "the sequence must not be longer than `max_length`", length=length,
                    max_length=self.max_length, fix="raise max_length"))
            table = sinusoid(self.max_length, embed_dim, self.max_wavelength)
        else:
            height, width = self.grid
            if length not in (None, height * width):
                raise ValueError(explain(
                    "`grid` must hold as many patches as the sequence has tokens",
                    grid=self.grid, length=length, fix="pass grid=(rows, columns) of the patches"))
            rows = sinusoid(height, embed_dim // 2, self.max_wavelength)
            columns = sinusoid(width, embed_dim // 2, self.max_wavelength)
            table = np.concatenate(
                [np.repeat(rows, width, axis=0), np.tile(columns, (height, 1))], axis=-1)
        self._built_shape = tuple(input_shape)
        self._table = table.astype("float32")                               # (positions, D)

    def call(self, inputs: Tensor, start: int | Tensor = 0,
             positions: Tensor | None = None) -> Tensor:
        check_width("PositionalEncoding", self._built_shape, inputs=inputs)
        length = inputs.shape[1]
        if positions is not None:
            waves = rows_at(self._table, positions, start, inputs)
        elif isinstance(length, int) and isinstance(start, int):
            if start + length > len(self._table):
                raise ValueError(explain(
                    "the sequence must not be longer than `max_length`", length=length,
                    start=start, max_length=len(self._table),
                    fix="cut the sequence, or raise max_length"))
            waves = self._table[start:start + length]
        else:
            shape = (ops.shape(inputs)[1], self._table.shape[1])
            waves = ops.slice(ops.convert_to_tensor(self._table), (start, 0), shape)
        waves = ops.convert_to_tensor(waves)                       # (T, D) or (B, T, D)
        total = ops.cast(inputs, "float32") + waves
        return ops.cast(total, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, typing.Any]:
        return {
            **super().get_config(),
            "max_wavelength": self.max_wavelength,
            "grid": self.grid,
            "max_length": self.max_length,
        }
