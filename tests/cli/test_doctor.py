"""`keras_seqattn.cli.doctor`: what it prints, and its exit codes."""

import importlib.util
import json

import keras
import pytest

from keras_seqattn.training.doctor import environment

on_libtpu = pytest.mark.skipif(not environment.is_there(), reason="libtpu is not installed")
SMALL = ("demo", "model.num_layers=1", "model.patch_size=32")


@pytest.mark.skipif(keras.backend.backend() not in ("tensorflow", "jax"), reason="no XLA")
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


@pytest.mark.parametrize(("given", "told"), [
    (("--topology", "v5e:3x3"), "v5e has no such slice"),
    (("--topology", "v9:2x2"), "the topology is not known"),
    (("--serve", "greedy"), "pass --topology"),
    (("--topology", "v5e:2x2", "--serve", "gredy"), "did you mean 'greedy'")])
def test_a_mistake_is_one_line(seqattn, monkeypatch, given, told):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    code, _, err = seqattn("doctor", *SMALL, *given, "--backend", keras.backend.backend())
    assert code == 2
    assert told in err.replace("\n", " ")


def test_a_missing_compiler_is_told_with_its_extra(seqattn, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    code, _, err = seqattn("doctor", *SMALL, "--topology", "v5e:2x2",
                           "--backend", keras.backend.backend())
    assert code == 2
    assert "keras_seqattn[tpu]" in err


@on_libtpu
def test_a_topology_gives_a_table_and_a_report(seqattn, tmp_path):
    code, out, _ = seqattn(
        "doctor", *SMALL, "train.batch_size=32", "--topology", "v5e:2x2", "--no-largest",
        "--report", tmp_path / "report.json")
    assert code == 0
    assert "memory at its peak" in out
    told = json.loads((tmp_path / "report.json").read_text())
    assert (told["topology"], told["chips"], told["hosts"]) == ("v5e:2x2", 4, 1)
    assert set(told["figures"]) == {"training", "validation"}
    assert told["figures"]["training"]["batch_size"] == 32
