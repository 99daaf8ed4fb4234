"""The linear probe: how far frozen features tell classes apart, by least squares in closed form."""

import collections.abc
import typing

import keras
import numpy as np

from keras_seqattn.data.batches import scale

PENALTIES = tuple(2.0 ** power for power in range(-10, 21, 2))


def features(model: keras.Model, examples: typing.Any, batch_size: int = 64
             ) -> tuple[np.ndarray, np.ndarray]:
    """Computes what a model makes of images.

    Args:
        model: `keras.Model` from images to features, `(B, D)`.
        examples: What `data.load` returns.
        batch_size: Images per call.

    Returns:
        NumPy float64, `(n, D)`, and the labels as `examples` reads them.
    """
    rows, labels = [], []
    for start in range(0, len(examples), batch_size):
        chosen = np.arange(start, min(start + batch_size, len(examples)))
        images, right = examples.read(chosen)
        rows.append(np.asarray(model.predict_on_batch(scale(images)), "float64"))
        labels.append(right)
    return np.concatenate(rows), np.concatenate(labels)


class Ridge:
    """Regularised least squares from features to -1 and 1, for any penalty.

    Each feature is brought to mean 0 and deviation 1. What is least is the sum of two: the squares
    of the errors, and the penalty times the squares of the weights. The intercept has no penalty.

    Args:
        rows: NumPy, `(n, D)`.
        labels: NumPy int, `(n,)`.
        num_classes: Number of classes `K`.

    >>> ridge = Ridge(np.array([[0.0], [1.0], [4.0], [5.0]]), np.array([0, 0, 1, 1]), 2)
    >>> ridge.logits(np.array([[-1.0], [6.0]]), penalty=0.0).argmax(-1).tolist()
    [0, 1]

    Cost: `D³` for the eigenvectors, once for all penalties.
    Paper: Dosovitskiy et al. 2021, section 4.1, "few-shot accuracy".
    """

    def __init__(self, rows: np.ndarray, labels: np.ndarray, num_classes: int):
        self._mean = rows.mean(axis=0)
        self._std = np.maximum(rows.std(axis=0), 1e-5)
        rows = (rows - self._mean) / self._std
        targets = 2.0 * (labels[:, None] == np.arange(num_classes)) - 1.0
        self._intercept = targets.mean(axis=0)
        self._values, self._vectors = np.linalg.eigh(rows.T @ rows)
        self._products = self._vectors.T @ (rows.T @ (targets - self._intercept))
        self._least = np.finfo(float).eps * len(rows) * max(float(self._values[-1]), 1.0)

    def weights(self, penalty: float) -> np.ndarray:
        """Returns `(D, K)`: weights of the features that have mean 0 and deviation 1."""
        values = self._values + penalty
        known = values > self._least  # directions that no example has stay at 0
        return self._vectors[:, known] @ (self._products[known] / values[known, None])

    def logits(self, rows: np.ndarray, penalty: float) -> np.ndarray:
        """Returns `(m, K)` for the features of `m` other examples, `(m, D)`."""
        return ((rows - self._mean) / self._std) @ self.weights(penalty) + self._intercept


def choose(ridge: Ridge, rows: np.ndarray, labels: np.ndarray,
           penalties: collections.abc.Iterable[float] = PENALTIES) -> float:
    """Returns the penalty of the highest accuracy on validation examples; of equals the largest."""
    accuracies = [np.mean(ridge.logits(rows, penalty).argmax(-1) == labels)
                  for penalty in penalties]
    return max(zip(accuracies, penalties, strict=True))[1]


def few(labels: np.ndarray, shots: int, rng: np.random.Generator) -> np.ndarray:
    """Draws the places of `shots` examples of each class, or of all that the class has.

    >>> few(np.array([0, 1, 0, 1, 0]), 1, np.random.default_rng(7)).size
    2
    """
    return np.concatenate([
        rng.permutation(np.flatnonzero(labels == each))[:shots] for each in np.unique(labels)])
