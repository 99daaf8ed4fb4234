"""Learned positions, of a sequence or of the patches of an image."""

import typing

import keras
from keras import ops

from keras_seqattn.errors import check_count, check_sequence, explain
from keras_seqattn.kernels.product import spread
from keras_seqattn.layers.fitting import check_width
from keras_seqattn.layers.grid import check_interpolation, grid_of, resize_grid
from keras_seqattn.layers.position import rows_at
from keras_seqattn.layers.settings import Initializer
from keras_seqattn.plain import plain, plain_numbers
from keras_seqattn.shapes import Shape, Tensor


@keras.saving.register_keras_serializable(package="keras_seqattn")
class LearnedPositionEmbedding(keras.layers.Layer):
    """Adds a learned vector to each position of a sequence.

    It can hold a vector for each patch of a grid. The grid is resized where an image of another
    size comes.

    Args:
        max_length: Number of positions that have a vector. Defaults to the `T` it is built with.
        initializer: Initialiser of the vectors. Defaults to a normal of deviation 0.02, the Vision
            Transformer's.
        grid: `(GH, GW)` of the patches that have a vector, in place of `max_length`.
        num_prefix: Number of tokens before the patches, which have a vector too.
        interpolation: How the grid is resized, as in `resize_grid`.
        patch_size: Side of a patch, in pixels. It tells the grid of images that patches do not
            divide. Without it the patches must divide the images.

    Call arguments:
        inputs: Float, `(B, T, D)`. `T` is at most `max_length`.
        start: Position of the first token, an integer or an integer tensor.
        positions: Position of each token, integer `(T,)` or `(B, T)`, in place of `start`. Each is
            below `max_length`. Sequences that are padded in front need it.
        images: Images that the patches come from, `(B, height, width, channels)`. They resize the
            grid. Without images the patches are those of the grid.

    Returns:
        Float, `(B, T, D)`.

    Raises:
        ValueError: `T` is greater than `max_length`, or unknown while `max_length` is unset. Both
            `max_length` and `grid` are given. `images` are given without a grid.

    Example:

    >>> tuple(LearnedPositionEmbedding(max_length=7)(keras.ops.zeros((2, 5, 3))).shape)
    (2, 5, 3)

    Masking: passes the mask on.
    Cost: `max_length·D` weights, `T·D` additions per example.
    On device: one ADD of a constant.
    Paper: Dosovitskiy et al. 2021, section 3.1, equation 1. Section 3.2 for other sizes.
    """

    @plain_numbers
    def __init__(self, max_length: int | None = None, initializer: Initializer | None = None,
                 grid: tuple[int, int] | None = None, num_prefix: int = 0,
                 interpolation: str = "bilinear", patch_size: int | None = None,
                 **kwargs: typing.Any):
        super().__init__(**kwargs)
        if max_length is not None:
            check_count(max_length=max_length)
        if patch_size is not None:
            check_count(patch_size=patch_size)
        check_interpolation(interpolation)
        if grid is not None:
            check_count(grid_height=grid[0], grid_width=grid[1])
            if max_length is not None:
                raise ValueError(explain(
                    "`grid` says how many positions there are, so `max_length` must not",
                    grid=tuple(grid), max_length=max_length, fix="leave one of them out"))
        self.max_length = max_length
        self.initializer = keras.initializers.get(
            keras.initializers.RandomNormal(stddev=0.02) if initializer is None else initializer)
        self.grid = None if grid is None else plain(tuple(grid))
        self.num_prefix = num_prefix
        self.interpolation = interpolation
        self.patch_size = patch_size
        self.supports_masking = True

    def build(self, inputs_shape: Shape, images_shape: Shape | None = None) -> None:
        embed_dim = check_sequence(inputs_shape, "LearnedPositionEmbedding")
        if images_shape is not None and self.grid is None:
            raise ValueError(_no_grid(images_shape))
        length = inputs_shape[1]
        rows = self.max_length or length
        if self.grid is not None:
            rows = self.num_prefix + self.grid[0] * self.grid[1]
        if rows is None:
            raise ValueError(explain(
                "`max_length` is needed, since the length of the input is unknown",
                max_length=self.max_length, inputs_shape=tuple(inputs_shape),
                fix="pass max_length"))
        if images_shape is None and length is not None and length > rows:
            raise ValueError(_too_long(length, rows))
        self._built_shape = tuple(inputs_shape)
        self.embeddings = self.add_weight(
            shape=(rows, embed_dim), initializer=self.initializer, name="embeddings")

    def call(self, inputs: Tensor, start: int | Tensor = 0,
             images: Tensor | None = None, positions: Tensor | None = None) -> Tensor:
        check_width("LearnedPositionEmbedding", self._built_shape, inputs=inputs)
        rows, embed_dim = self.embeddings.shape
        if positions is not None:
            return inputs + rows_at(self.embeddings, positions, start, inputs)
        if images is not None:
            return inputs + spread(ops.expand_dims(self.resized(inputs, images), 0), inputs)
        if isinstance(start, int) and start == 0 and inputs.shape[1] == rows:
            return inputs + spread(ops.expand_dims(self.embeddings, 0), inputs)
        length = inputs.shape[1]
        if isinstance(start, int) and length is not None and start + length > rows:
            raise ValueError(_too_long(start + length, rows))
        vectors = ops.slice(
            ops.convert_to_tensor(self.embeddings), (start, 0), (ops.shape(inputs)[1], embed_dim))
        return inputs + spread(ops.expand_dims(vectors, 0), inputs)

    def resized(self, inputs: Tensor, images: Tensor) -> Tensor:
        """Resizes the table to the grid of the patches of images.

        Args:
            inputs: Tokens of the images, as for a call.
            images: The images.

        Returns:
            Float, `(T, D)`.

        Raises:
            ValueError: The layer has no grid. The patches are not those of the images.
        """
        if self.grid is None:
            raise ValueError(_no_grid(images.shape))
        num_patches = ops.shape(inputs)[1] - self.num_prefix
        new_grid = grid_of(ops.shape(images)[1:3], num_patches, self.patch_size)
        table = ops.cast(ops.convert_to_tensor(self.embeddings), "float32")
        return ops.cast(resize_grid(
            table, self.grid, new_grid, self.num_prefix, self.interpolation, xp=ops),
            self.compute_dtype)

    def compute_output_shape(self, inputs_shape: Shape,
                             images_shape: Shape | None = None) -> Shape:
        return tuple(inputs_shape)

    def get_config(self) -> dict[str, typing.Any]:
        return {
            **super().get_config(),
            "max_length": self.max_length,
            "initializer": keras.initializers.serialize(self.initializer),
            "grid": self.grid,
            "num_prefix": self.num_prefix,
            "interpolation": self.interpolation,
            "patch_size": self.patch_size,
        }


def _too_long(length, rows):
    return explain("the sequence must not be longer than `max_length`", length=length,
                   max_length=rows, fix="raise max_length")


def _no_grid(images_shape):
    return explain("`grid` is needed to place the patches of an image", grid=None,
                   images_shape=tuple(images_shape), fix="pass grid=(rows, columns) of the table")
