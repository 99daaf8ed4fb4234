"""`keras_seqattn.data.stored`."""

import io

import numpy as np
import pytest

from keras_seqattn.data import LabelledImages, StoredImages
from keras_seqattn.data.images import Unreadable
from keras_seqattn.testing import check_error

PIL = pytest.importorskip("PIL.Image")
PIXELS = np.random.default_rng(3).integers(0, 256, size=(7, 5, 3, 3), dtype="uint8")
LABELS = np.array([0, 1, 1, 0, 2, 2, 1], "int32")
CLASSES = ("a", "b", "c")


def _png(array):
    buffer = io.BytesIO()
    PIL.fromarray(array).save(buffer, "png")
    return buffer.getvalue()


def _held():
    return LabelledImages(PIXELS, LABELS, CLASSES)


def _stored(labels=LABELS, classes=CLASSES, **kwargs):
    records = [(_png(pixels), label) for pixels, label in zip(PIXELS, labels, strict=True)]
    return StoredImages(records, classes, image_shape=(5, 3, 3), **kwargs)


@pytest.mark.parametrize("make", [_held, _stored])
def test_reading_and_taking_keep_the_order_that_is_asked_for(make):
    examples = make()
    assert len(examples) == 7
    order = np.array([5, 0, 5, 3])
    taken = examples.take(order)
    assert (len(taken), taken.classes) == (4, CLASSES)
    for images, labels in (examples.read(order), taken.read(np.arange(4))):
        np.testing.assert_array_equal(images, PIXELS[order])
        np.testing.assert_array_equal(labels, LABELS[order])
        assert (images.dtype, labels.dtype) == (np.uint8, np.int32)
    images, _ = taken.take(np.array([3, 1])).read(np.array([1]))
    np.testing.assert_array_equal(images[0], PIXELS[0])


def test_nothing_is_decoded_before_it_is_read():
    examples = StoredImages([(b"no picture", 0)] * 3, CLASSES, image_shape=(5, 3, 3))
    assert len(examples.take(np.array([2, 1]))) == 2
    check_error(lambda: examples.read(np.array([1])), Unreadable, image="10 bytes")


def test_in_memory_it_is_the_same():
    held = _stored(skipped=3).take(np.array([6, 2])).in_memory()
    np.testing.assert_array_equal(held.images, PIXELS[[6, 2]])
    np.testing.assert_array_equal(held.labels, LABELS[[6, 2]])
    assert (held.classes, held.skipped) == (CLASSES, 3)


def test_several_right_classes():
    _, labels = _stored(np.eye(3)[LABELS]).read(np.array([4, 1]))
    assert labels.dtype == np.float32
    assert labels.tolist() == [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]


def test_captions_stay_lists():
    texts = [["one", "two"][:1 + i % 2] for i in range(7)]
    _, labels = _stored(texts, ()).read(np.array([1, 2]))
    assert labels == [["one", "two"], ["one"]]


def test_grey_sets_fill_all_channels_without_a_warning():
    grey = PIXELS[..., 0]
    records = [(_png(pixels), 0) for pixels in grey]
    for channels in (1, 3):
        examples = StoredImages(records, CLASSES, (5, 3, channels), grey=True)
        images, _ = examples.read(np.array([2, 4]))
        np.testing.assert_array_equal(images, np.repeat(grey[[2, 4], ..., None], channels, -1))


def test_the_unreadable_are_left_out_and_counted():
    examples = _stored()
    for i in (0, 4):
        examples.records[i] = (examples.records[i][0][:50], examples.records[i][1])
    kept = examples.take(np.array([4, 2, 0, 6])).without_unreadable()
    assert (len(kept), kept.skipped) == (2, 2)
    np.testing.assert_array_equal(kept.read(np.arange(2))[0], PIXELS[[2, 6]])


def test_without_a_shape_all_are_brought_to_that_of_the_first():
    pictures = [(_png(PIXELS[0]), 0), (_png(PIXELS[1, :2]), 1)]
    images, _ = StoredImages(pictures, CLASSES).read(np.array([1, 0]))
    assert images.shape == (2, 5, 3, 3)
    np.testing.assert_array_equal(images[1], PIXELS[0])


def test_the_first_shape_is_in_rgb():
    assert _stored().first_shape() == (5, 3, 3)
    grey = StoredImages([(_png(PIXELS[0, ..., 0]), 0)], CLASSES, grey=True)
    assert grey.first_shape() == (5, 3, 3)
