"""The linear probe: how far frozen features tell classes apart, by least squares in closed form."""

import numpy as np

from keras_seqattn.data.batches import scale

PENALTIES = tuple(2.0 ** power for power in range(-10, 21, 2))


def features(model, examples, batch_size=64):
    """What a model makes of images.

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

    Each feature is brought to mean 0 and deviation 1. The squares of the errors and, times the
    penalty, those of the weights are least; the intercept has no penalty.

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

    def __init__(self, rows, labels, num_classes):
        self._mean = rows.mean(axis=0)
        self._std = np.maximum(rows.std(axis=0), 1e-5)
        rows = (rows - self._mean) / self._std
        targets = 2.0 * (labels[:, None] == np.arange(num_classes)) - 1.0
        self._intercept = targets.mean(axis=0)
        self._values, self._vectors = np.linalg.eigh(rows.T @ rows)
        self._products = self._vectors.T @ (rows.T @ (targets - self._intercept))
        self._least = np.finfo(float).eps * len(rows) * max(float(self._values[-1]), 1.0)

    def weights(self, penalty):
        """NumPy, `(D, K)`: of the features after they were brought to mean 0 and deviation 1."""
        values = self._values + penalty
        known = values > self._least  # directions that no example has stay at 0
        return self._vectors[:, known] @ (self._products[known] / values[known, None])

    def logits(self, rows, penalty):
        """NumPy, `(m, K)`, of other examples' features."""
        return ((rows - self._mean) / self._std) @ self.weights(penalty) + self._intercept


def choose(ridge, rows, labels, penalties=PENALTIES):
    """The penalty of the highest accuracy on validation examples; of equals the largest."""
    accuracies = [np.mean(ridge.logits(rows, penalty).argmax(-1) == labels)
                  for penalty in penalties]
    return max(zip(accuracies, penalties, strict=True))[1]


def few(labels, shots, rng):
    """Places of `shots` examples of each class, in random order, or of all that it has.

    >>> few(np.array([0, 1, 0, 1, 0]), 1, np.random.default_rng(7)).size
    2
    """
    return np.concatenate([
        rng.permutation(np.flatnonzero(labels == each))[:shots] for each in np.unique(labels)])
