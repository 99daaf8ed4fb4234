"""`keras_seqattn.training.recipe.draft`: recipes that train as they are written."""

import pytest
from sets import write_pictures

from keras_seqattn import training
from keras_seqattn.testing import check_error
from keras_seqattn.training.recipe.draft import draft
from keras_seqattn.training.recipe.reading import read

pytest.importorskip("PIL")


def _read(source, tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(draft(source, str(path)), encoding="utf-8")
    return read(path), path.read_text()


def test_pictures(tmp_path):
    """46 pictures: batches of 4, since at least 8 make an epoch; 12 steps; 100 epochs at most."""
    source = write_pictures(tmp_path / "my pictures: 1", {"train": 23, "test": 3})
    recipe, text = _read(source, tmp_path)
    assert recipe.data.source == source
    assert recipe.model.image_shape == (64, 64, 3)
    assert (recipe.train.batch_size, recipe.train.epochs) == (4, 100)
    assert recipe.data.validation == 0.2
    assert "tells 2 classes of pictures apart" in text
    fields = [line for line in text.splitlines() if line.startswith("  ")]
    assert [line for line in fields if "#" not in line and "source:" not in line
            and "architecture:" not in line] == []


def test_a_split_of_its_own_validates(tmp_path):
    source = write_pictures(tmp_path / "p", {"train": 5, "validation": 2, "test": 3})
    assert _read(source, tmp_path)[0].data.validation == "split"


def test_pairs_train_as_they_are_written(tmp_path):
    words = ("red", "big", "old", "new", "far", "low", "hot")
    lines = [f"{first} {one} {two}\t{two} {one}" for first in words for one in words
             for two in words]
    (tmp_path / "own.tsv").write_text("\n".join(lines), encoding="utf-8")
    recipe, _ = _read(f"pairs:{tmp_path / 'own.tsv'}", tmp_path)
    assert recipe.model.architecture == "transformer"
    recipe = read(tmp_path / "own.yaml", ["train.epochs=1", "model.embed_dim=12",
                                          "model.num_heads=2", "model.mlp_dim=17"])
    run = training.fit(recipe, tmp_path / "run", "none", quiet=True)
    assert len(run.history["val_loss"]) == 1


def test_captions(tmp_path):
    from PIL import Image

    (tmp_path / "flickr/Images").mkdir(parents=True)
    lines = ["image,caption"]
    for number in range(29):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / f"flickr/Images/{number}.jpg")
        lines.append(f"{number}.jpg,a dark square")
    (tmp_path / "flickr/captions.txt").write_text("\n".join(lines), encoding="utf-8")
    recipe, _ = _read(f"flickr8k:{tmp_path / 'flickr'}", tmp_path)
    assert recipe.model.architecture == "captioner"


def test_a_source_that_is_not_there(tmp_path):
    check_error(lambda: draft("folder:nowhere", "own.yaml"), folder="nowhere")
