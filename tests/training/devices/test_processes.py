"""`keras_seqattn.training.devices.processes`; two processes of JAX train in `test_strategy.py`."""

import atexit
import subprocess
import sys

import numpy as np
import pytest

from keras_seqattn.testing import check_error
from keras_seqattn.training.devices import preemption, processes
from keras_seqattn.training.devices.preemption import Preempted


@pytest.fixture
def left(monkeypatch):
    """The exit codes with which a process would end in time."""
    codes = []
    monkeypatch.setattr(atexit, "register", lambda _, code: codes.append(code))
    return codes


@pytest.mark.parametrize("text", [
    "UNKNOWN: Gloo AllGather failed: [pair.cc:538] Read error: Connection reset by peer",
    "UNAVAILABLE: Task 1 heartbeat timeout. This indicates that the remote task has failed",
    "INTERNAL: NCCL operation failed"])
def test_a_lost_process_becomes_preempted(left, text):
    with pytest.raises(Preempted, match="worker 3 lost another worker") as stop, \
            processes.leaving(3):
        raise ValueError(text)
    assert text in str(stop.value)
    assert stop.value.exit_code == preemption.EXIT_PREEMPTED
    assert left == [preemption.EXIT_PREEMPTED]


@pytest.mark.parametrize(("error", "code"), [
    (ValueError("the disk is full"), processes.EXIT_FAILED),
    (ValueError("the peer review of Gloo: INTERNAL"), processes.EXIT_FAILED),
    (Preempted("ended by Ctrl-C", preemption.EXIT_INTERRUPTED), preemption.EXIT_INTERRUPTED)])
def test_other_errors_stay_what_they_are(left, error, code):
    with pytest.raises(type(error)) as stop, processes.leaving(3):
        raise error
    assert stop.value is error
    assert left == [code]


def test_a_process_that_trained_to_its_end_waits_for_the_others(left):
    with processes.leaving(3):
        pass
    assert left == []


def test_processes_that_see_different_things_are_told(monkeypatch):
    """Each sees what it has, and of the other process the recipe `"b"` and the position `"p"`."""
    utils = pytest.importorskip("jax.experimental.multihost_utils")
    other = []
    monkeypatch.setattr(utils, "process_allgather", lambda own: (
        other.append(own), np.stack([other[0], own]))[1])
    processes.agree({"recipe": "b", "position": "p"})
    processes.agree({"recipe": "b", "position": "p"})
    check_error(lambda: processes.agree({"recipe": "b", "position": "q"}),
                differing=["position"], processes=2)


def test_what_holds_a_process_up_at_its_end_does_not_hold_it_for_ever():
    done = subprocess.run([sys.executable, "-c", (
        "import atexit, threading\n"
        "from keras_seqattn.training.devices import processes\n"
        "processes.LEAVE_S = 0.05\n"
        "atexit.register(threading.Event().wait, 100)\n"
        "atexit.register(processes._end_in_time, 75)\n")], timeout=90)
    assert done.returncode == 75
