"""Several processes of JAX: how they meet, and what becomes of those that lose another.

What was seen of JAX 0.10 with two processes on CPUs, one of which is killed:

- The other's next exchange fails, at once. That becomes `Preempted`.
- Where no exchange fails, JAX itself aborts the process, once heartbeats are missing for 100
  seconds.
- If the first of them is killed, JAX aborts the others within a second. They die of SIGABRT, and
  JAX says why.
"""

import atexit
import collections.abc
import contextlib
import hashlib
import os
import re
import threading

import keras
import numpy as np

from keras_seqattn.errors import explain
from keras_seqattn.training.devices import cluster
from keras_seqattn.training.devices.preemption import EXIT_PREEMPTED, Preempted, lost

LEAVE_S = 10.0
EXIT_FAILED = 1
# Statuses of XLA behind which another process is gone, and the words of who tells so.
LOST = re.compile(r"(UNKNOWN|UNAVAILABLE|ABORTED|CANCELLED|DEADLINE_EXCEEDED|INTERNAL|"
                  r"FAILED_PRECONDITION): .*(Gloo|NCCL|peer|[Hh]eartbeat|coordination|[Ss]ocket)",
                  re.DOTALL)


def meet(wait_s: float) -> None:
    """Lets the processes that the environment names find each other.

    `TF_CONFIG` names them for JAX as for TensorFlow. Without it, JAX asks SLURM or the TPU, or
    Keras the variables `KERAS_DISTRIBUTION_JOB_ADDRESSES` and so on.

    Args:
        wait_s: Longest wait for those of `TF_CONFIG`, in seconds.

    Raises:
        ValueError: `TF_CONFIG` is wrong, or one that it names did not come in time.
    """
    found = cluster.worker_addresses()
    if found is None:
        keras.distribution.initialize()
        return
    workers, index = found
    with cluster.open_door(workers, index) as door:
        cluster.wait_for_doors(workers, index, wait_s)
        if index == 0:
            door.close()   # JAX's own service takes the port; the others keep theirs till it is up
        keras.distribution.initialize(",".join(workers), len(workers), index)


def place() -> tuple[int, int]:
    """Returns the number of processes, and which of them this one is."""
    import jax

    return jax.process_count(), jax.process_index()


def agree(seen: dict[str, str]) -> None:
    """Checks that all processes see the same.

    Args:
        seen: Name to text.

    Raises:
        ValueError: the texts of a name differ. Every process raises it.
    """
    from jax.experimental import multihost_utils

    digests = [hashlib.sha256(text.encode()).digest() for text in seen.values()]
    of_all = multihost_utils.process_allgather(
        np.frombuffer(b"".join(digests), "uint8").reshape(len(seen), -1))
    differing = [name for name, alike in zip(
        seen, (of_all == of_all[0]).all(axis=(0, 2)), strict=True) if not alike]
    if differing:
        raise ValueError(explain(
            "all processes must train the same recipe from the same state", differing=differing,
            processes=len(of_all), fix="give all the same recipe, and a folder that all of them "
                                       "see"))


@contextlib.contextmanager
def leaving(worker: int) -> collections.abc.Iterator[None]:
    """Lets a process whose training fails end without the others, which may wait for it.

    At its end a process of JAX waits for all others. They wait for its part of their step
    meanwhile, or were killed. So a process that leaves the block by an error ends `LEAVE_S` seconds
    after its last line, whatever JAX waits for.

    Args:
        worker: Number of this process.

    Raises:
        Preempted: the error tells that another process was lost.
    """
    try:
        yield
    except Exception as error:
        code = error.exit_code if isinstance(error, Preempted) else EXIT_FAILED
        if LOST.match(str(error)):
            atexit.register(_end_in_time, EXIT_PREEMPTED)
            raise lost(worker, str(error).splitlines()[0]) from error
        atexit.register(_end_in_time, code)  # the last to be registered is the first to run
        raise


def _end_in_time(code: int) -> None:
    timer = threading.Timer(LEAVE_S, os._exit, (code,))
    timer.daemon = True
    timer.start()
