"""`keras_seqattn.cli.train`: runs and findings."""

import json

import pytest

from keras_seqattn import models

pytestmark = pytest.mark.edge


def test_train_writes_a_run(seqattn, tmp_path):
    code, out, _ = seqattn(
        "train", "demo", "train.epochs=1", "model.num_layers=1", "model.embed_dim=16",
        "model.mlp_dim=16", "model.patch_size=32", "--out", tmp_path / "run", "--json")
    assert code == 0
    assert json.loads(out)["epochs"] == 1
    assert models.load(tmp_path / "run").output_shape == (None, 10)


def test_doctor_exits_with_1_when_it_finds_something(seqattn, tmp_path):
    small = ("demo", "model.num_layers=1", "model.patch_size=32", "--replicas", 2)
    code, out, _ = seqattn("doctor", *small, "--strategy", "tpu", "--json")
    assert code == 0
    assert json.loads(out)["findings"] == []
    code, out, _ = seqattn("doctor", *small, "train.batch_size=33",
                           "--report", tmp_path / "report.json")
    assert code == 1
    assert "to fix: use train.batch_size=32" in out
    finding, = json.loads((tmp_path / "report.json").read_text())["findings"]
    assert finding["severity"] == "error"
