"""SIGTERM and Ctrl-C: a training that is asked to end saves its state first, and says so."""

import os
import signal
import sys
import threading
import typing

# "Temporary failure, try again" (EX_TEMPFAIL of sysexits.h): start the same command with --resume.
EXIT_PREEMPTED = 75
EXIT_INTERRUPTED = 130
GRACE_S = 9.0
NAMES = {signal.SIGTERM: "SIGTERM", signal.SIGINT: "Ctrl-C"}


class Preempted(Exception):
    """The training ended before its time and can be resumed: see its message.

    Attributes:
        exit_code: Exit code for a process that ends of this: 130 after Ctrl-C, else 75.
    """

    def __init__(self, message: str, exit_code: int = EXIT_PREEMPTED):
        super().__init__(message)
        self.exit_code = exit_code


def lost(worker: int, reason: str) -> Preempted:
    """Returns what a process raises that lost another one.

    Args:
        worker: Number of this process.
        reason: What told of the loss.
    """
    return Preempted(f"worker {worker} lost another worker and cannot go on alone ({reason}); "
                     "start all of them again, resumed")


class Preemption:
    """Notices SIGTERM and Ctrl-C while a training runs.

    Use it as a context. The training looks at `asked` between two steps.

    After SIGTERM, with which schedulers take machines back, a single step or its compilation may
    take longer than the grace of 9 seconds. Then the process ends without a new state, and the last
    one stands. After Ctrl-C there is no such limit. A second Ctrl-C ends the process at once.

    Only the main thread can receive signals, so outside of it the context does nothing.

    Attributes:
        asked: `threading.Event`, set once a signal has come.
    """

    def __init__(self) -> None:
        self.asked = threading.Event()
        self._done = threading.Event()
        self._received = signal.SIGTERM
        self._old: dict[signal.Signals, typing.Any] = {}
        self._wakeup: tuple[int, int] | None = None  # own end of the pipe, and the one before

    def __enter__(self) -> "Preemption":
        if threading.current_thread() is threading.main_thread():
            self._old = {each: signal.signal(each, lambda *_: None) for each in NAMES}
            # The interpreter runs handlers between two of its own instructions only, but writes
            # to this pipe at once, even while a step computes.
            reader, writer = os.pipe()
            os.set_blocking(writer, False)
            self._wakeup = writer, signal.set_wakeup_fd(writer)
            threading.Thread(target=self._watch, args=(reader,), daemon=True).start()
        return self

    def stop(self, where: str) -> typing.NoReturn:
        """Ends the training, whose state has been saved.

        Args:
            where: Step that was the last one, in words.

        Raises:
            Preempted: always.
        """
        code = EXIT_INTERRUPTED if self._received == signal.SIGINT else EXIT_PREEMPTED
        raise Preempted(f"ended by {NAMES[self._received]} after {where}; the state is saved", code)

    def _watch(self, reader: int) -> None:
        while received := os.read(reader, 1):
            if received[0] == signal.SIGTERM:
                self._ask(signal.SIGTERM)
                if not self._done.wait(GRACE_S):
                    _end("ended by SIGTERM within a step; resume from the last checkpoint",
                         EXIT_PREEMPTED)
            elif received[0] == signal.SIGINT:
                if self.asked.is_set():
                    _end("ended by Ctrl-C at once; resume from the last checkpoint",
                         EXIT_INTERRUPTED)
                self._ask(signal.SIGINT)
                _say("the state is saved after this step; Ctrl-C again ends at once, and "
                     "loses the steps since the last checkpoint")

    def _ask(self, received: signal.Signals) -> None:
        if not self.asked.is_set():
            self._received = received
        self.asked.set()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._wakeup is not None:
            writer, old = self._wakeup
            signal.set_wakeup_fd(old)
            for each, handler in self._old.items():
                signal.signal(each, handler)
            os.close(writer)  # ends the thread, whose read then returns nothing


def _say(text: str) -> None:
    sys.stderr.write(f"seqattn: {text}\n")
    sys.stderr.flush()


def _end(text: str, code: int) -> typing.NoReturn:
    """Ends the process from any thread, even within a step."""
    _say(text)
    os._exit(code)
