"""From the values of an output to the probabilities of classes, as its content says."""

import collections.abc
import typing

import numpy as np

from keras_seqattn.edge.contract import content


def answer(outputs: collections.abc.Iterable[dict[str, typing.Any]],
           ) -> dict[str, typing.Any] | None:
    """Finds the output that answers which class an example is of.

    Args:
        outputs: What a contract says of the outputs. A content of `None` is unknown.

    Returns:
        What the contract says of the first output with labels, or else of the first with classes;
        `None` without one.
    """
    able = [each for each in outputs if each["content"] in (*content.CLASSES, None)
            and content.is_one_answer(each["shape"])]
    return next((each for each in able if each.get("labels")), able[0] if able else None)


def probabilities(values: np.ndarray, kind: str) -> np.ndarray:
    """Brings an output to probabilities.

    A softmax is taken of logits, and of nothing else. One value alone is, or through a sigmoid
    becomes, the probability of yes.

    Args:
        values: Values of the output, `(n, …, K)`.
        kind: Its content, one of `content.CLASSES`.

    Returns:
        Float64, `(n, K)`. Of one value `(n, 2)`: no and yes.

    >>> probabilities(np.array([[0.9]]), "independent probabilities").round(3).tolist()
    [[0.1, 0.9]]
    >>> probabilities(np.log([[1.0, 3.0]]), "logits").round(3).tolist()
    [[0.25, 0.75]]
    """
    values = values.reshape(len(values), values.shape[-1]).astype("float64")
    if kind == content.LOGITS and values.shape[1] == 1:
        values = np.hstack([np.zeros_like(values), values])  # a sigmoid is a softmax beside 0
    if kind == content.LOGITS:
        powers = np.exp(values - values.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)
    return np.hstack([1 - values, values]) if values.shape[1] == 1 else values


def choices(values: np.ndarray, kind: str) -> np.ndarray:
    """Chooses the likeliest class of each example; of one value yes from above one half.

    Args:
        values: Values of the output, `(n, …, K)`.
        kind: Its content, one of `content.CLASSES`.

    Returns:
        Int, `(n,)`.

    >>> choices(np.array([[0.4], [0.6]]), "independent probabilities").tolist()
    [0, 1]
    """
    return probabilities(values, kind).argmax(axis=1)


def named(probabilities: np.ndarray, labels: collections.abc.Sequence[str] | None,
          ) -> list[tuple[str, float]]:
    """Gives each class of one example its name, likeliest first.

    Args:
        probabilities: `(K,)`, as `probabilities` makes them.
        labels: Names of the classes, or that of yes alone. Without them classes have their numbers.

    Returns:
        `(label, probability)` of each class.

    >>> named(np.array([0.1, 0.9]), ["dog"])
    [('dog', 0.9)]
    """
    labels = labels or list(map(str, range(len(probabilities))))
    shares = probabilities[len(probabilities) - len(labels):]
    order = np.argsort(-shares, kind="stable")
    return [(labels[i], float(shares[i])) for i in order]
