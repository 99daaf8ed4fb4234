"""PyTorch's `nn.MultiheadAttention`."""

import os
import typing

import keras
import numpy as np

from keras_seqattn.checkpoints.weights.layers import fill, linear
from keras_seqattn.checkpoints.weights.state import State
from keras_seqattn.errors import check_count, explain
from keras_seqattn.layers import MultiHeadAttention

Source: typing.TypeAlias = os.PathLike | str | dict[str, typing.Any]


def multi_head_attention(state: Source, num_heads: int) -> MultiHeadAttention:
    """Loads `torch.nn.MultiheadAttention`, with any `kdim` and `vdim`, with biases or without.

    Args:
        state: State of the module: dictionary of arrays, or path of a `.safetensors` file.
        num_heads: Number of heads `N`, which no array tells.

    Returns:
        The layer, built. Called with `return_attention_scores=True` it also returns PyTorch's
        weights per head.

        - A padding mask is `key_mask`, inverted.
        - A mask `(B·N, T, S)` is `attention_mask`, inverted and reshaped to `(B, N, T, S)`.
        - A mask of floats is `attention_bias`.

    Raises:
        ValueError: an array is missing, has no place or has another shape. Or `num_heads` does not
            divide the width.

    Example:

    >>> state = {"in_proj_weight": np.ones((18, 6)), "out_proj.weight": np.ones((6, 6))}
    >>> multi_head_attention(state, num_heads=2).key_dim
    3
    """
    arrays = State(state)
    embed_dim = arrays.shape("out_proj.weight", 2)[0]
    widths = [embed_dim] * 3
    if _is_split(arrays):
        widths = [arrays.shape(f"{name}_proj_weight", 2)[1] for name in "qkv"]
    query, key, value = ((None, None, width) for width in widths)
    layer = MultiHeadAttention(num_heads, head_size(embed_dim, num_heads),
                               use_bias="in_proj_bias" in arrays)
    layer.build(query, value, key)
    fill_attention(layer, arrays, embed_dim, widths)
    arrays.finish()
    return layer


def fill_attention(layer: keras.Layer, state: State, embed_dim: int, widths: list[int]) -> None:
    """Sets attention from the arrays of `nn.MultiheadAttention`.

    Args:
        layer: The layer, built.
        state: `State` of the arrays.
        embed_dim: Width of the query and of the output.
        widths: Widths of query, key and value.

    Raises:
        ValueError: as for `State.take`.
    """
    if _is_split(state):
        kernels = [state.take(f"{name}_proj_weight", embed_dim, width)
                   for name, width in zip("qkv", widths, strict=True)]
    else:
        kernels = np.split(state.take("in_proj_weight", 3 * embed_dim, embed_dim), 3)
    biases = (np.split(state.take("in_proj_bias", 3 * embed_dim), 3) if layer.use_bias
              else [None] * 3)
    projections = (layer.query_dense, layer.key_dense, layer.value_dense)
    for dense, kernel, bias in zip(projections, kernels, biases, strict=True):
        fill(dense, kernel.T, bias)
    fill(layer.output_dense, *linear(state, "out_proj", embed_dim, embed_dim, layer.use_bias))


def _is_split(state: State) -> bool:
    """Whether query, key and value have kernels of their own, since their widths differ."""
    return any(f"{name}_proj_weight" in state for name in "qkv")


def head_size(embed_dim: int, num_heads: int) -> int:
    """Returns the size of a head, if the number of heads divides the width.

    Raises:
        ValueError: it does not.
    """
    check_count(num_heads=num_heads)
    if embed_dim % num_heads:
        raise ValueError(explain(
            "`num_heads` must divide the width of the checkpoint", num_heads=num_heads,
            embed_dim=embed_dim, fix="pass the number of heads it was trained with"))
    return embed_dim // num_heads
