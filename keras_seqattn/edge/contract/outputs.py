"""What each output of a model is, of which one labels are: the graph's word, then the user's."""

import collections.abc
import typing

import numpy as np

from keras_seqattn.edge.contract import content
from keras_seqattn.edge.contract import labels as names


def decide(outputs: collections.abc.Mapping[str, collections.abc.Mapping[str, typing.Any]],
           found: collections.abc.Mapping[str, content.Found] | None = None,
           told: str | collections.abc.Mapping[str, str] | None = None, labels: typing.Any = None,
           ) -> dict[str, dict[str, typing.Any]]:
    """Decides what each output of a model is, and which output labels are of.

    Args:
        outputs: The `"shape"` and `"dtype"` of each output by its name, in the model's order.
        found: What `content.find` returned; nothing by default.
        told: What the user says of outputs, as `content.tell` takes it.
        labels: Names of classes, as `labels.read` takes them.

    Returns:
        `{"content": …}` by name of the output, with `"labels"` where there are any. A content of
        `None` is logits or probabilities, as only values tell.

    Raises:
        ValueError: an output or a content that is unknown, or labels that fit no output.
    """
    found, told = found or {}, content.tell(told, outputs)
    bound = names.bind(names.read(labels), outputs, found, told)
    seen = {name: found.get(name, content.Found()) for name in outputs}
    meant: dict[str, dict[str, typing.Any]] = {name: {"content": told.get(name) or (
        _of_classes(seen[name]) if name in bound else _by_itself(name, details, seen[name]))}
        for name, details in outputs.items()}
    for name, each in bound.items():
        meant[name]["labels"] = each
    if not bound and not any(each["content"] in content.CLASSES for each in meant.values()):
        first = next((name for name, details in outputs.items()
                      if name not in told and name != content.ATTENTION
                      and _may_be_classes(details, seen[name])), None)
        if first is not None:
            meant[first]["content"] = _of_classes(seen[first])
    return meant


def of_graph(graph: typing.Any, told: str | collections.abc.Mapping[str, str] | None = None,
             labels: typing.Any = None) -> dict[str, dict[str, typing.Any]]:
    """Decides what each output of a lowered model is.

    Args:
        graph: `graph.Graph`.
        told: As for `decide`.
        labels: As for `decide`.

    Returns:
        As `decide` does.

    Raises:
        ValueError: as of `decide`.
    """
    details = {name: {"shape": shape, "dtype": dtype}
               for name, (shape, dtype) in graph.made.items()}
    return decide(details, content.find(graph), told, labels)


def beyond(name: str) -> str:
    """What an output beyond those of the model is, by its name."""
    return content.ATTENTION if name == content.ATTENTION else content.FEATURES


def _of_classes(seen):
    """What an output of classes is, or `None` where only values tell."""
    if seen.content in content.CLASSES:
        return seen.content
    return content.LOGITS if seen.linear else None


def _by_itself(name, details, seen):
    """What an output without labels is, as far as the output tells by itself."""
    if name != content.ATTENTION and content.is_real(details):
        return content.FEATURES if seen.used else seen.content or content.FEATURES
    return content.INDICES if np.dtype(details["dtype"]).kind in "iu" else beyond(name)


def _may_be_classes(details, seen):
    shape = tuple(details["shape"])
    return (content.is_real(details) and content.is_one_answer(shape) and shape[-1] != 1
            and seen.content is None and not seen.used)
