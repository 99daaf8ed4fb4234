"""Who trains together: the processes that `TF_CONFIG`, SLURM or Kubernetes name."""

import collections.abc
import json
import os
import socket
import time
import typing

from keras_seqattn.errors import explain

Environment: typing.TypeAlias = collections.abc.Mapping[str, str]
EXAMPLE = ('{"cluster": {"worker": ["host0:12345", "host1:12345"]}, '
           '"task": {"type": "worker", "index": 0}}')


def worker_addresses(environment: Environment = os.environ) -> tuple[list[str], int] | None:
    """Reads `TF_CONFIG`.

    Args:
        environment: Mapping of environment variables.

    Returns:
        Addresses of all workers, and the index of this one. `None` if the variable is not set.

    Raises:
        ValueError: `TF_CONFIG` is no JSON or names no worker, or its task is none of them.

    >>> worker_addresses({"TF_CONFIG": EXAMPLE})
    (['host0:12345', 'host1:12345'], 0)
    """
    text = environment.get("TF_CONFIG")
    if not text:
        return None
    try:
        config = json.loads(text)
        cluster, task = config["cluster"], config["task"]
        workers, kind, index = list(cluster["worker"]), task["type"], int(task["index"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(explain(
            "TF_CONFIG must be JSON with cluster.worker, task.type and task.index",
            TF_CONFIG=text, error=f"{type(error).__name__}: {error}",
            fix=f"write it like {EXAMPLE}")) from error
    if set(cluster) != {"worker"} or kind != "worker":
        raise ValueError(explain(
            "the tasks of TF_CONFIG must all be workers; the first is the chief",
            cluster=sorted(cluster), task=kind, fix=f"write it like {EXAMPLE}"))
    if not 0 <= index < len(workers):
        raise ValueError(explain(
            "the task's index in TF_CONFIG must be that of one of the workers", index=index,
            workers=len(workers), fix=f"use 0 to {len(workers) - 1}, another one in each process"))
    for address in workers:
        _, colon, port = str(address).rpartition(":")
        if not colon or not port.isdigit():
            raise ValueError(explain(
                "each worker of TF_CONFIG must be HOST:PORT", worker=address,
                fix=f"write it like {EXAMPLE}"))
    return workers, index


def own_addresses(environment: Environment = os.environ) -> tuple[list[str], int]:
    """Reads `TF_CONFIG`, which must be set.

    Returns:
        Addresses of all workers, and the index of this one.

    Raises:
        ValueError: as of `worker_addresses`, or the variable is not set.
    """
    found = worker_addresses(environment)
    if found is None:
        raise ValueError(explain(
            "the environment must name the workers", TF_CONFIG=None,
            fix=f"set TF_CONFIG in every process, like {EXAMPLE}"))
    return found


def scheduler(environment: Environment = os.environ) -> str | None:
    """Names the scheduler that started several processes: `"slurm"`, `"kubernetes"` or `None`."""
    if int(environment.get("SLURM_NTASKS", 1)) > 1 and "SLURM_PROCID" in environment:
        return "slurm"
    if "KUBERNETES_SERVICE_HOST" in environment and "SEQATTN_KUBERNETES_JOB" in environment:
        return "kubernetes"
    return None


def resolve(environment: collections.abc.MutableMapping[str, str] = os.environ
            ) -> tuple[list[str], int]:
    """Makes `TF_CONFIG` of what a scheduler says, by TensorFlow's cluster resolvers.

    Kubernetes tells a pod neither its job nor its place in the job. So the pod's template sets two
    variables:

    - `SEQATTN_KUBERNETES_JOB`, the selector of the job's pods, such as `job-name=train`.
    - `JOB_COMPLETION_INDEX`, which an indexed job sets by itself.

    Returns:
        Addresses of all workers, and the index of this one.
    """
    import tensorflow as tf

    resolvers = tf.distribute.cluster_resolver
    if scheduler(environment) == "slurm":
        resolver = resolvers.SlurmClusterResolver()
        workers = resolver.cluster_spec().as_dict()["worker"]
        index = resolver.get_task_info()[1]
    else:
        resolver = resolvers.KubernetesClusterResolver(
            {"worker": [environment["SEQATTN_KUBERNETES_JOB"]]})
        workers = sorted(resolver.cluster_spec().as_dict()["worker"])
        index = int(environment["JOB_COMPLETION_INDEX"])
    environment["TF_CONFIG"] = json.dumps(
        {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}})
    return own_addresses(environment)


def wait_for_workers(workers: list[str], index: int, timeout_s: float) -> None:
    """Waits until every other worker listens at its address, while listening at our own.

    TensorFlow waits without a word for a worker that never comes. Here the worker is named.

    Args:
        workers: Addresses `HOST:PORT`.
        index: Place of this process among them.
        timeout_s: Longest wait, in seconds.

    Raises:
        ValueError: our address cannot be listened at, or a worker did not come in time.
    """
    with open_door(workers, index):
        wait_for_doors(workers, index, timeout_s)


def open_door(workers: list[str], index: int) -> socket.socket:
    """Listens at the address of a worker, until what it returns is closed.

    Raises:
        ValueError: the address cannot be listened at.
    """
    port = int(workers[index].rpartition(":")[2])
    try:
        return socket.create_server(("", port), backlog=len(workers))
    except OSError as error:
        raise ValueError(explain(
            "this worker must be able to listen at its own port", worker=workers[index],
            error=error.strerror, fix="choose a free port in TF_CONFIG")) from error


def wait_for_doors(workers: list[str], index: int, timeout_s: float) -> None:
    """Waits until every worker but this one listens at its address; as `wait_for_workers`."""
    end = time.monotonic() + timeout_s
    missing = [address for place, address in enumerate(workers) if place != index]
    while missing:
        missing = [address for address in missing if not _listens(address)]
        if missing and time.monotonic() > end:
            raise ValueError(explain(
                "every worker must come within the waiting time", missing=missing,
                waited_s=timeout_s,
                fix="start the missing workers, open their ports, or raise --wait"))
        if missing:
            time.sleep(0.2)


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=1.0):
            return True
    except OSError:
        return False
