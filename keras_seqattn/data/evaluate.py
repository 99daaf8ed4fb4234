"""How often a classifier is right on a data set, whatever runs it."""

import typing

import numpy as np

from keras_seqattn.data.stored import LabelledImages, StoredImages
from keras_seqattn.shapes import Tensor


def accuracy(predict: typing.Callable[[np.ndarray], Tensor],
             examples: LabelledImages | StoredImages, batch_size: int = 250) -> tuple[float, int]:
    """Measures the share of examples whose highest logit is at a right class.

    Where an image has several right classes, each counts. Images without any are left out.

    Args:
        predict: Function from 8-bit images `(n, height, width, channels)` to logits
            `(n, num_classes)`.
        examples: What `data.load` returns.
        batch_size: Images per call.

    Returns:
        The share, and the number of examples that count.

    Paper: Beyer et al. 2020, "Are we done with ImageNet?".

    >>> from keras_seqattn.data import LabelledImages
    >>> examples = LabelledImages(np.zeros((3, 1, 1, 1), "uint8"), np.array([1, 0, 1]), ("a", "b"))
    >>> accuracy(lambda images: np.tile([0.0, 5.0], (len(images), 1)), examples, batch_size=2)
    (0.6666666666666666, 3)
    """
    found = []
    for start in range(0, len(examples), batch_size):
        images, labels = examples.read(np.arange(start, min(start + batch_size, len(examples))))
        found.append(right(np.asarray(predict(images)), labels))
    hits = np.concatenate(found)
    return float(hits.mean()), len(hits)


def right(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Tells whether the highest logit is at a right class, for each image that has one.

    Args:
        logits: NumPy, `(n, num_classes)`.
        labels: NumPy int, `(n,)`. Or float, `(n, num_classes)`, above 0 at each right class.

    Returns:
        NumPy bool, one for each image with a right class.

    >>> right(np.eye(3), np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])).tolist()
    [True, False]
    """
    answers = logits.argmax(-1)
    if labels.ndim == 1:
        return answers == labels
    counted = labels.any(axis=-1)
    return labels[counted, answers[counted]] > 0
