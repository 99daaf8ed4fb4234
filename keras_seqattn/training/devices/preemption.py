"""SIGTERM, with which schedulers take machines back: save, and end with a code that says so."""

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

    The training looks at `asked` between two steps. Should a single step, or its compilation, take
    longer than the grace of 9 seconds, the process ends without a new state: the last one stands.

    Use as a context; outside of the main thread, which alone can receive signals, it does nothing.
    """

    def __init__(self):
        self.asked = threading.Event()
        self._done = threading.Event()

    def __enter__(self):
        self._wakeup = None
        if threading.current_thread() is threading.main_thread():
            self._old = signal.signal(signal.SIGTERM, lambda *_: self.asked.set())
            # The interpreter runs handlers between two of its own instructions only, but writes
            # to this pipe at once, even while a step computes.
            reader, writer = os.pipe()
            os.set_blocking(writer, False)
            self._wakeup = (reader, writer, signal.set_wakeup_fd(writer))
            threading.Thread(target=self._watch, args=(reader,), daemon=True).start()
        return self

    def _watch(self, reader):
        while received := os.read(reader, 1):
            if received[0] == signal.SIGTERM:
                self.asked.set()
                if not self._done.wait(GRACE_S):
                    sys.stderr.write("seqattn: ended by SIGTERM within a step; go on from the "
                                     "last checkpoint with --resume\n")
                    sys.stderr.flush()
                    os._exit(EXIT_PREEMPTED)

    def __exit__(self, *_):
        self._done.set()
        if self._wakeup is not None:
            _, writer, old = self._wakeup
            signal.set_wakeup_fd(old)
            signal.signal(signal.SIGTERM, self._old)
            os.close(writer)  # ends the thread, whose read then returns nothing
