"""`keras_seqattn.training.devices.preemption`."""

import os
import signal
import subprocess
import sys
import textwrap
import threading

import pytest

from keras_seqattn.training.devices.preemption import EXIT_PREEMPTED, Preempted, Preemption


@pytest.fixture
def run():
    """Runs the lines of a process of its own."""
    def run(code):
        path = os.pathsep.join(filter(None, sys.path))
        return subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True,
            timeout=300, env={**os.environ, "PYTHONPATH": path})
    return run


def test_sigterm_sets_asked_and_the_old_handler_comes_back():
    received = []
    old = signal.signal(signal.SIGTERM, lambda *_: received.append("old"))
    try:
        with Preemption() as preemption:
            assert not preemption.asked.is_set()
            os.kill(os.getpid(), signal.SIGTERM)
            assert preemption.asked.wait(60)
        assert received == []
        os.kill(os.getpid(), signal.SIGTERM)
        assert received == ["old"]
        assert signal.set_wakeup_fd(-1) == -1
    finally:
        signal.signal(signal.SIGTERM, old)


def test_a_new_one_is_not_asked():
    with Preemption() as preemption:
        assert not preemption.asked.is_set()


def test_outside_of_the_main_thread_it_does_nothing():
    handlers = []

    def work():
        with Preemption() as preemption:
            handlers.append((signal.getsignal(signal.SIGTERM), preemption.asked.is_set()))
    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert handlers == [(before, False)]


def test_other_signals_do_not_ask():
    old = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        with Preemption() as preemption:
            os.kill(os.getpid(), signal.SIGUSR1)
            assert not preemption.asked.wait(0.05)
            os.kill(os.getpid(), signal.SIGTERM)
            assert preemption.asked.wait(60)
    finally:
        signal.signal(signal.SIGUSR1, old)


def test_a_step_that_does_not_end_in_time_ends_the_process(run):
    done = run("""
        import os, signal, threading
        from keras_seqattn.training.devices import preemption
        preemption.GRACE_S = 0.05
        with preemption.Preemption() as asked:
            os.kill(os.getpid(), signal.SIGTERM)
            threading.Event().wait(100)
        print("the step ended")
    """)
    assert done.returncode == EXIT_PREEMPTED == 75, done.stderr
    assert "the step ended" not in done.stdout
    assert "resume from the last checkpoint" in done.stderr


def test_ctrl_c_asks_first_and_says_what_a_second_one_does(run):
    done = run("""
        import os, signal, threading
        from keras_seqattn.training.devices import preemption
        with preemption.Preemption() as asked:
            os.kill(os.getpid(), signal.SIGINT)
            asked.asked.wait(60)
            print("asked", flush=True)
            os.kill(os.getpid(), signal.SIGINT)
            threading.Event().wait(100)
        print("the step ended")
    """)
    assert (done.returncode, done.stdout) == (130, "asked\n"), done.stderr
    assert "Ctrl-C again ends at once" in done.stderr
    assert "resume from the last checkpoint" in done.stderr


@pytest.mark.parametrize(("sent", "name", "code"), [
    (signal.SIGTERM, "SIGTERM", 75), (signal.SIGINT, "Ctrl-C", 130)])
def test_what_ended_a_training_is_told(sent, name, code):
    with Preemption() as preemption:
        os.kill(os.getpid(), sent)
        assert preemption.asked.wait(60)
        with pytest.raises(Preempted, match=f"ended by {name} after step 3; the state is saved"
                           ) as stop:
            preemption.stop("step 3")
    assert stop.value.exit_code == code


def test_a_step_that_ends_in_time_goes_on_to_save(run):
    done = run("""
        import os, signal
        from keras_seqattn.training.devices import preemption
        preemption.GRACE_S = 60
        with preemption.Preemption() as preemption:
            os.kill(os.getpid(), signal.SIGTERM)
            preemption.asked.wait(60)
        print("saved")
    """)
    assert (done.returncode, done.stdout) == (0, "saved\n"), done.stderr
