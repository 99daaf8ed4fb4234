"""How often a classifier is right on a data set, and what it takes for what, whatever runs it."""

import typing

import numpy as np

from keras_seqattn.data.stored import LabelledImages, StoredImages
from keras_seqattn.shapes import Tensor

Predict: typing.TypeAlias = typing.Callable[[np.ndarray], Tensor]


class Answers(typing.NamedTuple):
    """What a classifier said of each example of a set.

    Attributes:
        labels: The right classes, NumPy int `(n,)`. Or float, `(n, num_classes)`, above 0 at each
            right class.
        classes: The class with the highest value, NumPy int `(n,)`.
        values: That value, NumPy float `(n,)`: a probability if the classifier gives such.
    """

    labels: np.ndarray
    classes: np.ndarray
    values: np.ndarray

    def right(self) -> np.ndarray:
        """Whether each example that has a right class was told right, NumPy bool.

        >>> several = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
        >>> Answers(several, np.arange(3), np.ones(3)).right().tolist()
        [True, False]
        """
        if self.labels.ndim == 1:
            return self.classes == self.labels
        counted = self.labels.any(axis=-1)
        return self.labels[counted, self.classes[counted]] > 0

    def confusion(self, num_classes: int) -> np.ndarray:
        """Counts examples by their right class and by the class that they were taken for.

        Examples with several right classes have no row, so there must be none.

        Returns:
            NumPy int, `(num_classes, num_classes)`: the right class, then the answer.

        >>> Answers(np.array([0, 0, 1]), np.array([0, 1, 1]), np.ones(3)).confusion(2).tolist()
        [[1, 1], [0, 1]]
        """
        counts = np.zeros((num_classes, num_classes), int)
        np.add.at(counts, (self.labels, self.classes), 1)
        return counts

    def worst(self, count: int) -> np.ndarray:
        """Indices of at most `count` wrong examples, those of the surest answers first.

        >>> said = Answers(np.zeros(3, int), np.array([1, 0, 1]), np.array([0.6, 1.0, 0.9]))
        >>> said.worst(5).tolist()
        [2, 0]
        """
        wrong = np.flatnonzero(self.classes != self.labels)
        return wrong[np.argsort(-self.values[wrong], kind="stable")][:count]


def answers(predict: Predict, examples: LabelledImages | StoredImages,
            batch_size: int = 250) -> Answers:
    """Asks a classifier about every example.

    Args:
        predict: Function from 8-bit images `(n, height, width, channels)` to logits or
            probabilities `(n, num_classes)`.
        examples: What `data.load` returns.
        batch_size: Images per call.

    Returns:
        `Answers`.
    """
    labels, classes, values = [], [], []
    for start in range(0, len(examples), batch_size):
        images, truth = examples.read(np.arange(start, min(start + batch_size, len(examples))))
        said = np.asarray(predict(images))
        labels.append(truth)
        classes.append(said.argmax(-1))
        values.append(said.max(-1))
    return Answers(*map(np.concatenate, (labels, classes, values)))


def accuracy(predict: Predict, examples: LabelledImages | StoredImages,
             batch_size: int = 250) -> tuple[float, int]:
    """Measures the share of examples whose highest logit is at a right class.

    Where an image has several right classes, each counts. Images without any are left out.

    Args:
        predict: As for `answers`.
        examples: As for `answers`.
        batch_size: As for `answers`.

    Returns:
        The share, and the number of examples that count.

    Paper: Beyer et al. 2020, "Are we done with ImageNet?".

    >>> from keras_seqattn.data import LabelledImages
    >>> examples = LabelledImages(np.zeros((3, 1, 1, 1), "uint8"), np.array([1, 0, 1]), ("a", "b"))
    >>> accuracy(lambda images: np.tile([0.0, 5.0], (len(images), 1)), examples, batch_size=2)
    (0.6666666666666666, 3)
    """
    hits = answers(predict, examples, batch_size).right()
    return float(hits.mean()), len(hits)


def right(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Tells whether the highest logit is at a right class, for each image that has one.

    Args:
        logits: NumPy, `(n, num_classes)`.
        labels: As in `Answers`.

    Returns:
        NumPy bool, one for each image with a right class.
    """
    return Answers(labels, logits.argmax(-1), logits.max(-1)).right()


def precision_and_recall(confusion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Says of each class how many answers were right, and how many examples were found.

    Args:
        confusion: As `Answers.confusion` counts.

    Returns:
        Precision and recall, NumPy float `(num_classes,)` each. A class that was never the answer
        has no precision, and a class without examples no recall; they are NaN.

    >>> precision, recall = precision_and_recall(np.array([[3, 1, 0], [2, 4, 0], [0, 0, 0]]))
    >>> precision.tolist(), recall.round(3).tolist()
    ([0.6, 0.8, nan], [0.75, 0.667, nan])
    """
    found = np.diagonal(confusion).astype(float)
    answered, there = confusion.sum(axis=0), confusion.sum(axis=1)
    empty = np.full_like(found, np.nan)
    return (np.divide(found, answered, out=empty.copy(), where=answered > 0),
            np.divide(found, there, out=empty, where=there > 0))
