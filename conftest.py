"""Fixtures of all tests: fixed seeds, no GPU, and other projects' outputs where they are."""

import importlib.util
import os
import pathlib

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest

# Doctests import the modules of the package. Those of kernels need JAX.
collect_ignore = [] if importlib.util.find_spec("jax") else [
    f"keras_seqattn/kernels/{name}.py" for name in ("attention", "whole_rows")]


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


@pytest.fixture
def interpreted(monkeypatch):
    """Kernels for TPUs run on the CPU: the list of those that are called, by the step's name."""
    if keras.backend.backend() != "jax":
        pytest.skip("the kernels for TPUs are JAX's")
    from jax.experimental import pallas

    called, call = [], pallas.pallas_call
    monkeypatch.setattr(pallas, "pallas_call", lambda kernel, **options: (
        called.append(kernel.func.__name__), call(kernel, interpret=True, **options))[1])
    return called
