"""Weights of PyTorch's `nn.MultiheadAttention`, `nn.LSTM` and `nn.Transformer`.

Every loader takes the module's `state_dict()`, or the path of a `.safetensors` file of it. It
reads all sizes from the arrays.

Masks must be inverted: PyTorch's say `True` where nothing may be read, ours where something may.
Batches come first, as with `batch_first=True`.
"""

import os
import typing

import keras
import numpy as np
from keras import ops

from keras_seqattn.checkpoints.weights.filling import hand_over
from keras_seqattn.checkpoints.weights.layers import fill, fill_norm, linear
from keras_seqattn.checkpoints.weights.state import State
from keras_seqattn.errors import check_count, explain
from keras_seqattn.layers import (
    MultiHeadAttention,
    TransformerDecoderBlock,
    TransformerEncoderBlock,
)

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
    layer = MultiHeadAttention(num_heads, _head_size(embed_dim, num_heads),
                               use_bias="in_proj_bias" in arrays)
    layer.build(query, value, key)
    _fill_attention(layer, arrays, embed_dim, widths)
    arrays.finish()
    return layer


def lstm(state: Source) -> keras.Model:
    """Loads `torch.nn.LSTM`, of any number of layers, in one direction or both.

    Args:
        state: State of the module: dictionary of arrays, or path of a `.safetensors` file.

    Returns:
        A functional model of Keras' own LSTMs. Padding stands at the end.

        It reads a dictionary:

        - `inputs`: Float, `(B, T, D)`.
        - `mask`: Boolean, `(B, T)`, with `True` for a real token. `None` is without padding.

        It returns a dictionary, in PyTorch's order:

        - `outputs`: `(B, T, directions · units)`, zero behind the end as of a packed sequence.
        - `hidden`: Final state, `(B, layers · directions, units)`.
        - `cell`: Final state, of the same shape.

    Raises:
        ValueError: an array is missing, has no place or has another shape. Projections of the
            hidden state have no place.
    """
    arrays = State(state)
    num_layers, units = arrays.count("weight_ih_l"), arrays.shape("weight_hh_l0", 2)[1]
    use_bias = "bias_ih_l0" in arrays
    ends = ["", "_reverse"] if "weight_ih_l0_reverse" in arrays else [""]
    x = inputs = keras.Input((None, arrays.shape("weight_ih_l0", 2)[1]), name="inputs")
    mask = keras.Input((None,), dtype="bool", name="mask", optional=True)
    finals, cells = [], []
    for number in range(num_layers):
        outputs, width = [], x.shape[-1]
        for end in ends:
            layer = keras.layers.LSTM(
                units, use_bias=use_bias, return_sequences=True, return_state=True,
                zero_output_for_mask=True, go_backwards=bool(end),
                name=f"lstm_{number}{end}")
            output, *final = layer(x, mask=mask)
            outputs.append(ops.flip(output, axis=1) if end else output)
            finals.append(final)
            cells.append((layer.cell, f"l{number}{end}", width))
        x = ops.concatenate(outputs, axis=-1) if len(ends) > 1 else outputs[0]
    hidden, cell = (ops.stack(each, axis=1) for each in zip(*finals, strict=True))
    model = keras.Model({"inputs": inputs, "mask": mask},
                        {"outputs": x, "hidden": hidden, "cell": cell}, name="lstm")
    for each, end, width in cells:
        _fill_cell(each, arrays, end, width)
    arrays.finish()
    return model


def _fill_cell(cell: keras.layers.LSTMCell, state: State, end: str, width: int) -> None:
    gates = 4 * cell.units
    hand_over(cell.kernel, state.take(f"weight_ih_{end}", gates, width).T)
    hand_over(cell.recurrent_kernel, state.take(f"weight_hh_{end}", gates, cell.units).T)
    if cell.use_bias:  # PyTorch adds two; both have the gates in Keras' order i, f, g, o
        hand_over(cell.bias, state.take(f"bias_ih_{end}", gates)
                  + state.take(f"bias_hh_{end}", gates))


def transformer(state: Source, num_heads: int, norm: str = "post", activation: str = "relu",
                epsilon: float = 1e-5, use_causal_mask: bool = True) -> keras.Model:
    """Loads `torch.nn.Transformer`, encoder and decoder with their final norms.

    Args:
        state: State of the module: dictionary of arrays, or path of a `.safetensors` file.
        num_heads: Number of heads `N`, which is PyTorch's `nhead`.
        norm: `"pre"` if PyTorch's `norm_first`, else `"post"`.
        activation: Name of the function inside the feed-forward networks, as PyTorch has it.
        epsilon: PyTorch's `layer_norm_eps`.
        use_causal_mask: Whether a target position reads only those up to itself.

    Returns:
        A functional model.

        It reads a dictionary:

        - `source`: Float, `(B, S, D)`.
        - `source_mask`: Boolean, `(B, S)`, with `True` for a real token.
        - `target`: Float, `(B, T, D)`.
        - `target_mask`: Boolean, `(B, T)`, with `True` for a real token.

        It returns a dictionary:

        - `memory`: `(B, S, D)`.
        - `output`: `(B, T, D)`.

    Raises:
        ValueError: an array is missing, has no place or has another shape. Or `num_heads` does not
            divide the width. Or `norm` is unknown.
    """
    arrays = State(state)
    mlp_dim, embed_dim = arrays.shape("encoder.layers.0.linear1.weight", 2)
    use_bias = "encoder.layers.0.linear1.bias" in arrays
    _head_size(embed_dim, num_heads)
    options: dict[str, typing.Any] = {
        "num_heads": num_heads, "mlp_dim": mlp_dim, "norm": norm, "use_bias": use_bias,
        "activation": activation, "epsilon": epsilon}
    stacks = {
        stack: [block(name=f"{stack}_{i}", **options)
                for i in range(arrays.count(f"{stack}.layers."))]
        for stack, block in (("encoder", TransformerEncoderBlock),
                             ("decoder", TransformerDecoderBlock))}
    norms = {stack: keras.layers.LayerNormalization(epsilon=epsilon, name=f"{stack}_norm")
             for stack in stacks}
    model = _connect(stacks, norms, embed_dim, use_causal_mask)
    for stack, blocks in stacks.items():
        for i, block in enumerate(blocks):
            _fill_block(block, arrays.under(f"{stack}.layers.{i}."), embed_dim, mlp_dim, use_bias)
        fill_norm(norms[stack], arrays, f"{stack}.norm", embed_dim, use_bias)
    arrays.finish()
    return model


def _connect(stacks: dict, norms: dict, embed_dim: int, use_causal_mask: bool) -> keras.Model:
    """The model of the blocks of both stacks and of the norm behind each."""
    source, target = (keras.Input((None, embed_dim), name=name) for name in ("source", "target"))
    source_mask, target_mask = (keras.Input((None,), dtype="bool", name=name)
                                for name in ("source_mask", "target_mask"))
    # As PyTorch does, lets a padded position read too: only what is read is masked.
    source_readable, target_readable = (
        ops.expand_dims(mask, 1) for mask in (source_mask, target_mask))
    memory, output = source, target
    for block in stacks["encoder"]:
        memory = block(memory, attention_mask=source_readable)
    memory = norms["encoder"](memory)
    for block in stacks["decoder"]:
        output = block(output, memory, attention_mask=target_readable, memory_mask=source_mask,
                       use_causal_mask=use_causal_mask)
    output = norms["decoder"](output)
    return keras.Model(
        {"source": source, "target": target, "source_mask": source_mask,
         "target_mask": target_mask},
        {"memory": memory, "output": output}, name="transformer")


def _fill_block(block: keras.Layer, state: State, embed_dim: int, mlp_dim: int,
                use_bias: bool) -> None:
    if isinstance(block, TransformerEncoderBlock):
        attentions = {"self_attn": block.attention}
        norms = [block.attention_norm, block.feed_forward_norm]
    else:
        attentions = {"self_attn": block.self_attention, "multihead_attn": block.cross_attention}
        norms = [block.self_attention_norm, block.cross_attention_norm, block.feed_forward_norm]
    for name, attention in attentions.items():
        _fill_attention(attention, state.under(f"{name}."), embed_dim, [embed_dim] * 3)
    for i, norm in enumerate(norms, 1):
        fill_norm(norm, state, f"norm{i}", embed_dim, use_bias)
    fill(block.feed_forward.hidden_dense,
         *linear(state, "linear1", embed_dim, mlp_dim, use_bias))
    fill(block.feed_forward.output_dense,
         *linear(state, "linear2", mlp_dim, embed_dim, use_bias))


def _fill_attention(layer: keras.Layer, state: State, embed_dim: int, widths: list[int]) -> None:
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


def _head_size(embed_dim: int, num_heads: int) -> int:
    check_count(num_heads=num_heads)
    if embed_dim % num_heads:
        raise ValueError(explain(
            "`num_heads` must divide the width of the checkpoint", num_heads=num_heads,
            embed_dim=embed_dim, fix="pass the number of heads it was trained with"))
    return embed_dim // num_heads
