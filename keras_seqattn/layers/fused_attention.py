"""Kernels that read without writing scores: which of them serves a call is chosen here alone."""

import functools
import typing

import keras
from keras import ops

from keras_seqattn.kernels.target import target
from keras_seqattn.layers import masks
from keras_seqattn.shapes import Tensor

# Queries and keys from which on the kernel for TPUs serves. One query, as in decoding, reads keys
# that lie in another order, and writes few scores.
SHORTEST = 16

Kernel: typing.TypeAlias = typing.Callable[
    [Tensor, Tensor, Tensor, Tensor | None, float, bool], Tensor]


def fused_kernel(query: Tensor, key: Tensor, value: Tensor,
                 wanted: bool | None = None) -> Kernel | None:
    """Chooses the kernel of a call without bias, dropout and scores, by the device it is made for.

    On a TPU it is this library's own, or XLA's product. Keras' kernel there (Splash, in 3.15.1)
    gives wrong numbers. Without a mask it is causal and unscaled, and of a mask all examples get
    the first one's.

    Args:
        query: Float, `(B, N, T, H)`.
        key: Float, `(B, K, S, H)`.
        value: Float, `(B, K, S, H_v)`.
        wanted: `flash_attention` of the call: `True` insists, `False` forbids, `None` leaves open.

    Returns:
        Function of query, key, value, the mask, the scale and whether it is causal, or `None` where
        the plain product serves.
    """
    if keras.backend.backend() == "tensorflow":  # its kernel is slower than the plain product
        return None
    kind = device_kind()
    if kind == "tpu" and wanted is not False and not isinstance(query, keras.KerasTensor):
        kernel = _kernel_for_tpus(query, key, value, bool(wanted))
        if kernel is not None:
            return kernel
    if query.shape[-1] != value.shape[-1] or (wanted and kind in ("cpu", "tpu")):
        return None
    # What Keras may choose: on a CPU and on a TPU the plain product, which XLA fuses.
    return functools.partial(_read_by_keras, wanted if kind in ("gpu", None) else False)


def device_kind() -> str | None:
    """Returns the kind of device that a call is made for on JAX, which has kernels for some."""
    return target().kind if keras.backend.backend() == "jax" else None


def _kernel_for_tpus(query, key, value, wanted):
    from keras_seqattn.kernels import attention

    if min(query.shape[2], key.shape[2]) < SHORTEST and not wanted:
        return None
    mesh, axis = target().mesh, target().batch_axis
    if mesh is None and (distribution := keras.distribution.distribution()) is not None:
        mesh, axis = distribution.device_mesh.backend_mesh, distribution.batch_dim_name
    if not attention.serves(query, key, value, mesh, axis):
        return None
    return lambda query, key, value, allowed, scale, causal: attention.attention(
        query, key, value, allowed, scale=scale, causal=causal, mesh=mesh, batch_axis=axis)


def _read_by_keras(flash_attention, query, key, value, allowed, scale, causal):
    num_queries, num_keys = query.shape[2], key.shape[2]
    if causal and (allowed is not None or num_queries != num_keys):
        allowed, causal = masks.combine(allowed, masks.causal(num_queries, num_keys)), False
    if allowed is not None:
        # Some kernels make NaN of a row without a key. So the row reads all, and becomes 0 below.
        reads = ops.any(allowed, axis=-1, keepdims=True)
        allowed = ops.logical_or(allowed, ops.logical_not(reads))
    query, key, value = (_turn(x) for x in (query, key, value))
    if keras.backend.backend() == "torch" and query.shape[2] != key.shape[2]:
        groups = query.shape[2] // key.shape[2]
        key, value = ops.repeat(key, groups, axis=2), ops.repeat(value, groups, axis=2)
    output = _turn(ops.dot_product_attention(
        query, key, value, mask=allowed, scale=scale, is_causal=causal,
        flash_attention=flash_attention))                                     # (B, N, T, H_v)
    return output if allowed is None else ops.where(reads, output, ops.zeros_like(output))


def _turn(heads):
    """`(B, N, T, H)` to `(B, T, N, H)` and back."""
    return ops.transpose(heads, (0, 2, 1, 3))
