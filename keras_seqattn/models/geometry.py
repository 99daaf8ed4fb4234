"""Where the patches of a Vision Transformer lie, and the same model for images of another size."""

import dataclasses

import keras

from keras_seqattn.errors import explain
from keras_seqattn.layers import ClassToken, LearnedPositionEmbedding, PositionalEncoding
from keras_seqattn.layers.grid import resize_grid
from keras_seqattn.layers.patch import Stem
from keras_seqattn.models.pixels import ImageShape


@dataclasses.dataclass(frozen=True)
class Geometry:
    """How the tokens of a Vision Transformer lie.

    Attributes:
        grid: `(GH, GW)` of the patches. Where images have any size, that of the position table.
        patch_size: Side `P` of a patch, in pixels.
        num_prefix: Number of tokens before the patches.
        has_class_token: Whether the first of them is a class token and is pooled.
    """

    grid: tuple[int, int]
    patch_size: int
    num_prefix: int
    has_class_token: bool


def vit_geometry(model: keras.Model) -> Geometry:
    """Reads how the tokens of a Vision Transformer lie from its layers.

    Args:
        model: Functional `keras.Model` with the layers of `vit` on its top level.

    Returns:
        `Geometry`.

    Raises:
        ValueError: the model cuts no image into patches.
        ValueError: images have any size and the positions no grid.

    >>> from keras_seqattn import models
    >>> vit_geometry(models.vit("nano", patch_size=8, image_shape=(64, 48, 3), num_registers=2))
    Geometry(grid=(8, 6), patch_size=8, num_prefix=3, has_class_token=True)
    """
    stems = [layer for layer in model.layers if isinstance(layer, Stem)]
    if len(stems) != 1:
        raise ValueError(explain(
            "the model must cut its images into patches once, on its top level", model=model.name,
            stems=len(stems), fix="pass a Vision Transformer as `models.vit` builds it"))
    height, width = stems[0].input.shape[1:3]
    grids = [layer.grid for layer in model.layers
             if isinstance(layer, LearnedPositionEmbedding) and layer.grid is not None]
    grid: tuple[int, int]
    if None not in (height, width):
        grid = (height // stems[0].patch_size, width // stems[0].patch_size)
    elif grids:
        grid = (grids[0][0], grids[0][1])
    else:
        raise ValueError(explain(
            "a model for images of any size must have learned positions on a grid",
            model=model.name, height=height, width=width,
            fix="build it with `grid`, or fix the height and width"))
    num_prefix = sum(layer.num_tokens for layer in model.layers if isinstance(layer, ClassToken))
    has_class_token = any(layer.name == "first" for layer in model.layers)
    return Geometry(grid, stems[0].patch_size, num_prefix, has_class_token)


def resize(model: keras.Model, image_shape: ImageShape,
           interpolation: str | None = None) -> keras.Model:
    """Makes the same Vision Transformer for images of another size, with its positions resized.

    Args:
        model: As for `vit_geometry`. It stays as it is.
        image_shape: `(height, width, channels)`, in pixels. With `None` for height and width the
            model takes images of any size and resizes its positions at each call.
        interpolation: How learned positions are resized, as in `layers.grid.resize_grid`.
            Defaults to the model's own.

    Returns:
        Functional `keras.Model` with weights of its own.

    Raises:
        ValueError: the model cuts no image into patches.
        ValueError: the patches do not divide the image.
        ValueError: images have any size and positions are waves.

    >>> from keras_seqattn import models
    >>> small = models.vit("nano", patch_size=8, image_shape=(64, 64, 3), num_classes=10)
    >>> resize(small, (96, 128, 3)).input_shape
    (None, 96, 128, 3)
    """
    geometry = vit_geometry(model)
    height, width, *_ = image_shape
    any_size = height is None or width is None
    grid = geometry.grid if height is None or width is None else (
        height // geometry.patch_size, width // geometry.patch_size)
    if any_size and any(isinstance(layer, PositionalEncoding) for layer in model.layers):
        raise ValueError(explain(
            "images of any size need learned positions", image_shape=tuple(image_shape),
            fix="give the height and width"))

    def place(layer):
        config = layer.get_config()
        if isinstance(layer, LearnedPositionEmbedding):
            rows = layer.embeddings.shape[0]
            config |= {"max_length": None, "grid": grid,
                       "num_prefix": rows - geometry.grid[0] * geometry.grid[1],
                       "interpolation": interpolation or layer.interpolation}
        elif isinstance(layer, PositionalEncoding):
            config |= {"grid": grid}
        elif isinstance(layer, keras.layers.Cropping1D) and layer.name == "first":
            # Models from before `FirstTokens` cut the class token out like this.
            config |= {"cropping": (0, geometry.num_prefix + grid[0] * grid[1] - 1)}
        return type(layer).from_config(config)

    def call(layer, *arguments, **keywords):
        if any_size and isinstance(layer, LearnedPositionEmbedding):
            keywords["images"] = images
        return layer(*arguments, **keywords)

    images = keras.Input(image_shape, name=model.inputs[0].name)
    resized = keras.models.clone_model(
        model, input_tensors=images, clone_function=place, call_function=call)
    for old, new in zip(model.layers, resized.layers, strict=True):
        if isinstance(old, LearnedPositionEmbedding):
            new.embeddings.assign(resize_grid(
                keras.ops.convert_to_numpy(old.embeddings).astype("float64"), geometry.grid, grid,
                new.num_prefix, new.interpolation))
        else:
            new.set_weights(old.get_weights())
    return resized
