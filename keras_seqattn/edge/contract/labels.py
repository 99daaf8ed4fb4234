"""Names of classes: read in the forms in which users have them, and bound to their output."""

import collections.abc
import typing

import numpy as np

from keras_seqattn.edge.contract import content
from keras_seqattn.errors import explain, nearest

SHOWN = 5           # labels or outputs in a message
LONGEST = 40        # characters of a label in a message


def read(labels: typing.Any) -> list[str] | dict[str, list[str]] | None:
    """Reads the labels of one output, or of several.

    Args:
        labels: Labels in one of these forms.

            - List, tuple or NumPy array of texts, bytes in UTF-8 or integers. The end of a line
              that a text may have is cut off.
            - Dictionary from the number of a class, or its digits, to a label (`id2label`).
            - Dictionary from a label to the number of its class (`class_indices`).
            - Dictionary from the name of an output to one of the above.

    Returns:
        List of texts, or a dictionary of them by name of the output; `None` stays `None`.

    Raises:
        ValueError: another form, numbers that are not 0 to K - 1, or a label that is no line of
            text.

    >>> read({"0": "cat", "1": b"dog"}), read({"dog": 1, "cat": 0}), read(np.arange(3))
    (['cat', 'dog'], ['cat', 'dog'], ['0', '1', '2'])
    """
    if labels is None:
        return None
    if isinstance(labels, collections.abc.Mapping):
        if labels and not any(_is_one(each) for each in labels.values()):
            return {str(name): typing.cast(list, read(each)) for name, each in labels.items()}
        return _lines(_in_order(labels))
    if isinstance(labels, (str, bytes, set, frozenset)) or not isinstance(
            labels, collections.abc.Iterable):
        raise ValueError(explain(
            "`labels` must be a list with the name of each class",
            labels=_short(labels), fix="pass one label per class, in order"))
    return _lines(list(labels))


def bind(labels: list[str] | dict[str, list[str]] | None,
         outputs: collections.abc.Mapping[str, collections.abc.Mapping[str, typing.Any]],
         found: collections.abc.Mapping[str, content.Found],
         told: collections.abc.Mapping[str, str]) -> dict[str, list[str]]:
    """Finds the output that labels are of.

    An output with one value takes two labels, of no and of yes, or that of yes alone.

    Args:
        labels: What `read` returned.
        outputs: The `"shape"` and `"dtype"` of each output by its name.
        found: What the graph tells of outputs, by name.
        told: What the user tells of outputs, by name.

    Returns:
        List of labels by name of the output.

    Raises:
        ValueError: no output has so many classes, or several have.
    """
    if labels is None:
        return {}
    able = {name: tuple(each["shape"]) for name, each in outputs.items()
            if told.get(name, content.LOGITS) in content.CLASSES
            and content.is_real(each)}
    if isinstance(labels, dict):
        for name, each in labels.items():
            if name not in outputs:
                raise ValueError(explain("`labels` must name outputs of the model", name=name,
                                         fix=nearest(name, outputs)))
            if name not in able or not _fits(able[name], len(each)):
                raise _unfit(each, outputs)
        return labels
    fitting = next(filter(None, (
        [name for name, shape in able.items() if fits(shape, len(labels))]
        for fits in (_fits_exactly, _fits, _fits_everywhere))), None)
    if fitting is None:
        raise _unfit(labels, outputs)
    known = {name: found.get(name, content.Found()) for name in fitting}
    unused = [name for name, each in known.items() if not each.used]
    last = [name for name in unused if known[name].content != content.LOGITS]
    name, *others = last or unused or fitting
    if others:
        raise ValueError(explain(
            "`labels` must say which output they are of, since several have so many classes",
            num_labels=len(labels), outputs=[name, *others][:SHOWN],
            fix=f"pass {{{name!r}: labels}}"))
    return {name: labels}


def _fits_exactly(shape, count):
    return content.is_one_answer(shape) and shape[-1] == count


def _fits(shape, count):
    return _fits_everywhere(shape, count) or (shape[-1:] == (1,) and count == 2)


def _fits_everywhere(shape, count):
    return shape[-1:] == (count,)


def _is_one(label):
    """Whether something is one label, or the number of one, rather than several labels."""
    return isinstance(label, (str, bytes)) or not isinstance(label, collections.abc.Iterable)


def _in_order(labels):
    """The labels of a dictionary from numbers to labels, or from labels to numbers."""
    by_number = {_number(key): each for key, each in labels.items()}
    if None in by_number and not any(
            isinstance(each, str) or _number(each) is None for each in labels.values()):
        by_number = {_number(each): key for key, each in labels.items()}
    if set(by_number) != set(range(len(labels))):
        raise ValueError(explain(
            "a dictionary of `labels` must have the keys 0 to K - 1", num_labels=len(labels),
            keys=[_short(key) for key in list(labels)[:SHOWN]],
            fix="pass one label per class, or a list for each output by its name"))
    return [by_number[i] for i in range(len(labels))]


def _number(key):
    if isinstance(key, str) and key.isascii() and key.isdigit():
        return int(key)
    return int(key) if isinstance(key, (int, np.integer)) and not isinstance(key, bool) else None


def _lines(labels):
    """Labels as texts of one line each."""
    texts = [_line(label) for label in labels]
    if None in texts:
        place = texts.index(None)
        raise ValueError(explain(
            "each of `labels` must be one line of text", label=_short(labels[place]), place=place,
            fix="name every class, without line breaks"))
    return texts


def _line(label):
    """A label as text, or `None` where it is no line."""
    label = label.item() if isinstance(label, np.generic) else label
    try:
        text = label.decode() if isinstance(label, bytes) else (
            str(label) if isinstance(label, int) else label)
        text = text.rstrip("\r\n") if isinstance(text, str) else ""
        text.encode()  # fails for half a pair of surrogates
    except UnicodeError:
        return None
    return text if text.strip() and text.splitlines() == [text] else None


def _unfit(labels, outputs):
    return ValueError(explain(
        "`labels` must name every class of an output", labels=labels[:SHOWN],
        num_labels=len(labels),
        outputs={name: tuple(map(int, each["shape"][1:]))
                 for name, each in list(outputs.items())[:SHOWN] if None not in each["shape"][1:]},
        fix="pass one label per class, in order"))


def _short(label):
    """A label as a message shows it, or the kind of what is none."""
    return label[:LONGEST] if isinstance(label, (str, bytes)) else (
        label if label is None or isinstance(label, (int, float)) else type(label).__name__)
