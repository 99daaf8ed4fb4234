"""Weights and images that a test and the maker of its golden file draw alike, so none is stored."""

import json
import pathlib

import numpy as np


def state(shapes):
    """Arrays of these shapes by key: factors of norms near 1, all else near 0."""
    rng = np.random.default_rng(5)
    return {key: np.asarray(rng.normal(scale=0.2, size=shape)
                            + (len(shape) == 1 and "weight" in key), "float32")
            for key, shape in shapes.items()}


def images(height, width):
    """Two images, channels last."""
    return np.random.default_rng(7).normal(size=(2, height, width, 3)).astype("float32")


def recorded(name="vits_of_torch"):
    """What `golden/make_vits_of_torch.py` wrote, by project and kind, or another maker."""
    path = pathlib.Path(__file__).parent / "golden" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))
