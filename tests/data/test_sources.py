"""`keras_seqattn.data.sources`."""

import hashlib

import numpy as np
import pytest

from keras_seqattn import data
from keras_seqattn.data.sources import sample_folder
from keras_seqattn.testing import check_error

PIL = pytest.importorskip("PIL.Image")


@pytest.fixture
def folder(tmp_path, rng):
    for split, name, count in (("train", "cat", 2), ("train", "dog", 3), ("test", "cat", 1),
                               ("test", "dog", 1)):
        place = tmp_path / split / name
        place.mkdir(parents=True)
        for i in range(count):
            pixels = rng.integers(0, 256, size=(5, 7, 3), dtype="uint8")
            PIL.fromarray(pixels).save(place / f"{i}.png")
        (place / "notes.txt").write_text("no picture")
    return tmp_path


def test_a_folder(folder):
    examples = data.load(f"folder:{folder}")
    assert examples.images.shape == (5, 5, 7, 3)
    assert examples.images.dtype == np.uint8
    assert examples.labels.tolist() == [0, 0, 1, 1, 1]
    assert examples.classes == ("cat", "dog")
    np.testing.assert_array_equal(
        examples.images[3], data.decode(folder / "train" / "dog" / "1.png"))
    with pytest.warns(UserWarning, match="8-bit L"):
        grey = data.load(f"folder:{folder}", "test", (11, 13, 1))
    assert grey.images.shape == (2, 11, 13, 1)


def test_a_pack_holds_the_same_as_its_folder(folder, tmp_path):
    files = sorted((folder / "train").glob("*/*.png")) + sorted((folder / "test").glob("*/*.png"))
    encoded = [file.read_bytes() for file in files]
    np.savez(tmp_path / "pack.npz", bytes=np.frombuffer(b"".join(encoded), "uint8"),
             offset=np.cumsum([0, *map(len, encoded)]), label=[0, 0, 1, 1, 1, 0, 1],
             test=[0, 0, 0, 0, 0, 1, 1], classes=["cat", "dog"])
    for split in ("train", "test"):
        packed, loose = (data.load(f"{scheme}:{place}", split) for scheme, place in (
            ("pack", tmp_path / "pack.npz"), ("folder", folder)))
        np.testing.assert_array_equal(packed.images, loose.images)
        np.testing.assert_array_equal(packed.labels, loose.labels)
        assert packed.classes == loose.classes


@pytest.mark.parametrize(("split", "per_class"), [("train", 200), ("test", 50)])
def test_the_eurosat_sample_is_balanced(split, per_class):
    examples = data.load("sample:eurosat", split)
    assert examples.images.shape == (10 * per_class, 64, 64, 3)
    assert np.bincount(examples.labels).tolist() == [per_class] * 10
    assert len(examples.classes) == 10


def test_no_test_image_is_in_the_train_split():
    seen, held_out = ({hashlib.sha256(image.tobytes()).digest() for image in
                       data.load("sample:eurosat", split).images} for split in ("train", "test"))
    assert not seen & held_out


def test_the_emoji_sample_keeps_concepts_apart():
    with np.load(sample_folder() / "emoji_sample.npz", allow_pickle=False) as pack:
        assert len(pack["offset"]) - 1 == len(pack["name"]) == 1500
        assert set(pack["style"]) == {"noto", "fluent3d"}
        test = pack["test"].astype(bool)
        assert not set(pack["codepoints"][test]) & set(pack["codepoints"][~test])
        assert 0.05 < test.mean() < 0.15


def test_samples_and_their_licences_are_small_and_there():
    files = list(sample_folder().iterdir())
    assert sum(file.stat().st_size for file in files) <= 12_000_000
    assert {"README.md", "LICENSE-eurosat.txt", "LICENSE-noto-emoji.txt",
            "LICENSE-fluent-emoji.txt"} <= {file.name for file in files}


@pytest.mark.parametrize(("source", "split", "received"), [
    ("smaple:eurosat", "train", {"source": "smaple:eurosat"}),
    ("eurosat", "train", {"source": "eurosat"}),
    ("sample:", "train", {"source": "sample:"}),
    ("sample:eurosta", "train", {"name": "eurosta"}),
    ("sample:eurosat", "tset", {"split": "tset"}),
])
def test_unknown_sources(source, split, received):
    check_error(lambda: data.load(source, split), **received)


def test_misspellings_are_told_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'sample'"):
        data.load("smaple:eurosat")
    with pytest.raises(ValueError, match="did you mean 'eurosat'"):
        data.load("sample:eurosta")


def test_sources_that_hold_nothing(tmp_path):
    check_error(lambda: data.load(f"folder:{tmp_path}"), folder=str(tmp_path / "train"))
    (tmp_path / "train" / "cat").mkdir(parents=True)
    check_error(lambda: data.load(f"folder:{tmp_path}"), split="train")
    check_error(lambda: data.load(f"pack:{tmp_path}/none.npz"), path=f"{tmp_path}/none.npz")
    (tmp_path / "torn.npz").write_bytes(b"PK torn")
    check_error(lambda: data.load(f"pack:{tmp_path}/torn.npz"), path=f"{tmp_path}/torn.npz")
    np.savez(tmp_path / "other.npz", x=np.ones(3))
    check_error(lambda: data.load(f"pack:{tmp_path}/other.npz"), path=f"{tmp_path}/other.npz")


def test_a_shape_that_is_no_image():
    check_error(lambda: data.load("sample:eurosat", image_shape=(3,)), image_shape=(3,))
