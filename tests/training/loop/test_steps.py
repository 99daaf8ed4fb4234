"""`keras_seqattn.training.loop.steps`."""

import types

import keras
import numpy as np
import pytest
from arrays import normal

from keras_seqattn.testing import check_error
from keras_seqattn.training.devices.preemption import Preempted, Preemption
from keras_seqattn.training.loop.steps import Steps
from keras_seqattn.training.run_folder import states

CHIEF = types.SimpleNamespace(is_chief=True, num_workers=1)


@pytest.fixture
def model(rng):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"])
    model.train_on_batch(normal(rng, 4, 3), normal(rng, 4, 2))
    return model


@pytest.fixture
def make(model, tmp_path):
    """Function of what differs that returns a callback in the middle of its epoch."""
    def make(epoch=0, step=0, every=3, preemption=None, strategy=CHIEF, metrics=None):
        position = states.Position(epoch, step)
        steps = Steps(position, tmp_path / "states", every, 7, preemption or Preemption(),
                      strategy, metrics)
        steps.set_model(model)
        steps.on_epoch_begin(epoch)
        return steps, position
    return make


def _saved(tmp_path):
    return [(position.epoch, position.step) for position in
            [states.read(tmp_path / "states")[0]] if position]


def test_a_state_is_written_every_few_steps(make, tmp_path, model):
    steps, position = make(epoch=2)
    seen = []
    for batch in range(6):
        steps.on_train_batch_end(batch, {"loss": 1.0})
        seen.append(_saved(tmp_path))
    assert seen == [[], [], [(2, 3)], [(2, 3)], [(2, 3)], [(2, 6)]]
    assert position.step == 6
    stored = states.read(tmp_path / "states")[1]
    assert stored.keys() == states.gather(model).keys()


def test_the_end_of_an_epoch_is_left_to_its_caller(make, tmp_path):
    steps, position = make(step=6, every=7)
    steps.on_train_batch_end(6, {"loss": 1.0})
    assert position.step == 7
    assert _saved(tmp_path) == []


def test_steps_count_on_from_where_the_epoch_stood(make, tmp_path):
    steps, _ = make(epoch=1, step=4)
    steps.on_train_batch_end(0, {"loss": 1.0})
    assert _saved(tmp_path) == []
    steps.on_train_batch_end(1, {"loss": 1.0})
    assert _saved(tmp_path) == [(1, 6)]


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_names_its_step(make, tmp_path, loss):
    steps, _ = make(epoch=2, step=4)
    check_error(lambda: steps.on_train_batch_end(0, {"loss": loss}),
                not_finite="loss", step=2 * 7 + 5, epoch=3)
    assert _saved(tmp_path) == []


def test_weights_that_are_not_finite_are_not_saved(make, tmp_path, model):
    steps, position = make(step=1)
    steps.save()
    kernel = model.weights[0]
    kernel.assign(np.full(kernel.shape, np.nan))
    position.step = 2
    check_error(steps.save, not_finite="weights", step=2, epoch=1)
    assert _saved(tmp_path) == [(0, 1)]


def test_metrics_without_an_example_do_not_count_as_weights(make, tmp_path, model):
    steps, _ = make(step=1)
    for variable in model.metrics_variables:
        variable.assign(np.full(variable.shape, np.nan))
    steps.save()
    assert _saved(tmp_path) == [(0, 1)]


def test_only_the_chief_writes(make, tmp_path):
    steps, _ = make(step=1, strategy=types.SimpleNamespace(is_chief=False, num_workers=2))
    steps.save()
    assert _saved(tmp_path) == []


def test_a_worker_that_is_asked_to_end_writes_by_itself_without_metrics(make, tmp_path):
    preemption = Preemption()
    preemption.asked.set()
    steps, _ = make(preemption=preemption,
                    strategy=types.SimpleNamespace(is_chief=False, num_workers=2))
    with pytest.raises(Preempted):
        steps.on_train_batch_end(0, {"loss": 1.0})
    position, stored, _ = states.read(tmp_path / "states")
    assert position.step == 1
    assert {name.split("/")[0] for name in stored} == {"model", "optimizer"}


def test_the_step_that_was_asked_to_end_is_saved(make, tmp_path):
    preemption = Preemption()
    steps, _ = make(epoch=1, step=3, every=100, preemption=preemption)
    steps.on_train_batch_end(0, {"loss": 1.0})
    preemption.asked.set()
    with pytest.raises(Preempted, match="after step 5 of epoch 2"):
        steps.on_train_batch_end(1, {"loss": 1.0})
    assert _saved(tmp_path) == [(1, 5)]
    assert any(name.startswith("metrics/") for name in states.read(tmp_path / "states")[1])


def test_running_metrics_of_a_started_epoch_are_put_back_once(make, model, rng):
    before = states.gather(model, ("metrics",))
    steps, _ = make(step=3, metrics=before)  # which begins the epoch
    now = states.gather(model, ("metrics",))
    for name, value in before.items():
        np.testing.assert_array_equal(now[name], value)
    model.reset_metrics()
    steps.on_epoch_begin(1)
    assert not any(value.any() for value in states.gather(model, ("metrics",)).values())


def test_seconds_add_up(make, monkeypatch):
    times = iter([10.0, 12.5, 13.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(times))
    steps, position = make()
    steps.tick()
    steps.tick()
    assert position.seconds == 3.0
