"""How often a classifier is right on a data set, whatever runs it."""

import numpy as np


def accuracy(predict, examples, batch_size=250):
    """Share of examples whose highest logit is at a right class.

    Args:
        predict: Function of 8-bit images, `(n, height, width, channels)`, that returns logits,
            `(n, num_classes)`.
        examples: What `data.load` returns. Where an image has several right classes, each counts;
            images without any are left out (Beyer et al. 2020, "Are we done with ImageNet?").
        batch_size: Images per call.

    Returns:
        The share, and the number of examples it is of.

    >>> from keras_seqattn.data import LabelledImages
    >>> examples = LabelledImages(np.zeros((3, 1, 1, 1), "uint8"), np.array([1, 0, 1]), ("a", "b"))
    >>> accuracy(lambda images: np.tile([0.0, 5.0], (len(images), 1)), examples, batch_size=2)
    (0.6666666666666666, 3)
    """
    found = []
    for start in range(0, len(examples), batch_size):
        images, labels = examples.read(np.arange(start, min(start + batch_size, len(examples))))
        found.append(right(np.asarray(predict(images)), labels))
    found = np.concatenate(found)
    return float(found.mean()), len(found)


def right(logits, labels):
    """Whether the highest logit is at a right class, for each image that has one.

    Args:
        logits: NumPy, `(n, num_classes)`.
        labels: NumPy: int, `(n,)`, or float, `(n, num_classes)`, above 0 at each right class.

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
