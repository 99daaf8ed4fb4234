"""Fixtures of all tests: fixed seeds, no GPU, and other projects' outputs where they are."""

import os
import pathlib

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _seeds():
    keras.utils.set_random_seed(7)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def goldens():
    """Folder of recorded weights and outputs of other projects, beside the checkout."""
    folder = pathlib.Path(__file__).resolve().parent.parent / "shared" / "goldens"
    if not folder.is_dir():
        pytest.skip("the recorded outputs of other projects are not beside this checkout")
    return folder
