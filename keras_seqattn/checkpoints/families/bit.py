"""BiT of google-research/big_transfer, from its `.npz` files."""

from keras_seqattn import models
from keras_seqattn.checkpoints.weights.filling import hand_over

_PREFIX = "resnet/"
_KERNEL = "standardized_conv2d/kernel"
_HEAD = "head/conv2d/kernel"


def bit(state, image_size=None, image_shape=None, num_groups=32):
    """Loads a BiT of google-research/big_transfer, of any stages and widths.

    Args:
        state: `State` of the file.
        image_size: Side of the images that the model is to take, or `(height, width)`.
        image_shape: `(height, width, channels)` of them; `None` for height and width, as without
            either argument, lets it take any.
        num_groups: Number of groups of its norms, which no array tells; published models have 32.

    Returns:
        `keras.Model` as of `models.bit`; without a head, if the file has none.

    Raises:
        ValueError: an array is missing, has no place or another shape; `num_groups` does not
            divide a width.
    """
    part = state.under(_PREFIX)
    *_, channels, width = part.shape(f"root_block/{_KERNEL}", 4)
    num_stages = part.count("block") - 1  # the file counts stages and blocks from 1
    num_layers = [part.count(f"block{stage}/unit") - 1 for stage in range(1, num_stages + 1)]
    filters = [part.shape(f"block{stage}/unit01/c/{_KERNEL}", 4)[-1]
               for stage in range(1, num_stages + 1)]
    num_classes = 0
    if _HEAD in part:
        num_classes = part.shape(_HEAD, 4)[-1]
    else:
        state.missing.append(_PREFIX + _HEAD)
    if image_shape is None:
        sides = (image_size, image_size) if isinstance(image_size, int) else image_size
        image_shape = (*(sides or (None, None)), channels)
    model = models.bit("r50x1", image_shape, num_classes, num_layers=num_layers, width=width,
                       filters=filters, num_groups=num_groups)

    _fill_kernel(model.get_layer("root"), part.under("root_block/"))
    units = [part.under(f"block{stage}/unit{unit:02}/")
             for stage, blocks in enumerate(num_layers, 1) for unit in range(1, blocks + 1)]
    for i, unit in enumerate(units):
        block = model.get_layer(f"block_{i}")
        for letter, name in zip("abc", ("narrow", "spatial", "widen"), strict=True):
            _fill_norm(getattr(block, f"{name}_norm"), unit.under(f"{letter}/"))
            _fill_kernel(getattr(block, name), unit.under(f"{letter}/"))
        if block.projection is not None:
            _fill_kernel(block.projection, unit.under("a/proj/"))
    _fill_norm(model.get_layer("norm"), part)
    if num_classes:
        head = model.get_layer("logits")
        _assign(head.kernel, part, _HEAD, (1, 1, *head.kernel.shape))
        _assign(head.bias, part, "head/conv2d/bias")
    state.finish()
    return model


def _fill_kernel(layer, state):
    _assign(layer.kernel, state, _KERNEL)


def _fill_norm(norm, state):
    _assign(norm.gamma, state, "group_norm/gamma")
    _assign(norm.beta, state, "group_norm/beta")


def _assign(weight, state, key, shape=None):
    array = state.take(key, *(shape or weight.shape), layer=weight.path)
    hand_over(weight, array.reshape(weight.shape))
