"""`keras_seqattn.training.devices.multiworker`; what it is for, `test_strategy.py` trains."""

import keras
import numpy as np
import pytest
from arrays import normal

from keras_seqattn import borrowed
from keras_seqattn.testing import check_error
from keras_seqattn.training.devices import multiworker

pytest.importorskip("tensorflow")
CHANGED = {"train_step", "test_step", "_maybe_symbolic_build"}


@pytest.fixture
def model(rng):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    model.train_on_batch(normal(rng, 4, 3), normal(rng, 4, 2))
    return model


@pytest.fixture
def averages(monkeypatch):
    """Function that says whether Keras averages along an axis, whatever its source looks like."""
    def say(answer):
        monkeypatch.setattr(borrowed, "averages_along_an_axis", lambda: answer)
    return say


def test_this_keras_is_one_it_was_tested_with():
    assert keras.__version__ in multiworker.TESTED
    assert borrowed.averages_along_an_axis()


@pytest.mark.parametrize("version", ["3.14.9", "3.15.2", "3.16.0", "4.0.0"])
@pytest.mark.parametrize("answer", [True, False])
def test_a_keras_it_was_not_tested_with_is_refused(model, monkeypatch, averages, version, answer):
    averages(answer)
    monkeypatch.setattr(keras, "__version__", version)
    check_error(lambda: multiworker.adapt(model), keras=version)
    assert not CHANGED & set(vars(model))


def test_the_version_is_looked_at_before_the_source(monkeypatch):
    def look(*_):
        raise AssertionError("looked at Keras' private parts")

    for name in ("averages_along_an_axis", "leave_build_out"):
        monkeypatch.setattr(borrowed, name, look)
    monkeypatch.setattr(keras, "__version__", "3.99.0")
    check_error(lambda: multiworker.adapt(None), keras="3.99.0")


@pytest.mark.parametrize("version", ["3.15.0", "3.15.1"])
def test_a_tested_keras_is_adapted(model, monkeypatch, version):
    monkeypatch.setattr(keras, "__version__", version)
    multiworker.adapt(model)
    assert set(vars(model)) >= CHANGED


def test_results_that_are_not_averaged_along_an_axis_get_none(model, averages):
    averages(False)
    multiworker.adapt(model)
    assert CHANGED & set(vars(model)) == {"_maybe_symbolic_build"}


def test_only_the_given_model_changes(model):
    before = {name: getattr(keras.Model, name) for name in CHANGED}
    other = keras.models.clone_model(model)
    multiworker.adapt(model)
    assert not CHANGED & set(vars(other))
    assert {name: getattr(keras.Model, name) for name in CHANGED} == before


def test_results_get_an_axis_and_stay_the_same(model, rng):
    data = normal(rng, 4, 3), normal(rng, 4, 2)
    model.reset_metrics()
    plain = {name: float(value) for name, value in model.test_step(data).items()}
    model.reset_metrics()
    multiworker.adapt(model)
    result = model.test_step(data)
    assert {tuple(value.shape) for value in result.values()} == {(1,)}
    assert {name: float(np.squeeze(value)) for name, value in result.items()} == plain
