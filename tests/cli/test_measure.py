"""`keras_seqattn.cli.measure`: results and exit codes."""

import json

import keras
import numpy as np
import pytest

from keras_seqattn import models

pytestmark = pytest.mark.edge


def test_evaluate_both_ways_gives_the_same_accuracy(folder, seqattn, tmp_path):
    accuracies = []
    for model in (folder, folder / "model.tflite"):
        code, out, _ = seqattn("evaluate", model, "--data", "sample:eurosat", "--json",
                               "--report", tmp_path / "report.json")
        assert code == 0
        assert json.loads(out) == json.loads((tmp_path / "report.json").read_text())
        assert json.loads(out)["examples"] == 500
        accuracies.append(json.loads(out)["accuracy"])
    assert accuracies[0] == accuracies[1] > 0


def test_verify_exits_with_1_when_it_does_not_hold(folder, seqattn, tmp_path):
    model = models.load(folder)
    weights = model.get_weights()
    weights[-1] = weights[-1] + np.arange(10)
    model.set_weights(weights)
    model.save(tmp_path / "other.keras")
    code, out, err = seqattn("verify", folder / "model.tflite", "--against",
                             tmp_path / "other.keras", "--data", "sample:eurosat", "--json")
    assert code == 1
    assert json.loads(out)["failures"]
    assert "largest error" in err


def test_benchmark_many(folder, seqattn):
    code, out, _ = seqattn("benchmark", folder / "model.tflite", "--runs", 3, "--threads", 1,
                           "--json")
    assert code == 0
    assert json.loads(out)[str(folder / "model.tflite")]["runs"] == 3


def test_keras_model_without_image_input(seqattn, tmp_path):
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save(tmp_path / "m.keras")
    code, _, err = seqattn("evaluate", tmp_path / "m.keras", "--data", "sample:eurosat")
    assert code == 2
    assert "image" in err
