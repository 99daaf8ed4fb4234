"""Learned positions, of a sequence or of the patches of an image."""

import keras
from keras import ops

from keras_seqattn.errors import check_count, check_sequence, explain
from keras_seqattn.layers.grid import check_interpolation, resize_grid


@keras.saving.register_keras_serializable(package="keras_seqattn")
class LearnedPositionEmbedding(keras.layers.Layer):
    """Adds a learned vector to each position of a sequence.

    Of patches of an image it can hold a vector for each patch of a grid, which is resized where an
    image of another size comes.

    Args:
        max_length: Number of positions that have a vector. Defaults to the `T` it is built with.
        initializer: Initializer of the vectors. Defaults to a normal of deviation 0.02, the Vision
            Transformer's.
        grid: `(GH, GW)` of the patches that have a vector, in place of `max_length`.
        num_prefix: Number of tokens before the patches, which have a vector too.
        interpolation: How the grid is resized, as in `resize_grid`.

    Call arguments:
        inputs: Float, `(B, T, D)`, `T` at most `max_length`.
        start: Position of the first token: an integer or an integer tensor.
        images: With a grid, what the patches are of: `(B, height, width, channels)`. Without,
            they are those of the grid.

    Returns:
        Float, `(B, T, D)`.

    Raises:
        ValueError: `T` is greater than `max_length`, or unknown while `max_length` is unset; both
            `max_length` and `grid` are given; `images` are given without a grid.

    Example:

    >>> tuple(LearnedPositionEmbedding(max_length=7)(keras.ops.zeros((2, 5, 3))).shape)
    (2, 5, 3)

    Masking: passes the mask on.
    Cost: `max_length·D` weights, `T·D` additions per example.
    On device: one ADD of a constant.
    Paper: Dosovitskiy et al. 2021, section 3.1, equation 1; other sizes: section 3.2.
    """

    def __init__(self, max_length=None, initializer=None, grid=None, num_prefix=0,
                 interpolation="bilinear", **kwargs):
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

    def build(self, inputs_shape, images_shape=None):
        check_sequence(inputs_shape, "LearnedPositionEmbedding")
        if images_shape is not None and self.grid is None:
            raise ValueError(explain(
                "`grid` is needed to place the patches of an image", grid=None,
                images_shape=tuple(images_shape), fix="pass grid=(rows, columns) of the table"))
        length, embed_dim = inputs_shape[1:]
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

    def call(self, inputs, start=0, images=None):
        rows, embed_dim = self.embeddings.shape
        if images is not None:
            return inputs + ops.expand_dims(self.resized(inputs, images), 0)
        if isinstance(start, int) and start == 0 and inputs.shape[1] == rows:
            return inputs + ops.expand_dims(self.embeddings, 0)
        vectors = ops.slice(
            ops.convert_to_tensor(self.embeddings), (start, 0), (ops.shape(inputs)[1], embed_dim))
        return inputs + ops.expand_dims(vectors, 0)

    def resized(self, inputs, images):
        """The table at the grid that the patches of images have.

        Args:
            inputs: Tokens of the images, as for a call.
            images: The images.

        Returns:
            Float, `(T, D)`.
        """
        height, width = ops.shape(images)[1:3]
        num_patches = ops.shape(inputs)[1] - self.num_prefix
        # patches are square, so GH' / GW' = height / width
        if isinstance(height, int) and isinstance(width, int):
            side = round((height * width / num_patches) ** 0.5)
        else:
            area = ops.cast(height * width, "float32") / ops.cast(num_patches, "float32")
            side = ops.cast(ops.round(ops.sqrt(area)), "int32")
        table = ops.cast(ops.convert_to_tensor(self.embeddings), "float32")
        return ops.cast(resize_grid(
            table, self.grid, (height // side, width // side), self.num_prefix,
            self.interpolation, xp=ops), self.compute_dtype)

    def compute_output_shape(self, inputs_shape, images_shape=None):
        return tuple(inputs_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "max_length": self.max_length,
            "initializer": keras.initializers.serialize(self.initializer),
            "grid": self.grid,
            "num_prefix": self.num_prefix,
            "interpolation": self.interpolation,
        }
