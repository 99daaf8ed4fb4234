"""How far the outputs of a file are from those of its model."""

import numpy as np


def largest_error(expected: np.ndarray, actual: np.ndarray) -> float:
    """Largest difference of two arrays; NaN if one holds NaN.

    >>> largest_error(np.array([1.0, 2.0]), np.array([1.5, 2.0]))
    0.5
    """
    difference = np.abs(expected.astype("float64") - actual.astype("float64"))
    return float(difference.max()) if difference.size else 0.0


def root_mean_square(array: np.ndarray) -> float:
    """Root of the mean square of an array.

    >>> root_mean_square(np.array([3.0, 4.0, 0.0, 0.0]))
    2.5
    """
    return float(np.sqrt(np.mean(np.square(array.astype("float64"))))) if array.size else 0.0


def cosine(expected: np.ndarray, actual: np.ndarray) -> float:
    """Smallest cosine between an example of one array and that of the other.

    Args:
        expected: `(n, …)`.
        actual: `(n, …)`.

    Returns:
        Float in `[-1, 1]`; an example of zeros has cosine 1 with another of zeros, else 0.

    >>> cosine(np.array([[3.0, 4.0], [0.0, 0.0]]), np.array([[4.0, 3.0], [0.0, 0.0]]))
    0.96
    """
    a, b = (x.reshape(len(x), -1).astype("float64") for x in (expected, actual))
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    alike = (a == b).all(axis=1)
    with np.errstate(invalid="ignore"):
        cosines = np.where(lengths > 0, (a * b).sum(axis=1) / np.where(lengths, lengths, 1), alike)
    return float(np.where(alike, 1.0, cosines).min())


def kl_divergence(expected: np.ndarray, actual: np.ndarray) -> float:
    """Mean Kullback-Leibler divergence of the softmax of two arrays of logits, in nats.

    Args:
        expected: Logits of the model, `(n, K)`.
        actual: Logits of the file, `(n, K)`.

    Returns:
        Float of at least 0: what is lost by believing the file.

    >>> round(kl_divergence(np.log([[0.5, 0.5]]), np.log([[0.8, 0.2]])), 4)  # ln(0.25 / 0.16) / 2
    0.2231
    """
    p, q = _log_softmax(expected), _log_softmax(actual)
    return float((np.exp(p) * (p - q)).sum(axis=-1).mean())


def agreement(expected: np.ndarray, actual: np.ndarray, top: int = 1) -> float:
    """Share of examples whose `top` largest logits are the same classes.

    Args:
        expected: Logits of the model, `(n, K)`.
        actual: Logits of the file, `(n, K)`.
        top: How many classes, fewer than `K`.

    Returns:
        Float in `[0, 1]`.

    >>> agreement(np.array([[1, 2, 3], [3, 2, 1]]), np.array([[2, 1, 3], [2, 3, 1]]))
    0.5
    >>> agreement(np.array([[1, 2, 3], [3, 2, 1]]), np.array([[2, 1, 3], [2, 3, 1]]), top=2)
    0.5
    """
    a, b = (np.sort(np.argsort(-x, axis=-1, kind="stable")[:, :top]) for x in (expected, actual))
    return float((a == b).all(axis=-1).mean())


def accuracy(logits: np.ndarray, targets: np.ndarray, middle: float = 0.0) -> float:
    """Share of examples whose largest logit is their class.

    Args:
        logits: `(n, K)`, or the classes themselves, integers `(n,)`. Of one value, `(n, 1)`, class
            1 is what is above `middle`.
        targets: Integer classes, `(n,)`.
        middle: 0 for logits, 0.5 for probabilities.

    >>> accuracy(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1, 0]))
    0.5
    >>> accuracy(np.array([1, 1]), np.array([1, 0]))
    0.5
    >>> accuracy(np.array([[0.2], [0.7]]), np.array([0, 1]), middle=0.5)
    1.0
    """
    if logits.ndim == 2 and logits.shape[1] == 1 and logits.dtype.kind == "f":
        classes = (logits[:, 0] > middle).astype(int)
    else:
        classes = logits if logits.ndim == 1 and logits.dtype.kind in "iu" else logits.argmax(-1)
    return float(np.mean(classes == targets))


def beyond_chance(expected: np.ndarray, actual: np.ndarray) -> float:
    """Agreement of two arrays of values that are equal or not, beyond what chance would give.

    Chance is that of two draws from the values of both arrays. The measure is Cohen's kappa (1960,
    equation 1).

    Args:
        expected: Integers or booleans.
        actual: The same number of them.

    Returns:
        1 for equal arrays, around 0 for unrelated ones.

    >>> beyond_chance(np.array([1, 1, 0, 0]), np.array([1, 0, 0, 0]))  # (3/4 - 1/2) / (1 - 1/2)
    0.5
    >>> beyond_chance(np.array([7, 7]), np.array([7, 7]))
    1.0
    """
    a, b = expected.ravel(), actual.ravel()
    if (a == b).all():
        return 1.0
    values, places = np.unique(np.concatenate([a, b]), return_inverse=True)
    counts = [np.bincount(part, minlength=len(values)) for part in np.split(places, 2)]
    chance = float(counts[0] @ counts[1]) / len(a) ** 2
    return (float(np.mean(a == b)) - chance) / (1 - chance) if chance < 1 else 0.0


def _log_softmax(logits):
    shifted = logits.astype("float64") - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
