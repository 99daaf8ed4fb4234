"""`keras_seqattn.training.devices.strategy`: many devices and processes train like one."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from keras import ops
from sets import small_recipe, write_pictures

from keras_seqattn import data, models, training
from keras_seqattn.data.batches import Batches
from keras_seqattn.testing import check_error
from keras_seqattn.training.run_folder import journal

pytest.importorskip("PIL")
TENSORFLOW = keras.backend.backend() == "tensorflow"
WORKER = pathlib.Path(__file__).parents[1] / "worker.py"
several = pytest.mark.skipif(
    keras.backend.backend() not in ("tensorflow", "jax"), reason="this backend has one device here")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("pictures"), {"train": 23, "test": 3})


@pytest.fixture(scope="module")
def alone(source, tmp_path_factory):
    """The run on one device that all others must equal."""
    out = tmp_path_factory.mktemp("alone")
    return training.fit(small_recipe(source), out, "none", quiet=True), out


def check_same(one, other):
    """Holds loss history and weights of two run folders together, to 1e-5 relative."""
    first, second = training.read_run(one), training.read_run(other)
    for name in ("loss", "val_loss", "accuracy", "val_accuracy"):
        np.testing.assert_allclose(second.history[name], first.history[name], rtol=1e-5)
    models_of = [models.load(folder / "model.keras") for folder in (one, other)]
    for left, right in zip(*(model.weights for model in models_of), strict=True):
        if re.search("key(_dense)?/bias", left.path):
            continue  # its gradient is zero but for rounding, which Adam scales up
        left, right = (ops.convert_to_numpy(weight) for weight in (left, right))
        np.testing.assert_allclose(right, left, rtol=1e-5, atol=1e-5 * np.abs(left).max())


def start(recipe, out, strategy, devices=1, workers=1, flags=()):
    """Starts the processes of one run on loopback, on ports that are free now."""
    path = pathlib.Path(out).with_suffix(".yaml")
    path.write_text(journal.text_of(recipe), encoding="utf-8")
    doors = [socket.create_server(("127.0.0.1", 0)) for _ in range(workers)]
    addresses = [f"127.0.0.1:{door.getsockname()[1]}" for door in doors]
    for door in doors:
        door.close()
    started = []
    for index in range(workers):
        config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        environment = {"TF_CONFIG": json.dumps(config)} if strategy == "multiworker" else {}
        started.append(subprocess.Popen(
            [sys.executable, str(WORKER), str(path), str(out), strategy, str(devices), *flags],
            env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True))
    return started


def wait_for(workers):
    """Exit codes and outputs of processes."""
    outputs = [worker.communicate(timeout=180)[0] for worker in workers]
    return [worker.returncode for worker in workers], outputs


def wait_for_an_epoch(out, workers):
    """Waits until the state after the first epoch is on disk."""
    end = time.monotonic() + 120
    while not list(out.glob("states/state-000001*")) and time.monotonic() < end:
        assert all(worker.poll() is None for worker in workers)


@several
@pytest.mark.parametrize("replicas", [pytest.param(2, marks=pytest.mark.slow), 4])
def test_replicas_train_like_one_device(source, alone, tmp_path, replicas):
    """20 steps, five of them with a last batch of one picture: some replicas get none.

    They are killed after the first epoch and go on. Two replicas are held to one device by the
    test of clipping too.
    """
    recipe = small_recipe(source)
    killed = start(recipe, tmp_path / "run", "mirrored", replicas)
    wait_for_an_epoch(tmp_path / "run", killed)
    killed[0].kill()
    wait_for(killed)
    codes, outputs = wait_for(
        start(recipe, tmp_path / "run", "mirrored", replicas, flags=["--resume"]))
    assert codes == [0], outputs
    check_same(alone[1], tmp_path / "run")


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="a distribution of Keras on JAX")
def test_on_jax_the_devices_share_each_batch_as_long_as_fit_runs(source, tmp_path, monkeypatch):
    """Keras' trainer asks for the distribution at each batch; without it each device takes all."""
    class Seen(Exception):
        pass

    def run(*arguments):
        raise Seen(keras.distribution.distribution())

    monkeypatch.setattr(training.loop.epochs.Epochs, "run", run)
    with pytest.raises(Seen) as seen:
        training.fit(small_recipe(source), tmp_path / "run", "mirrored", quiet=True)
    assert isinstance(seen.value.args[0], keras.distribution.DataParallel)
    assert keras.distribution.distribution() is None


@several
def test_replicas_clip_all_gradients_together(source, tmp_path):
    recipe = small_recipe(source, epochs=1, optimizer="sgd", learning_rate=1.0, clip_norm=None,
                          clip_all=0.05, average=None)
    codes, outputs = wait_for([
        *start(recipe, tmp_path / "one", "none"), *start(recipe, tmp_path / "two", "mirrored", 2)])
    assert codes == [0, 0], outputs
    check_same(tmp_path / "one", tmp_path / "two")


@several
@pytest.mark.slow
@pytest.mark.parametrize("workers", [2, 3])
def test_processes_train_like_one_device(source, alone, tmp_path, workers):
    """Without a loss in between; two that lost each other are held to one device below."""
    codes, outputs = wait_for(
        start(small_recipe(source), tmp_path / "run", "multiworker", workers=workers))
    assert codes == [0] * workers, outputs
    check_same(alone[1], tmp_path / "run")


@several
def test_a_lost_worker_ends_the_other_with_a_message_and_both_go_on(source, alone, tmp_path):
    recipe = small_recipe(source)
    workers = start(recipe, tmp_path / "run", "multiworker", workers=2)
    wait_for_an_epoch(tmp_path / "run", workers)
    workers[1].kill()
    lost = time.monotonic()
    codes, outputs = wait_for(workers)
    assert time.monotonic() - lost < 60
    assert codes == [training.EXIT_PREEMPTED, -signal.SIGKILL], outputs
    assert "lost another worker" in outputs[0]
    assert "start all of them again, resumed" in outputs[0]
    codes, outputs = wait_for(
        start(recipe, tmp_path / "run", "multiworker", workers=2, flags=["--resume"]))
    assert codes == [0, 0], outputs
    check_same(alone[1], tmp_path / "run")


@several
def test_dropout_on_replicas_has_the_distribution_of_one_device(source, tmp_path):
    """Replicas draw other masks than one device does, so only distributions can agree.

    A trained model goes on at a learning rate of nearly zero, so the 16 losses of 16 epochs are
    draws from one distribution. Their means must agree within 4 standard errors.
    """
    trained = tmp_path / "trained"
    training.fit(small_recipe(source, epochs=3, learning_rate=0.01), trained, "none", quiet=True)
    recipe = small_recipe(source, {"dropout": 0.3}, epochs=16, learning_rate=1e-9,
                          start=str(trained / "model.keras"), average=None)
    recipe = recipe.model_copy(update={
        "data": recipe.data.model_copy(update={"augment": (), "validation": 0.0})})
    one = training.fit(recipe, tmp_path / "one", "none", quiet=True).history["loss"]
    codes, outputs = wait_for(start(recipe, tmp_path / "two", "mirrored", 2))
    assert codes == [0], outputs
    two = training.read_run(tmp_path / "two").history["loss"]
    assert np.std(one) > 0
    error = np.sqrt((np.var(one, ddof=1) + np.var(two, ddof=1)) / 16)
    assert abs(np.mean(one) - np.mean(two)) < 4 * error
    assert 1 / 9 < np.var(two) / np.var(one) < 9


@several
def test_replicas_that_do_not_divide_the_batch(source, tmp_path):
    codes, outputs = wait_for(
        start(small_recipe(source, batch_size=11), tmp_path / "run", "mirrored", 4))
    assert codes == [2]
    assert "Received: batch_size=11, replicas=4. To fix: use batch_size=12." in outputs[0]


def test_auto_is_one_device_here(monkeypatch):
    for name in ("TF_CONFIG", "TPU_NAME", "TPU_WORKER_ID"):
        monkeypatch.delenv(name, raising=False)
    assert training.strategy().name == "none"
    assert training.strategy("none").num_replicas == 1
    assert training.strategy("none").is_chief


def test_unknown_strategies_and_missing_devices(monkeypatch):
    check_error(lambda: training.strategy("miror"), strategy="miror")
    if TENSORFLOW:
        monkeypatch.delenv("TF_CONFIG", raising=False)
        check_error(lambda: training.strategy("multiworker"), TF_CONFIG=None)
        monkeypatch.setenv("TF_CONFIG", "{")
        check_error(training.strategy, TF_CONFIG="{")


def test_the_feed_of_one_device_is_the_batches_themselves(source):
    examples = data.load(source)
    feed = training.strategy("none").feed(lambda share: Batches(examples, 8, share=share))
    assert isinstance(feed, Batches)
    assert feed[0][0].shape == (8, 16, 16, 3)
