"""`keras_seqattn.data.sources`."""

import hashlib
import sys

import numpy as np
import pytest

from keras_seqattn import data
from keras_seqattn.data import sources
from keras_seqattn.data.sources import sample_folder
from keras_seqattn.testing import check_error

PIL = pytest.importorskip("PIL.Image")


@pytest.fixture
def folder(tmp_path, rng):
    for split, name, count in (("train", "cat", 2), ("train", "dog", 3), ("validation", "cat", 1),
                               ("test", "cat", 1), ("test", "dog", 1)):
        place = tmp_path / split / name
        place.mkdir(parents=True)
        for i in range(count):
            pixels = rng.integers(0, 256, size=(5, 7, 3), dtype="uint8")
            PIL.fromarray(pixels).save(place / f"{i}.png")
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
    ("sample:eurosat", "train+", {"split": "train+"}),
    ("sample:eurosat", "validation", {"split": "validation"}),
    ("tfds:imagenet2012_real", "train", {"name": "imagenet2012_real", "split": "train"}),
])
def test_unknown_sources(source, split, received):
    check_error(lambda: data.load(source, split), **received)


def test_joined_splits_share_their_classes(folder):
    examples = data.load(f"folder:{folder}", "train+validation")
    assert examples.classes == ("cat", "dog")
    assert examples.labels.tolist() == [0, 0, 1, 1, 1, 0]
    assert len(data.load("sample:eurosat", "train+test")) == 2500


def test_what_is_too_large_for_memory_is_read_the_same(folder, monkeypatch):
    held = data.load(f"folder:{folder}", "train", (11, 13, 3))
    monkeypatch.setattr(sources, "IN_MEMORY", 5 * 11 * 13 * 3)
    assert isinstance(data.load(f"folder:{folder}", "train", (11, 13, 3)), data.LabelledImages)
    monkeypatch.setattr(sources, "IN_MEMORY", 5 * 11 * 13 * 3 - 1)
    stored = data.load(f"folder:{folder}", "train", (11, 13, 3))
    assert isinstance(stored, data.StoredImages)
    indices = np.array([4, 0, 3])
    for theirs, ours in zip(held.read(indices), stored.read(indices), strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype
    assert (len(stored), stored.classes, stored.skipped) == (5, held.classes, 0)


def _spoil(path):
    path.write_bytes(path.read_bytes()[:60])
    return path


def test_a_bad_picture_is_named(folder, monkeypatch):
    bad = _spoil(folder / "train" / "cat" / "0.png")
    check_error(lambda: data.load(f"folder:{folder}"), image=str(bad))
    with pytest.raises(ValueError, match="--skip-bad"):
        data.load(f"folder:{folder}")
    monkeypatch.setattr(sources, "IN_MEMORY", 0)
    examples = data.load(f"folder:{folder}", "train", (5, 7, 3))
    examples.read(np.array([1, 2]))
    check_error(lambda: examples.read(np.array([1, 0])), image=str(bad))


@pytest.mark.parametrize("in_memory", [0, sources.IN_MEMORY])
def test_bad_pictures_are_left_out_on_demand(folder, monkeypatch, in_memory):
    monkeypatch.setattr(sources, "IN_MEMORY", in_memory)
    whole = data.load(f"folder:{folder}")
    kept = whole.read(np.array([1, 2, 4]))
    assert data.load(f"folder:{folder}", skip_bad=True).skipped == 0
    _spoil(folder / "train" / "cat" / "0.png")
    _spoil(folder / "train" / "dog" / "1.png")
    examples = data.load(f"folder:{folder}", skip_bad=True)
    assert (len(examples), examples.skipped) == (3, 2)
    for ours, theirs in zip(examples.read(np.arange(3)), kept, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    _spoil(folder / "validation" / "cat" / "0.png")
    check_error(lambda: data.load(f"folder:{folder}", "validation", skip_bad=True), skipped=1)


def test_without_tensorflow_datasets(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(ImportError, match=r"keras_seqattn\[train\]"):
        data.load("tfds:cifar10")


@pytest.fixture
def unprepared(tmp_path, monkeypatch):
    tfds = pytest.importorskip("tensorflow_datasets")
    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", tmp_path)
    return tmp_path


def test_a_set_that_is_not_prepared_is_not_downloaded(unprepared):
    check_error(lambda: data.load("tfds:vtab/sun397"), name="vtab/sun397",
                folder=str(unprepared / "sun397" / "tfds" / "4.0.0"))
    for name, told in (("cifar10", r"data.prepare\('tfds:cifar10'\)"),
                       ("vtab/svhn", r"non-commercial use.*data.prepare\('tfds:vtab/svhn'\)"),
                       ("imagenet2012", "on registration.* at https://image-net.org"),
                       ("flickr30k", "on request")):
        with pytest.raises(ValueError, match=told):
            data.load(f"tfds:{name}")
    assert not list(unprepared.iterdir())


def test_sets_that_cannot_be_read(unprepared):
    check_error(lambda: data.load("tfds:cifra10"), name="cifra10")
    check_error(lambda: data.load("tfds:cifar10:1.0.0"), name="cifar10:1.0.0")
    check_error(lambda: data.prepare("tfds:cifra10"), name="cifra10")
    check_error(lambda: data.prepare("folder:cifar10"), source="folder:cifar10")
    check_error(lambda: data.load("tfds:lm1b"), name="lm1b", features=["text"])
    with pytest.raises(ValueError, match="did you mean 'cifar10'"):
        data.load("tfds:cifra10")


def test_a_set_outside_the_catalogue(unprepared):
    tfds = pytest.importorskip("tensorflow_datasets")
    with tfds.testing.mock_data(num_examples=3):
        examples = data.load("tfds:mnist", "test", (14, 14, 1))
        images, labels = examples.read(np.array([2, 0]))
    assert images.shape == (2, 14, 14, 1)
    assert labels.shape == (2,)
    assert examples.classes == tuple("0123456789")


def test_misspellings_are_told_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'sample'"):
        data.load("smaple:eurosat")
    with pytest.raises(ValueError, match="did you mean 'eurosat'"):
        data.load("sample:eurosta")


def test_sources_that_hold_nothing(tmp_path):
    check_error(lambda: data.load(f"folder:{tmp_path}"), folder=str(tmp_path / "train"))
    (tmp_path / "train" / "cat").mkdir(parents=True)
    check_error(lambda: data.load(f"folder:{tmp_path}"), split="train", skipped=0)
    check_error(lambda: data.load(f"pack:{tmp_path}/none.npz"), path=f"{tmp_path}/none.npz")
    (tmp_path / "torn.npz").write_bytes(b"PK torn")
    check_error(lambda: data.load(f"pack:{tmp_path}/torn.npz"), path=f"{tmp_path}/torn.npz")
    np.savez(tmp_path / "other.npz", x=np.ones(3))
    check_error(lambda: data.load(f"pack:{tmp_path}/other.npz"), path=f"{tmp_path}/other.npz")


def test_a_shape_that_is_no_image():
    check_error(lambda: data.load("sample:eurosat", image_shape=(3,)), image_shape=(3,))
