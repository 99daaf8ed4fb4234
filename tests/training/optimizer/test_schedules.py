"""`keras_seqattn.training.optimizer.schedules`."""

import keras
import pytest

from keras_seqattn.training.optimizer import schedules
from keras_seqattn.training.recipe.train_section import TrainSection


def _rates(steps, num_steps=100, **settings):
    settings = TrainSection.model_validate({"epochs": 1, "learning_rate": 0.5, **settings})
    schedule = schedules.make(settings, num_steps)
    return [float(schedule(step)) for step in steps]


def test_a_staircase_falls_to_a_tenth_at_its_shares():
    """The published schedule of 500 steps: up to 100, then down at 200, 300 and 400."""
    rates = _rates((0, 50, 100, 199, 200, 299, 300, 400, 499), num_steps=500,
                   schedule="staircase", warmup=0.2, drops=(0.4, 0.6, 0.8))
    assert rates == pytest.approx([0.0, 0.25, 0.5, 0.5, 0.05, 0.05, 5e-3, 5e-4, 5e-4])


def test_a_staircase_without_warmup_begins_at_its_peak():
    assert _rates((0, 29, 30), schedule="staircase", warmup=0.0) == pytest.approx([0.5, 0.5, 0.05])


def test_a_cosine_ends_at_zero():
    assert _rates((0, 50, 100), warmup=0.0) == pytest.approx([0.5, 0.25, 0.0], abs=1e-6)


@pytest.mark.parametrize("name", ["cosine", "inverse_sqrt", "staircase"])
def test_the_configuration_rebuilds_it(name):
    settings = TrainSection(epochs=1, schedule=name, warmup=0.3)
    first = schedules.make(settings, 11)
    again = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(first))
    assert [float(again(step)) for step in range(12)] == [float(first(step)) for step in range(12)]
