"""BiT of google-research/big_transfer, as `.npz` files."""

import keras

from keras_seqattn import models
from keras_seqattn.checkpoints.families.family import Family
from keras_seqattn.checkpoints.weights.filling import hand_over
from keras_seqattn.checkpoints.weights.images import check_image_shape
from keras_seqattn.checkpoints.weights.state import State

_PREFIX = "resnet/"
_KERNEL = "standardized_conv2d/kernel"
_HEAD = "head/conv2d/kernel"


def load(state: State, config: dict, *, image_shape: tuple | None = None,
         num_groups: int | None = None) -> keras.Model:
    """Loads a BiT of any number of stages and of any widths.

    Args:
        state: `State` of the file.
        config: Content of `config.json`. Its `image_size` stands for `image_shape`, in pixels: a
            side or `(height, width)`. Its `num_groups` stands for the argument.
        image_shape: `(height, width, channels)` that the model is to take. `None` for height and
            width lets it take any, and so does leaving everything out.
        num_groups: Number of groups of its norms, which no array tells. Defaults to 32.

    Returns:
        Model as of `models.bit`. If the file has no head, the model has none.

    Raises:
        ValueError: an array is missing, has no place or has another shape. Or `num_groups` does
            not divide a width. Or `image_shape` has other channels than the file.
    """
    model = _build(state, config, image_shape, num_groups)
    _fill(model, state.under(_PREFIX))
    state.finish()
    return model


def _build(state: State, config: dict, image_shape: tuple | None,
           num_groups: int | None) -> keras.Model:
    part = state.under(_PREFIX)
    *_, channels, width = part.shape(f"root_block/{_KERNEL}", 4)
    num_layers = _num_layers(part)
    filters = [part.shape(f"block{stage}/unit01/c/{_KERNEL}", 4)[-1]
               for stage in range(1, len(num_layers) + 1)]
    num_classes = 0
    if _HEAD in part:
        num_classes = part.shape(_HEAD, 4)[-1]
    else:
        state.missing.append(_PREFIX + _HEAD)
    if image_shape is None:
        size = config.get("image_size") or (None, None)
        image_shape = (*((size, size) if isinstance(size, int) else size), channels)
    image_shape = check_image_shape(image_shape, channels)
    if num_groups is None:
        num_groups = config.get("num_groups", 32)  # as published models have
    return models.bit("r50x1", image_shape, num_classes, num_layers=num_layers, width=width,
                      filters=filters, num_groups=num_groups)


def _num_layers(part: State) -> list[int]:
    """Number of blocks of each stage. The file counts stages and blocks from 1."""
    num_stages = part.count("block") - 1
    return [part.count(f"block{stage}/unit") - 1 for stage in range(1, num_stages + 1)]


def _fill(model: keras.Model, part: State) -> None:
    _fill_kernel(model.get_layer("root"), part.under("root_block/"))
    units = [part.under(f"block{stage}/unit{unit:02}/")
             for stage, blocks in enumerate(_num_layers(part), 1) for unit in range(1, blocks + 1)]
    for i, unit in enumerate(units):
        block = model.get_layer(f"block_{i}")
        for letter, name in zip("abc", ("narrow", "spatial", "widen"), strict=True):
            _fill_norm(getattr(block, f"{name}_norm"), unit.under(f"{letter}/"))
            _fill_kernel(getattr(block, name), unit.under(f"{letter}/"))
        if block.projection is not None:
            _fill_kernel(block.projection, unit.under("a/proj/"))
    _fill_norm(model.get_layer("norm"), part)
    if _HEAD in part:
        head = model.get_layer("logits")
        _assign(head.kernel, part, _HEAD, (1, 1, *head.kernel.shape))
        _assign(head.bias, part, "head/conv2d/bias")


def _fill_kernel(layer: keras.Layer, state: State) -> None:
    _assign(layer.kernel, state, _KERNEL)


def _fill_norm(norm: keras.Layer, state: State) -> None:
    _assign(norm.gamma, state, "group_norm/gamma")
    _assign(norm.beta, state, "group_norm/beta")


def _assign(weight: keras.Variable, state: State, key: str, shape: tuple | None = None) -> None:
    array = state.take(key, *(shape or weight.shape), layer=weight.path)
    hand_over(weight, array.reshape(weight.shape))


FAMILY = Family("bit", load, keys=(r"resnet/root_block/standardized_conv2d/kernel",))
