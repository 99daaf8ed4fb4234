"""Small training runs for tests: pictures of two classes, and a recipe for them."""

import keras
import numpy as np

from keras_seqattn.training.recipe.recipe import Recipe


def write_pictures(folder, counts):
    """Writes dark and light pictures of 16 by 16 pixels; `counts`: split to pictures per class."""
    from PIL import Image

    rng = np.random.default_rng(3)
    for split, count in counts.items():
        for name, level in (("dark", 60), ("light", 180)):
            place = folder / split / name
            place.mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(level - 55, level + 55, (16, 16, 3)).astype("uint8")
                Image.fromarray(pixels).save(place / f"{i}.png")
    return f"folder:{folder}"


def small_recipe(source, model=None, **train):
    """A recipe of 5 epochs of 4 steps, whose last batch is uneven, for 23 pictures per class.

    On TensorFlow without XLA, as Keras trains under a strategy: compiling would take longer than
    all steps. JAX would compile each operation by itself instead, which takes longer still.
    """
    return Recipe.model_validate({
        "model": {"size": "nano", "stem": "conv", "patch_size": 4, "image_shape": (16, 16, 3),
                  "num_layers": 1, "num_heads": 2, "embed_dim": 12, "mlp_dim": 17,
                  "pooling": "mean", **(model or {})},
        "data": {"source": source, "validation": 0.2, "augment": ("flip", "shift", "mixup"),
                 "standardise": True},
        "train": {"epochs": 5, "batch_size": 12, "learning_rate": 0.002, "checkpoint_every": 3,
                  "average": 0.9, "xla": keras.backend.backend() == "jax", **train}})
