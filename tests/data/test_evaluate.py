"""`keras_seqattn.data.evaluate`: answers, counted by hand."""

import numpy as np

from keras_seqattn.data import LabelledImages, StoredImages
from keras_seqattn.data.evaluate import accuracy, answers, precision_and_recall


def test_answers_in_batches_are_those_at_once(rng):
    images = rng.integers(0, 256, (7, 1, 1, 3), "uint8")
    examples = LabelledImages(images, rng.integers(0, 3, 7), ("a", "b", "c"))

    def predict(batch):
        return batch[:, 0, 0].astype("float64")

    alone, together = (answers(predict, examples, size) for size in (2, 7))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(together.classes, images[:, 0, 0].argmax(-1))
    np.testing.assert_array_equal(together.values, images[:, 0, 0].max(-1))
    assert accuracy(predict, examples)[0] == (together.classes == examples.labels).mean()


def test_the_confusion_has_a_row_for_each_right_class():
    examples = LabelledImages(np.zeros((4, 1, 1, 1), "uint8"), np.array([0, 1, 1, 2]), "abc")
    said = answers(lambda images: np.eye(3)[[0, 0, 1, 0]], examples)
    confusion = said.confusion(3)
    assert confusion.tolist() == [[1, 0, 0], [1, 1, 0], [1, 0, 0]]
    precision, recall = precision_and_recall(confusion)
    np.testing.assert_allclose(precision, [1 / 3, 1, np.nan])
    np.testing.assert_allclose(recall, [1, 1 / 2, 0])


def test_files_stay_with_their_pictures(tmp_path, rng):
    from PIL import Image

    paths = [tmp_path / f"{name}.png" for name in "abc"]
    for value, path in enumerate(paths):
        Image.new("L", (2, 2), value).convert("RGB").save(path)
    stored = StoredImages([(path, i) for i, path in enumerate(paths)], ("x", "y", "z"))
    held = stored.in_memory().take(np.array([2, 0]))
    assert [held.file(0), held.file(1)] == [str(paths[2]), str(paths[0])]
    assert held.images[:, 0, 0, 0].tolist() == [2, 0]
    assert stored.take(np.array([1])).file(0) == str(paths[1])
    assert LabelledImages(held.images, held.labels, held.classes).file(0) is None
