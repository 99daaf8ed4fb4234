"""A move behind a move is one move: a node that is added looks back at what made its input.

A rule of `RULES` is given the lowering, the node that makes what the new node would read, and the
new node's weights and settings. It returns which value the new node would better read, and its
settings then; or the number of a value that is the same already; or `None` where nothing is gained.
"""

from __future__ import annotations

import typing

import numpy as np

if typing.TYPE_CHECKING:
    from keras_seqattn.edge.lower.lowering import Lowering

Settings: typing.TypeAlias = dict[str, typing.Any]
Better: typing.TypeAlias = tuple[int, Settings] | int | None


def shorter(lowering: Lowering, kind: str, value: int, weights: Settings,
            settings: Settings) -> tuple[int, Settings] | int:
    """Returns what a node of one input would better be.

    Args:
        lowering: `Lowering` that the node is added to.
        kind: Kind of the node.
        value: Value that it reads.
        weights: Its weights.
        settings: Its settings.

    Returns:
        Value that is read, and settings; or the number of a value that is the same.
    """
    rule = RULES.get(kind)
    while rule is not None:
        maker = lowering.maker(value)
        better = None if maker is None else rule(lowering, maker, weights, settings)
        if isinstance(better, int):
            return better
        if better is None:
            break
        value, settings = better
    return value, settings


def _reshape(lowering, maker, weights, settings):
    shape = tuple(settings["shape"])
    if maker.kind == "reshape":
        before, = maker.inputs
        return before if lowering.spec(before).shape == shape else (before, settings)
    if maker.kind in ("mean", "reduce") and not maker.settings.get("keepdims"):
        return _kept(lowering, maker, shape)
    return None


def _kept(lowering, maker, shape):
    """The reduction with its axes kept, where that is the shape; the one without follows from it.

    So there is one reduction, whoever else reads the value without the axes.
    """
    before = lowering.spec(maker.inputs[0]).shape
    over = {axis % len(before) for axis in np.ravel(maker.settings.get("axis", 1))}
    if shape != tuple(1 if place in over else size for place, size in enumerate(before)):
        return None
    nodes, bare = lowering.graph.nodes, lowering.spec(maker.outputs[0]).shape
    made = lowering.add("reduce", maker.name.removeprefix("/".join([*lowering.scope, ""])),
                        maker.inputs, function=maker.settings.get("function", "mean"),
                        axis=tuple(sorted(map(int, over))), keepdims=True)
    nodes.insert(nodes.index(maker), nodes.pop())
    maker.kind, maker.inputs, maker.settings = "reshape", [made], {"shape": tuple(bare)}
    return made


def _transpose(lowering, maker, weights, settings):
    if maker.kind != "transpose":
        return None
    before, = maker.inputs
    axes = [maker.settings["axes"][axis] for axis in settings["axes"]]
    return before if axes == list(range(len(axes))) else (before, {"axes": axes})


def _slice(lowering, maker, weights, settings):
    if maker.kind != "slice":
        return None
    before = maker.settings
    starts = [first + start * stride for first, start, stride in zip(
        before["starts"], settings["starts"], before["strides"], strict=True)]
    strides = [a * b for a, b in zip(before["strides"], settings["strides"], strict=True)]
    return maker.inputs[0], {**settings, "starts": starts, "strides": strides}


def _windowed(lowering, maker, weights, settings):
    """A border of zeros in front of windows is theirs, where `"same"` puts as many."""
    border = {"mode": "constant", "value": 0, **maker.settings}
    if maker.kind != "pad" or settings["padding"] != "valid" or border["value"] or (
            border["mode"] != "constant"):
        return None
    before, = maker.inputs
    each = zip(lowering.spec(before).shape[1:3], weights["kernel"].shape[:2],
               _two(settings["strides"]), _two(settings.get("dilation", 1)), strict=True)
    if tuple(map(tuple, border["sides"])) != ((0, 0), *(_same(*axis) for axis in each), (0, 0)):
        return None
    return before, {**settings, "padding": "same"}


def _two(sizes):
    return (sizes, sizes) if isinstance(sizes, int) else tuple(sizes)


def _same(size, extent, stride, rate):
    """The border before and behind an axis that `"same"` adds; `None` where windows skip places."""
    total = (-(-size // stride) - 1) * stride + (extent - 1) * rate + 1 - size
    return None if total < 0 else (total // 2, total - total // 2)


RULES = {
    "reshape": _reshape,
    "transpose": _transpose,
    "slice": _slice,
    "conv": _windowed,
    "depthwise": _windowed,
}
