"""`keras_seqattn.cli.measure`: results and exit codes."""

import ctypes.util
import json
import re

import numpy as np
import pytest

from keras_seqattn import models
from keras_seqattn.edge.run import accelerators

pytestmark = pytest.mark.edge


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


def test_a_machine_without_a_vulkan_driver_is_told_in_one_line(folder, seqattn, monkeypatch):
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: None)
    monkeypatch.setattr(accelerators, "FOLDERS", ())
    monkeypatch.setattr(accelerators, "BROWSERS", ())
    code, _, err = seqattn("verify", folder / "model.tflite", "--against", folder, "--on", "gpu")
    assert code == 2
    assert "needs a Vulkan driver" in err
    assert err.count("\n") == 1
    code, _, err = seqattn("verify", folder / "model.tflite", "--against", folder, "--on", "npu")
    assert code == 2
    assert "`--on` is not known" in err


def test_benchmark_many(folder, seqattn):
    code, out, _ = seqattn("benchmark", folder / "model.tflite", "--runs", 3, "--threads", 1,
                           "--json")
    assert code == 0
    assert json.loads(out)[str(folder / "model.tflite")]["runs"] == 3


def test_verify_a_file_that_writes(translator, seqattn, tmp_path):
    code, _, err = seqattn("verify", translator.file, "--against", translator.folder, "--data",
                           translator.data)
    assert code == 0
    assert "100.0% are written alike by greedy decoding" in err
    model = models.load(translator.folder)
    model.set_weights([-weight for weight in model.get_weights()])
    model.save(tmp_path / "model.keras")
    code, _, err = seqattn("verify", translator.file, "--against", tmp_path)
    assert code == 1
    assert "greedy writes other tokens" in err


def test_benchmark_tells_tokens_where_a_file_writes(folder, translator, seqattn):
    code, out, _ = seqattn("benchmark", folder / "model.tflite", translator.file, "--runs", 2)
    assert code == 0
    assert "tokens/s" in out
    assert len(re.findall(r"\d+\.\d+ *$", out, re.MULTILINE)) == 1
    _, out, _ = seqattn("benchmark", folder / "model.tflite", "--runs", 2)
    assert "tokens/s" not in out


def test_files_that_caption_are_verified_on_captioned_pictures(captioner, seqattn, tmp_path):
    folder, file, source = captioner
    code, _, err = seqattn("verify", file, "--against", folder, "--data", source)
    assert code == 0
    assert "of 3 sources, 100.0% are written alike" in err
    code, _, err = seqattn("export", folder, "--out", tmp_path / "x.tflite", "--data",
                           "flickr8k:nowhere")
    assert code == 2
    assert "data='flickr8k:nowhere'" in err
    assert list(tmp_path.iterdir()) == []
