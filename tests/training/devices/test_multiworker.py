"""`keras_seqattn.training.devices.multiworker`; what it is for, `test_strategy.py` trains."""

import keras
import numpy as np
import pytest
from arrays import normal

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


def test_this_keras_is_one_it_was_tested_with():
    assert not multiworker.has_fault() or keras.__version__ in multiworker.TESTED


def test_a_keras_it_was_not_tested_with_is_refused(model, monkeypatch):
    monkeypatch.setattr(multiworker, "has_fault", lambda: True)
    monkeypatch.setattr(keras, "__version__", "3.99.0")
    check_error(lambda: multiworker.adapt(model), keras="3.99.0")
    assert not CHANGED & set(vars(model))


def test_where_keras_is_mended_nothing_changes(model, monkeypatch):
    monkeypatch.setattr(multiworker, "has_fault", lambda: False)
    monkeypatch.setattr(keras, "__version__", "3.99.0")
    multiworker.adapt(model)
    assert not CHANGED & set(vars(model))


def test_only_the_given_model_changes(model, monkeypatch):
    monkeypatch.setattr(multiworker, "has_fault", lambda: True)
    monkeypatch.setattr(keras, "__version__", multiworker.TESTED[-1])
    before = {name: getattr(keras.Model, name) for name in CHANGED}
    other = keras.models.clone_model(model)
    multiworker.adapt(model)
    assert set(vars(model)) >= CHANGED
    assert not CHANGED & set(vars(other))
    assert {name: getattr(keras.Model, name) for name in CHANGED} == before


def test_results_get_an_axis_and_stay_the_same(model, rng, monkeypatch):
    monkeypatch.setattr(multiworker, "has_fault", lambda: True)
    monkeypatch.setattr(keras, "__version__", multiworker.TESTED[-1])
    data = normal(rng, 4, 3), normal(rng, 4, 2)
    model.reset_metrics()
    plain = {name: float(value) for name, value in model.test_step(data).items()}
    model.reset_metrics()
    multiworker.adapt(model)
    result = model.test_step(data)
    assert {tuple(value.shape) for value in result.values()} == {(1,)}
    assert {name: float(np.squeeze(value)) for name, value in result.items()} == plain
    assert model._maybe_symbolic_build(data_batch=data) is None
