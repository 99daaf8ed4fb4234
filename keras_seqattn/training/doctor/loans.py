"""Private parts of TensorFlow and Keras that the doctor borrows, one function each.

Each refuses where this library lacks what it borrows, and names the loan.
"""

import collections.abc
import contextlib
import math
import typing

import keras

from keras_seqattn.errors import LoanError, explain


def xla_kernels() -> set[str]:
    """Returns the kinds of ops that TensorFlow compiles with XLA for the CPU.

    Raises:
        LoanError: this TensorFlow has no such list.
    """
    try:
        from tensorflow.python.util import pywrap_xla_ops

        return set(pywrap_xla_ops.get_cpu_kernel_names())
    except (ImportError, AttributeError):
        raise _missing("pywrap_xla_ops.get_cpu_kernel_names", "tensorflow") from None


def functions_of(graph: typing.Any) -> list[typing.Any]:
    """Returns the functions that loops and branches in a `tf.Graph` call.

    Raises:
        LoanError: graphs of this TensorFlow do not tell.
    """
    try:
        return list(graph._functions.values())
    except AttributeError:
        raise _missing("Graph._functions", "tensorflow") from None


def hlo_module(serialised: bytes) -> typing.Any:
    """Reads a serialised `HloModuleProto`.

    Raises:
        LoanError: this TensorFlow does not bring what reads it.
    """
    try:
        from tensorflow.compiler.xla.service import hlo_pb2
    except ImportError:
        raise _missing("compiler.xla.service.hlo_pb2", "tensorflow") from None
    return hlo_pb2.HloModuleProto.FromString(serialised)


@contextlib.contextmanager
def threefry() -> collections.abc.Iterator[None]:
    """Lets random numbers be drawn by ThreeFry where TensorFlow would choose by the device.

    Its state is as long as that of a TPU's own generator, and Philox' on CPUs is longer.

    Raises:
        LoanError: this TensorFlow chooses elsewhere.
    """
    try:
        from tensorflow.python.ops import random_ops_util

        chosen = random_ops_util.get_key_counter_alg
    except (ImportError, AttributeError):
        raise _missing("random_ops_util.get_key_counter_alg", "tensorflow") from None
    random_ops_util.get_key_counter_alg = lambda seed, _: chosen(seed, "threefry")
    try:
        yield
    finally:
        random_ops_util.get_key_counter_alg = chosen


def tpu_kernels() -> set[str]:
    """Returns the kinds of ops that TensorFlow compiles with XLA for a TPU.

    Only `tensorflow-tpu` has any; with another TensorFlow the set is empty.

    Raises:
        LoanError: this TensorFlow has no such list.
    """
    import tensorflow as tf

    try:
        from tensorflow.python.framework import kernels

        listed = kernels.get_all_registered_kernels
    except (ImportError, AttributeError):
        raise _missing("kernels.get_all_registered_kernels", "tensorflow") from None
    empty = tf.function(lambda x: -x, jit_compile=True).experimental_get_compiler_ir(tf.zeros(()))
    with contextlib.suppress(ValueError):   # the first use lists the kernels, taken or refused
        empty(stage="hlo", platform_name="TPU")
    return {kernel.op for kernel in listed().kernel if kernel.device_type == "XLA_TPU_JIT"}


@contextlib.contextmanager
def without_values() -> collections.abc.Iterator[None]:
    """Lets variables on JAX begin with zeros that take no memory until they are written.

    A step that is only compiled needs shapes and dtypes. So the largest model is built in seconds.

    Raises:
        LoanError: variables of this Keras begin otherwise.
    """
    owner, name = keras.Variable, "_initialize_with_initializer"
    if not hasattr(owner, name):
        raise _missing(f"Variable.{name}", "keras")
    own = vars(owner).get(name)
    setattr(owner, name, lambda variable, initializer: variable._initialize(
        _untouched(variable._shape, variable._dtype)))
    try:
        yield
    finally:
        if own is None:
            delattr(owner, name)
        else:
            setattr(owner, name, own)


def _untouched(shape: tuple[int, ...], dtype: str) -> typing.Any:
    """Zeros of which the system has promised each page and given none; JAX aligns to 64 bytes."""
    import jax
    import numpy as np

    kind = np.dtype(jax.dtypes.canonicalize_dtype(dtype))
    size = math.prod(shape) * kind.itemsize
    raw = np.zeros(size + 64, "uint8")
    at = -raw.ctypes.data % 64
    return jax.device_put(raw[at:at + size].view(kind).reshape(shape), may_alias=True)


def _missing(name: str, library: str) -> LoanError:
    import importlib.metadata

    return LoanError(explain(
        "the doctor borrows a private part of another library, and this version lacks it",
        loan=name, library=library, version=importlib.metadata.version(library),
        fix=f"install a version of {library} that keras_seqattn was tested with"))
