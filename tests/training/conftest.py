"""A source and a recipe that train in a second or two."""

import pytest

from keras_seqattn.training.recipe.recipe import Recipe


@pytest.fixture
def source(tmp_path, rng):
    """Two classes that differ in brightness: easy to learn in a few steps."""
    image = pytest.importorskip("PIL.Image")
    for name, level in (("dark", 40), ("light", 200)):
        for split, count in (("train", 20), ("validation", 3), ("test", 5)):
            folder = tmp_path / "data" / split / name
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(level - 30, level + 30, size=(16, 16, 3)).astype("uint8")
                image.fromarray(pixels).save(folder / f"{i}.png")
    return f"folder:{tmp_path}/data"


@pytest.fixture
def make_recipe(source):
    """Function of changes to the sections that returns a `Recipe`."""
    def make(train=(), model=(), data=()):
        return Recipe.model_validate({
            "model": {"size": "nano", "patch_size": 8, "image_shape": (16, 16, 3), "num_layers": 1,
                      "num_heads": 2, "embed_dim": 12, "mlp_dim": 17, "pooling": "mean",
                      **dict(model)},
            "data": {"source": source, "validation": 0.2, "standardise": True, **dict(data)},
            "train": {"epochs": 1, "batch_size": 8, "learning_rate": 0.01, "xla": False,
                      **dict(train)}})
    return make
