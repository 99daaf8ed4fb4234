"""The kind of device that a computation is made for: found, or told beforehand."""

import collections.abc
import contextlib
import contextvars
import typing

import keras

from keras_seqattn.errors import explain, nearest

KINDS = ("cpu", "gpu", "tpu")


class Target(typing.NamedTuple):
    """Where a traced computation will run.

    Attributes:
        kind: One of `KINDS`.
        mesh: `jax.sharding.Mesh` over which the examples of a batch are spread, or `None` for one
            device, and where Keras' own distribution tells.
        batch_axis: Name of the mesh's axis along which they are spread.
    """

    kind: str
    mesh: typing.Any = None
    batch_axis: str = "batch"


_told: contextvars.ContextVar[Target | None] = contextvars.ContextVar("target", default=None)


def target() -> Target:
    """Returns what was told by `compiled_for`, else the kind of the devices of this process."""
    told = _told.get()
    if told is not None:
        return told
    kinds = {device.partition(":")[0] for device in keras.distribution.list_devices()}
    return Target(next((kind for kind in ("tpu", "gpu") if kind in kinds), "cpu"))


@contextlib.contextmanager
def compiled_for(kind: str, mesh: typing.Any = None,
                 batch_axis: str = "batch") -> collections.abc.Iterator[None]:
    """Tells what is traced inside the context which kind of device it will run on.

    Args:
        kind: One of `KINDS`.
        mesh: As of `Target`.
        batch_axis: As of `Target`.

    Raises:
        ValueError: the kind is unknown.

    Example:

    >>> with compiled_for("tpu"):
    ...     target().kind
    'tpu'
    """
    if kind not in KINDS:
        raise ValueError(explain("the kind of device is not known", kind=kind,
                                 fix=nearest(kind, KINDS)))
    token = _told.set(Target(kind, mesh, batch_axis))
    try:
        yield
    finally:
        _told.reset(token)
