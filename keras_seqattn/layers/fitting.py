"""What every call of a layer must fit: the width it was built for, and masks of its positions."""

import typing
from collections.abc import Sequence

from keras import ops

from keras_seqattn.errors import explain
from keras_seqattn.shapes import Shape, Tensor


def check_width(layer: str, built_shape: Shape, **inputs: Tensor) -> None:
    """Refuses inputs of another width or rank than those that a layer was built for.

    Args:
        layer: Name of the layer's class.
        built_shape: Shape that it was built for.
        **inputs: Tensor of each call argument.

    >>> check_width("FeedForward", (None, 5, 3), inputs=ops.ones((2, 7, 3)))
    """
    for name, tensor in inputs.items():
        if len(tensor.shape) != len(built_shape) or tensor.shape[-1] != built_shape[-1]:
            raise ValueError(explain(
                f"`{name}` must have the rank and the width that {layer} was built for",
                **{f"{name}_shape": tuple(tensor.shape)}, built_shape=tuple(built_shape),
                fix=f"pass features of width {built_shape[-1]}, or make another layer"))


def check_batch(**inputs: Tensor) -> None:
    """Refuses inputs of different batches.

    >>> check_batch(features=ops.ones((2, 7, 4)), tokens=ops.ones((2, 5), "int32"))
    """
    shapes = {f"{name}_shape": tuple(tensor.shape) for name, tensor in inputs.items()}
    first = next(iter(shapes.values()))
    if not all(fits(shape[:1], first[:1]) for shape in shapes.values()):
        raise ValueError(explain(
            f"{' and '.join(f'`{name}`' for name in inputs)} must have the same batch", **shapes,
            fix="pass one row of each for every example"))


def as_mask(mask: typing.Any) -> Tensor | None:
    """Makes a boolean tensor of a mask, which may be a list or an array. `None` stays."""
    return None if mask is None else ops.cast(ops.convert_to_tensor(mask), "bool")


def check_mask(inputs_shape: Shape, **masks: Tensor | None) -> None:
    """Refuses masks that do not tell of each position of a sequence.

    One mask may serve all examples, `(1, T)`. Of several axes of positions it may have the first.

    Args:
        inputs_shape: Shape of the sequence, `(B, T, D)`, or with more axes of positions.
        **masks: Mask of each name, or `None`.

    >>> check_mask((2, 5, 3), mask=ops.ones((2, 5), "bool"))
    """
    for name, mask in masks.items():
        if mask is None:
            continue
        shape, rank = tuple(inputs_shape)[:-1], len(mask.shape)
        if not (2 <= rank <= len(shape) and fits(mask.shape[1:], shape[1:rank])
                and (mask.shape[0] == 1 or fits(mask.shape[:1], shape[:1]))):
            raise ValueError(explain(
                f"`{name}` must have one entry for each position",
                **{f"{name}_shape": tuple(mask.shape)}, inputs_shape=tuple(inputs_shape),
                fix=f"pass a mask of shape {shape}"))


def fits(shape: Sequence[int | None], other: Sequence[int | None]) -> bool:
    """Tells whether two shapes may be the same. An unknown size (`None`) fits any.

    >>> fits((None, 5), (2, 5)), fits((1, 5), (2, 5))
    (True, False)
    """
    return len(shape) == len(other) and all(
        None in (one, two) or one == two for one, two in zip(shape, other, strict=True))


def broadcasts(shape: Sequence[int | None], other: Sequence[int | None]) -> bool:
    """Tells whether a shape may broadcast to another of the same rank.

    >>> broadcasts((1, 5), (2, 5)), broadcasts((2, 5), (1, 5))
    (True, False)
    """
    return len(shape) == len(other) and all(
        one == 1 or None in (one, two) or one == two
        for one, two in zip(shape, other, strict=True))


def check_scores_shape(scores_shape: Shape, **given: Tensor | None) -> None:
    """Refuses masks and biases of the scores that do not broadcast to them.

    Args:
        scores_shape: Shape of the scores, `(B, N, T, S)`.
        **given: Mask or bias of each name, or `None`. Its axes are the last ones of the scores,
            or those without `N`.

    >>> check_scores_shape((2, 3, 5, 7), attention_mask=ops.ones((2, 5, 7), "bool"))
    """
    batch, *rest = scores_shape
    for name, tensor in given.items():
        if tensor is None:
            continue
        rank = len(tensor.shape)
        wanted = {2: rest[1:], 3: [batch, *rest[1:]], 4: [batch, *rest]}.get(rank, [])
        if not broadcasts(tensor.shape, wanted):
            raise ValueError(explain(
                f"`{name}` must broadcast to (B, T, S) or (B, N, T, S)",
                **{f"{name}_shape": tuple(tensor.shape)}, scores_shape=tuple(scores_shape),
                fix="pass one entry per query and key"))
