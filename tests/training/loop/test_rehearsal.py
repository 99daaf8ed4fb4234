"""`keras_seqattn.training.loop.rehearsal`: a few steps that leave nothing."""

import os

from keras_seqattn import training
from keras_seqattn.testing import check_error


def test_a_rehearsal_counts_and_measures_and_writes_nothing(make_recipe, tmp_path, monkeypatch):
    """32 images in batches of 8 are 4 steps; 3 channels and classes of two names."""
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    told = training.rehearse(make_recipe({"epochs": 5}), "none")
    assert os.listdir(empty) == []
    assert (told["training_examples"], told["validation_examples"]) == (32, 8)
    assert sum(told["classes"].values()) == 32
    assert (told["steps_per_epoch"], told["steps"]) == (4, 20)
    assert (told["inputs"], told["targets"]) == ("8×16×16×3", "8×2")
    # Weights, two moments of each trained one, and a few counters.
    assert 3 * 4 * told["trained_parameters"] <= told["weights_mib"] * 2 ** 20 + 5_300
    assert told["memory_mib"] > told["weights_mib"]
    assert told["first_step_s"] > told["step_s"] > 0
    assert told["hours"] == round(20 * told["step_s"] / 3600, 3)


def test_what_a_training_would_refuse_a_rehearsal_refuses(make_recipe):
    check_error(lambda: training.rehearse(make_recipe({"batch_size": 33}), "none"),
                batch_size=33, training_examples=32)
