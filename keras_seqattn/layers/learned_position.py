"""Learned positions, of a sequence or of the patches of an image."""

import typing

import keras
from keras import ops

from keras_seqattn.errors import check_count, check_sequence, explain
from keras_seqattn.layers.grid import check_interpolation, resize_grid
from keras_seqattn.layers.settings import Initializer
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

    Call arguments:
        inputs: Float, `(B, T, D)`. `T` is at most `max_length`.
        start: Position of the first token, an integer or an integer tensor.
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

    def __init__(self, max_length: int | None = None, initializer: Initializer | None = None,
                 grid: tuple[int, int] | None = None, num_prefix: int = 0,
                 interpolation: str = "bilinear", **kwargs: typing.Any):
        super().__init__(**kwargs)
        if max_length is not None:
            check_count(max_length=max_length)
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
        self.grid = None if grid is None else tuple(grid)
        self.num_prefix = num_prefix
        self.interpolation = interpolation
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
            raise ValueError(explain(
                "the sequence must not be longer than `max_length`", length=length,
                max_length=rows, fix="raise max_length"))
        self.embeddings = self.add_weight(
            shape=(rows, embed_dim), initializer=self.initializer, name="embeddings")

    def call(self, inputs: Tensor, start: int | Tensor = 0,
             images: Tensor | None = None) -> Tensor:
        rows, embed_dim = self.embeddings.shape
        if images is not None:
            return inputs + ops.expand_dims(self.resized(inputs, images), 0)
        if isinstance(start, int) and start == 0 and inputs.shape[1] == rows:
            return inputs + ops.expand_dims(self.embeddings, 0)
        vectors = ops.slice(
            ops.convert_to_tensor(self.embeddings), (start, 0), (ops.shape(inputs)[1], embed_dim))
        return inputs + ops.expand_dims(vectors, 0)

    def resized(self, inputs: Tensor, images: Tensor) -> Tensor:
        """Resizes the table to the grid of the patches of images.

        Args:
            inputs: Tokens of the images, as for a call.
            images: The images.

        Returns:
            Float, `(T, D)`.

        Raises:
            ValueError: The layer has no grid.
        """
        if self.grid is None:
            raise ValueError(_no_grid(images.shape))
        height, width = ops.shape(images)[1:3]
        num_patches = ops.shape(inputs)[1] - self.num_prefix
        # Patches are square, so GH' / GW' = height / width.
        if isinstance(height, int) and isinstance(width, int):
            side = round((height * width / num_patches) ** 0.5)
        else:
            area = ops.cast(height * width, "float32") / ops.cast(num_patches, "float32")
            side = ops.cast(ops.round(ops.sqrt(area)), "int32")
        table = ops.cast(ops.convert_to_tensor(self.embeddings), "float32")
        return ops.cast(resize_grid(
            table, self.grid, (height // side, width // side), self.num_prefix,
            self.interpolation, xp=ops), self.compute_dtype)

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
        }


def _no_grid(images_shape):
    return explain("`grid` is needed to place the patches of an image", grid=None,
                   images_shape=tuple(images_shape), fix="pass grid=(rows, columns) of the table")
