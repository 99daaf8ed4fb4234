"""SIGTERM, with which schedulers take machines back: a training saves, ends and says so."""

import os
import signal
import sys
import threading

# "Temporary failure, try again" (EX_TEMPFAIL of sysexits.h): start the same command with --resume.
EXIT_PREEMPTED = 75
GRACE_S = 9.0


class Preempted(Exception):
    """The training ended before its time and can go on with `--resume`: see its message."""


class Preemption:
    """Notices SIGTERM while a training runs.

    Use it as a context. The training looks at `asked` between two steps.

    A single step or its compilation may take longer than the grace of 9 seconds. Then the process
    ends without a new state, and the last one stands.

    Only the main thread can receive signals, so outside of it the context does nothing.

    Attributes:
        asked: `threading.Event`, set once SIGTERM has come.
    """

    def __init__(self) -> None:
        self.asked = threading.Event()
        self._done = threading.Event()
        self._wakeup: tuple[int, int] | None = None  # own end of the pipe, and the one before

    def __enter__(self) -> "Preemption":
        if threading.current_thread() is threading.main_thread():
            self._old = signal.signal(signal.SIGTERM, lambda *_: self.asked.set())
            # The interpreter runs handlers between two of its own instructions only, but writes
            # to this pipe at once, even while a step computes.
            reader, writer = os.pipe()
            os.set_blocking(writer, False)
            self._wakeup = writer, signal.set_wakeup_fd(writer)
            threading.Thread(target=self._watch, args=(reader,), daemon=True).start()
        return self

    def _watch(self, reader: int) -> None:
        while received := os.read(reader, 1):
            if received[0] == signal.SIGTERM:
                self.asked.set()
                if not self._done.wait(GRACE_S):
                    sys.stderr.write("seqattn: ended by SIGTERM within a step; go on from the "
                                     "last checkpoint with --resume\n")
                    sys.stderr.flush()
                    os._exit(EXIT_PREEMPTED)

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._wakeup is not None:
            writer, old = self._wakeup
            signal.set_wakeup_fd(old)
            signal.signal(signal.SIGTERM, self._old)
            os.close(writer)  # ends the thread, whose read then returns nothing
