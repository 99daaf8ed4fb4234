"""`keras_seqattn.data.folders`: right answers are those of the train split's classes."""

import numpy as np
import pytest

from keras_seqattn import data
from keras_seqattn.data import folders
from keras_seqattn.testing import check_error

PIL = pytest.importorskip("PIL.Image")


def _picture(path, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.fromarray(np.zeros((5, 7, 3), "uint8")).save(path, **options)


@pytest.fixture
def place(tmp_path):
    for split in ("train", "validation", "test"):
        for name in ("cat", "dog", "owl"):
            _picture(tmp_path / split / name / "0.png")
    return tmp_path


@pytest.mark.parametrize("name", [
    ".ipynb_checkpoints", ".git", "__MACOSX", "@eaDir", ".DS_Store", "__pycache__"])
def test_folders_of_systems_and_tools_are_no_classes(place, name):
    _picture(place / "train" / name / "0.png")
    examples = data.load(f"folder:{place}")
    assert examples.classes == ("cat", "dog", "owl")
    assert examples.labels.tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", ["._0.png", ".0.png.swp", "Thumbs.db", "desktop.ini"])
def test_files_of_systems_are_no_pictures_and_not_told(place, name):
    (place / "train" / "cat" / name).write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X")
    assert len(data.load(f"folder:{place}")) == 3


@pytest.mark.parametrize("split", ["validation", "test", "train+test"])
def test_a_class_that_a_split_lacks_shifts_no_label(place, split):
    for part in ("validation", "test"):
        (place / part / "dog" / "0.png").unlink()
        (place / part / "dog").rmdir()
    examples = data.load(f"folder:{place}", split)
    assert examples.classes == ("cat", "dog", "owl")
    assert examples.labels.tolist() == [*([0, 1, 2] if "+" in split else []), 0, 2]


def test_a_class_that_the_train_split_lacks_is_refused(place):
    (place / "test" / "dog").rename(place / "test" / "zebra")
    check_error(lambda: data.load(f"folder:{place}", "test"), unknown=["zebra"],
                classes=["cat", "dog", "owl"])
    assert data.load(f"folder:{place}", "validation").labels.tolist() == [0, 1, 2]


def test_without_a_train_split_all_others_tell_the_classes(place):
    (place / "train").rename(place / "elsewhere")
    (place / "test" / "cat").rename(place / "test" / "ant")
    assert data.load(f"folder:{place}", "validation").classes == ("ant", "cat", "dog", "owl")
    assert data.load(f"folder:{place}", "validation").labels.tolist() == [1, 2, 3]


@pytest.mark.parametrize(("suffix", "kind"), [
    (".jfif", "JPEG"), (".jpe", "JPEG"), (".pjpeg", "JPEG"), (".ppm", "PPM"), (".JPG", "JPEG"),
    (".dib", "BMP"), (".tga", "TGA")])
def test_rare_suffixes_of_pictures(place, suffix, kind):
    _picture(place / "train" / "cat" / f"1{suffix}", format=kind)
    assert len(data.load(f"folder:{place}")) == 4


def test_what_is_passed_over_is_told_once(place):
    (place / "train" / "cat" / "notes.txt").write_text("no picture")
    (place / "train" / "more.csv").write_text("no class")
    _picture(place / "train" / "dog" / "deeper" / "0.png")
    with pytest.warns(UserWarning, match=r"3 names in .* passed over: \.csv, \.txt, deeper"):
        examples = folders.load(place, ["train"])
    assert len(examples) == 3
