"""Masks: who may read whom. `True` means *may be read*.

Queries and keys are aligned at their *ends*: with `T` queries over `S` keys, query `t` stands at
key position `S - T + t`. So the mask of one new token over a cache of `S` keys is the last row of
the full mask. Decoding step by step therefore gives the numbers of the full pass.
"""

from keras import ops

from keras_seqattn.shapes import Tensor


def _steps_back(num_queries, num_keys):
    """How far each key lies behind each query: int32, `(T, S)`. Negative is the future."""
    queries = ops.arange(num_queries, dtype="int32") + (num_keys - num_queries)
    keys = ops.arange(num_keys, dtype="int32")
    return ops.expand_dims(queries, 1) - ops.expand_dims(keys, 0)


def causal(num_queries: int, num_keys: int | None = None) -> Tensor:
    """Lets query `t` read keys `0 … S-T+t` and nothing later.

    Args:
        num_queries: Number of asking positions `T`.
        num_keys: Number of read positions `S`. Defaults to `T`.

    Returns:
        Boolean, `(T, S)`.

    >>> ops.convert_to_numpy(causal(2, 3)).tolist()
    [[True, True, False], [True, True, True]]
    """
    num_keys = num_queries if num_keys is None else num_keys
    return _steps_back(num_queries, num_keys) >= 0


def sliding_window(num_queries: int, num_keys: int | None = None, *, window: int) -> Tensor:
    """Lets each query read the keys fewer than `window` positions away, on either side.

    Args:
        num_queries: Number of asking positions `T`.
        num_keys: Number of read positions `S`. Defaults to `T`.
        window: Width in tokens, at least 1. With 1 a query reads its own position alone.

    Returns:
        Boolean, `(T, S)`. Combined with `causal` it is the window of Longformer and Mistral.
    """
    num_keys = num_queries if num_keys is None else num_keys
    return ops.absolute(_steps_back(num_queries, num_keys)) < window


def padding(lengths: Tensor, max_length: int) -> Tensor:
    """Marks the first `lengths[b]` tokens of each sequence as real.

    Args:
        lengths: Integer, `(B,)`. Number of real tokens.
        max_length: Number of positions of the padded sequence.

    Returns:
        Boolean, `(B, max_length)`.
    """
    steps = ops.expand_dims(ops.arange(max_length, dtype="int32"), 0)
    return steps < ops.expand_dims(ops.cast(lengths, "int32"), 1)


def combine(*masks: Tensor | None) -> Tensor | None:
    """Joins masks by logical and. `None` restricts nothing.

    Args:
        *masks: Boolean tensors that broadcast against each other, or `None`.

    Returns:
        Boolean tensor, or `None` if every mask is `None`.
    """
    joined = None
    for mask in masks:
        if mask is not None:
            mask = ops.cast(mask, "bool")
            joined = mask if joined is None else ops.logical_and(joined, mask)
    return joined
