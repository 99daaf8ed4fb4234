"""Runs that are killed at any moment end like runs that are not."""

import os
import pathlib
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from keras import ops
from sets import small_recipe, write_pictures

from keras_seqattn import models, training
from keras_seqattn.training.loop.steps import Steps
from keras_seqattn.training.run_folder import journal

pytest.importorskip("PIL")
WORKER = pathlib.Path(__file__).with_name("worker.py")


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    source = write_pictures(tmp_path_factory.mktemp("pictures"), {"train": 23, "test": 3})
    return small_recipe(source, {"dropout": 0.2, "drop_path": 0.1}, epochs=12)


@pytest.fixture(scope="module")
def uninterrupted(recipe, tmp_path_factory):
    out = tmp_path_factory.mktemp("uninterrupted") / "run"
    process = start(recipe, out)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return out


def start(recipe, out):
    path = pathlib.Path(out).with_suffix(".yaml")
    path.write_text(journal.text_of(recipe), encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, str(WORKER), str(path), str(out), "none", "1", "--resume"],
        env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def states(out):
    return {path.name for path in out.glob("states/state-*.npz")}


def kill_after_a_new_state(process, out, before, delay_s):
    """Kills a run at a random moment once it has written something new."""
    while states(out) <= before and process.poll() is None:
        pass
    timer = threading.Timer(delay_s, process.kill)
    timer.start()
    process.communicate(timeout=180)
    timer.cancel()


def check_equal(one, other):
    """Holds weights, curves and the best epoch of two runs together, bit for bit."""
    for name in ("model.keras", "best.keras"):
        pairs = zip(models.load(one / name).weights, models.load(other / name).weights, strict=True)
        for left, right in pairs:
            np.testing.assert_array_equal(*(ops.convert_to_numpy(each) for each in (left, right)))
    first, second = (training.read_run(out).history for out in (one, other))
    for name in set(first) - {"seconds", "examples_per_s"}:
        assert first[name] == second[name]


@pytest.mark.parametrize("kills", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_at_random_moments_and_resumed_it_ends_bit_identical(
        recipe, uninterrupted, tmp_path, kills):
    moments = np.random.default_rng(kills)
    killed, runs = 0, 1
    while True:
        out = tmp_path / f"run_{runs}"
        process = start(recipe, out)
        if killed < kills:
            kill_after_a_new_state(process, out, states(out), moments.uniform(0.0, 0.5))
        else:
            output, _ = process.communicate(timeout=180)
            assert process.returncode == 0, output
        if process.returncode == 0:  # it came to its end before the next kill
            check_equal(uninterrupted, out)
            if killed == kills:
                break
            runs += 1
        else:
            assert process.returncode == -signal.SIGKILL
            killed += 1


@pytest.mark.parametrize(("sent", "name", "code"), [
    (signal.SIGTERM, "SIGTERM", training.EXIT_PREEMPTED),
    (signal.SIGINT, "Ctrl-C", training.EXIT_INTERRUPTED)])
def test_sigterm_and_ctrl_c_save_and_say_so(recipe, uninterrupted, tmp_path, sent, name, code):
    out = tmp_path / "run"
    process = start(recipe, out)
    while not states(out) and process.poll() is None:
        pass
    process.send_signal(sent)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == code, output
    assert f"ended by {name} after step" in output
    assert "the state is saved" in output
    process = start(recipe, out)
    output, _ = process.communicate(timeout=180)
    assert process.returncode == 0, output
    check_equal(uninterrupted, out)


def test_sigterm_after_the_last_step_of_an_epoch_is_gone_on_from(tmp_path, monkeypatch):
    """The epoch is then closed, with its own metrics, before the next begins."""
    source = write_pictures(tmp_path / "pictures", {"train": 23, "test": 3})
    recipe = small_recipe(source, epochs=2)
    whole = training.fit(recipe, tmp_path / "whole", "none", quiet=True)
    noticed = Steps.on_train_batch_end

    def asked_at_the_last_step(self, batch, logs=None):
        if self._position.step == 3:
            self._preemption.asked.set()
        noticed(self, batch, logs)

    with monkeypatch.context() as patch:
        patch.setattr(Steps, "on_train_batch_end", asked_at_the_last_step)
        with pytest.raises(training.Preempted, match="after step 4 of epoch 1"):
            training.fit(recipe, tmp_path / "run", "none", quiet=True)
    run = training.fit(recipe, tmp_path / "run", "none", resume=True, quiet=True)
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        assert run.history[name] == whole.history[name]


@pytest.mark.slow
def test_a_torn_state_is_passed_over_and_the_one_before_it_used(recipe, uninterrupted, tmp_path):
    out = tmp_path / "run"
    process = start(recipe, out)
    while len(states(out)) < 2 and process.poll() is None:
        pass
    process.kill()
    process.communicate(timeout=60)
    newest = max(out.glob("states/state-*.npz"))
    newest.write_bytes(newest.read_bytes()[:-1000])
    process = start(recipe, out)
    output, _ = process.communicate(timeout=180)
    assert process.returncode == 0, output
    assert newest.name in output
    check_equal(uninterrupted, out)
