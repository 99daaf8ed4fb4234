"""`keras_seqattn.data.flickr30k`: from a folder of photographs to batches, on disk all the way."""

import json

import numpy as np
import pytest

from keras_seqattn import data
from keras_seqattn.testing import check_error

tfds = pytest.importorskip("tensorflow_datasets")
pytest.importorskip("importlib_resources")  # undeclared by TFDS 4.9.10: tensorflow/datasets#11212
PIL = pytest.importorskip("PIL.Image")

SPLITS = ("train", "train", "val", "test", "train")


@pytest.fixture
def manual(tmp_path, rng, monkeypatch):
    folder = tmp_path / "downloads" / "manual"
    (folder / "flickr30k-images").mkdir(parents=True)
    images = []
    for i, split in enumerate(SPLITS):
        pixels = rng.integers(0, 256, size=(7, 11, 3), dtype="uint8")
        PIL.fromarray(pixels).save(folder / "flickr30k-images" / f"{i}.jpg")
        images.append({"filename": f"{i}.jpg", "split": split,
                       "sentences": [{"raw": f"Café {i}, {j}."} for j in range(5)]})
    (folder / "dataset_flickr30k.json").write_text(json.dumps({"images": images}))
    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", tmp_path)
    return folder


def test_images_and_captions_of_the_splits(manual):
    data.prepare("tfds:flickr30k")
    for split, count in (("train", 3), ("validation", 1), ("test", 1), ("train+validation", 4)):
        examples = data.load("tfds:flickr30k", split)
        assert (len(examples), examples.classes) == (count, ())
        images, captions = examples.read(np.arange(count))
        for image, texts in zip(images, captions, strict=True):
            number = texts[0].split()[1][0]
            assert SPLITS[int(number)].startswith(split[:3]) or "+" in split
            assert texts == [f"Café {number}, {j}." for j in range(5)]
            np.testing.assert_array_equal(
                image, data.decode(manual / "flickr30k-images" / f"{number}.jpg"))


def test_a_missing_photograph_is_named(manual):
    missing = manual / "flickr30k-images" / "3.jpg"
    missing.unlink()
    with pytest.raises(ValueError, match="unpack all") as failure:
        data.prepare("tfds:flickr30k")
    assert f"file={str(missing)!r}" in str(failure.value)
    check_error(lambda: data.load("tfds:flickr30k"), name="flickr30k")


def test_another_file_format_is_told(manual):
    """Prepared without `data.prepare`, a set cannot be read by index."""
    from keras_seqattn.data.flickr30k import Flickr30k

    Flickr30k(file_format="tfrecord").download_and_prepare()
    with pytest.raises(ValueError, match="move the folder away"):
        data.load("tfds:flickr30k")
