"""Writes vit_nano.npz. Run by hand, only after an intended change of the arithmetic:

    python tests/golden/make_vit_nano.py

Weights and images are drawn by NumPy, so a diff of the file is a diff of the arithmetic.
"""

import pathlib

import keras
import numpy as np

from keras_seqattn import models


def build(pooling):
    model = models.vit("nano", 7, (28, 21, 3), 5, pooling=pooling, num_layers=2, num_heads=3,
                       embed_dim=24, mlp_dim=37)
    rng = np.random.default_rng(7)
    model.set_weights([rng.normal(scale=0.2, size=w.shape) for w in model.weights])
    return model, rng.uniform(-1, 1, size=(3, 28, 21, 3)).astype("float32")


if __name__ == "__main__":
    logits = {}
    for pooling in ("token", "mean"):
        model, images = build(pooling)
        logits[pooling] = keras.ops.convert_to_numpy(model(images))
    np.savez(pathlib.Path(__file__).with_name("vit_nano.npz"), **logits)
