"""Where a training runs: on how many devices, in how many processes."""

import collections.abc
import contextlib
import os
import typing

import keras

from keras_seqattn.errors import explain, nearest
from keras_seqattn.training.devices import (
    cluster,
    datasets,
    multiworker,
    processes,
    replica_seeds,
)
from keras_seqattn.training.devices.datasets import Feed
from keras_seqattn.training.devices.preemption import lost

STRATEGIES = ("auto", "none", "mirrored", "multiworker", "tpu")


class Strategy:
    """Devices to train on, the same to `training.fit` whatever they are.

    Attributes:
        name: One of `STRATEGIES` but `"auto"`.
        num_replicas: Number of devices that share each batch.
        num_workers: Number of processes.
        is_chief: Whether this process writes the files.
        accumulates: Whether gradients of several steps can be averaged for one update. Replicas of
            `tf.distribute` cannot: they may not meet inside of a condition.
    """

    def __init__(self, name: str, distribute: typing.Any = None, distribution: typing.Any = None):
        self.name = name
        self._distribute = distribute      # of TensorFlow
        self._distribution = distribution  # of Keras, on JAX
        self.num_replicas, self.num_workers, worker = 1, 1, 0
        if distribute is not None:
            self.num_replicas = distribute.num_replicas_in_sync
            if name == "multiworker":
                workers, worker = cluster.own_addresses()
                self.num_workers = len(workers)
        elif distribution is not None:
            self.num_replicas = distribution.device_mesh.devices.size
            self.num_workers, worker = processes.place()
        self._worker = worker
        self.is_chief = worker == 0
        self.accumulates = distribute is None

    @contextlib.contextmanager
    def scope(self) -> collections.abc.Iterator[None]:
        """Makes models, optimizers and metrics inside it live on these devices."""
        if self._distribute is not None:
            with self._distribute.scope():
                yield
        elif self._distribution is not None:
            with self._distribution.scope():
                yield
        else:
            yield

    def feed(self, make: Feed) -> typing.Any:
        """Turns batches into what `model.fit` takes on these devices.

        Args:
            make: Function of a share `(index, count)` that returns batches, as `Task.batches`
                does.

        Returns:
            The first argument of `fit` and `evaluate`. Each replica gets its share of each batch,
            and each process makes only what its own replicas get.
        """
        if self._distribute is None:
            make((0, self.num_replicas))  # raises where the replicas do not divide the batch
            batches = make((self._worker, self.num_workers))
            of_many_shapes = hasattr(batches, "signature")
            if of_many_shapes and keras.backend.backend() == "tensorflow":
                return datasets.in_turn([batches])  # Keras would fix the shapes of the first two
            return batches
        return self._distribute.distribute_datasets_from_function(
            lambda context: datasets.of_one_process(make, context))

    def adapt(self, model: keras.Model) -> None:
        """Prepares a built and compiled model for `fit` on these devices."""
        if self._distribute is not None and self.num_replicas > 1:
            replica_seeds.adapt(model)
        if self._distribute is not None and self.num_workers > 1:
            multiworker.adapt(model)

    @contextlib.contextmanager
    def running(self) -> collections.abc.Iterator[None]:
        """Lets the devices share each batch as long as the block runs.

        Raises:
            Preempted: another process was lost.
        """
        running = contextlib.nullcontext() if self.num_workers == 1 else (
            _losing if self._distribution is None else processes.leaving)(self._worker)
        # Keras' trainer asks for its distribution at each batch.
        with running, (self.scope() if self._distribution else contextlib.nullcontext()):
            yield

    def agree(self, **seen: str) -> None:
        """Checks that all processes see the same; on JAX, where one that differs goes unnoticed.

        Args:
            **seen: Name to text.

        Raises:
            ValueError: the texts of a name differ. Every process raises it.
        """
        if self._distribution is not None and self.num_workers > 1:
            processes.agree(seen)


@contextlib.contextmanager
def _losing(worker: int) -> collections.abc.Iterator[None]:
    """Turns TensorFlow's errors of another process that was lost into `Preempted`."""
    from tensorflow import errors

    try:
        yield
    except (errors.UnavailableError, errors.AbortedError, errors.CancelledError,
            errors.DeadlineExceededError) as error:
        lines = error.message.strip().splitlines()
        raise lost(worker, next(
            (line for line in lines if "/job:" in line or "reset" in line), lines[0])) from error


def strategy(name: str = "auto", wait_s: float = 300.0) -> Strategy:
    """Chooses the devices to train on.

    Args:
        name: Where to train:

            - `"none"`: one device.
            - `"mirrored"`: all GPUs of this process, or its logical CPUs.
            - `"multiworker"`: the processes that `TF_CONFIG`, SLURM or Kubernetes name.
            - `"tpu"`: the TPU of this machine, or the one that `TPU_NAME` names.
            - `"auto"`: the first of multiworker, tpu and mirrored that the environment and the
              machine call for, else none.

            On JAX the three of many devices are all `keras.distribution.DataParallel`.
        wait_s: Longest wait for the other processes, in seconds.

    Returns:
        `Strategy`.

    Raises:
        ValueError: one of these:

            - The name is unknown, or this backend cannot.
            - What the environment says of the workers is wrong, or a worker does not come.
            - There is no such device.
    """
    if name not in STRATEGIES:
        raise ValueError(explain("`strategy` is not known", strategy=name,
                                 fix=nearest(name, STRATEGIES)))
    backend = keras.backend.backend()
    if backend == "jax":
        return _on_jax(name, wait_s)
    if backend != "tensorflow":
        if name not in ("auto", "none"):
            raise ValueError(explain(
                "several devices need Keras on TensorFlow or JAX", strategy=name, backend=backend,
                fix="pass --backend tensorflow or --backend jax"))
        return Strategy("none")
    if name == "auto":
        name = _detected()
    return {"none": Strategy, "mirrored": _mirrored, "tpu": _tpu,
            "multiworker": lambda name: _multiworker(name, wait_s)}[name](name)


def _detected() -> str:
    import tensorflow as tf

    if os.environ.get("TF_CONFIG") or cluster.scheduler():
        return "multiworker"
    if os.environ.get("TPU_NAME") or os.environ.get("TPU_WORKER_ID"):
        return "tpu"
    return "mirrored" if len(tf.config.list_physical_devices("GPU")) > 1 else "none"


def _mirrored(name: str) -> Strategy:
    import tensorflow as tf

    kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
    devices = [device.name for device in tf.config.list_logical_devices(kind)]
    return Strategy(name, tf.distribute.MirroredStrategy(devices))


def _multiworker(name: str, wait_s: float) -> Strategy:
    if not cluster.worker_addresses() and cluster.scheduler():
        cluster.resolve()
    cluster.wait_for_workers(*cluster.own_addresses(), wait_s)
    import tensorflow as tf

    return Strategy(name, tf.distribute.MultiWorkerMirroredStrategy())


def _tpu(name: str) -> Strategy:
    import tensorflow as tf

    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver.connect(
            os.environ.get("TPU_NAME", "local"))
        return Strategy(name, tf.distribute.TPUStrategy(resolver))
    except (ValueError, tf.errors.OpError) as error:
        raise ValueError(explain(
            "this machine must reach a TPU", TPU_NAME=os.environ.get("TPU_NAME", "local"),
            error=" ".join(str(error).split())[:200],
            fix="run on a TPU VM, or set TPU_NAME; `seqattn doctor` checks a recipe without one"
        )) from error


def _on_jax(name: str, wait_s: float) -> Strategy:
    if name == "multiworker" or (name == "auto" and (
            os.environ.get("TF_CONFIG") or cluster.scheduler() == "slurm")):
        processes.meet(wait_s)
        name = "multiworker"
    devices = keras.distribution.list_devices()
    if name == "none" or (name == "auto" and len(devices) == 1):
        return Strategy("none")
    if name == "tpu" and not all(device.startswith("tpu") for device in devices):
        raise ValueError(explain("this machine must have a TPU", devices=devices,
                                 fix="run on a TPU VM with jax[tpu]"))
    return Strategy("mirrored" if name == "auto" else name,
                    distribution=keras.distribution.DataParallel(
                        devices=devices, auto_shard_dataset=False))
