"""PyTorch's `nn.Transformer`, and its encoder alone."""

import typing

import keras
from keras import ops

from keras_seqattn.checkpoints.torch.attention import Source, fill_attention, head_size
from keras_seqattn.checkpoints.weights.layers import fill, fill_norm, linear
from keras_seqattn.checkpoints.weights.state import State
from keras_seqattn.layers import TransformerDecoderBlock, TransformerEncoderBlock


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
    head_size(embed_dim, num_heads)
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


def transformer_encoder(state: Source, num_heads: int, norm: str = "post",
                        activation: str = "relu", epsilon: float = 1e-5,
                        use_causal_mask: bool = False) -> keras.Model:
    """Loads `torch.nn.TransformerEncoder`, with a final norm or without.

    Args:
        state: As for `transformer`.
        num_heads: As for `transformer`.
        norm: As for `transformer`.
        activation: As for `transformer`.
        epsilon: As for `transformer`, also of the final norm.
        use_causal_mask: Whether a position reads only those up to itself.

    Returns:
        A functional model. It reads a dictionary of `source` and `source_mask`, as for
        `transformer`, and returns what PyTorch does, `(B, S, D)`. What it returns at padded
        positions has no meaning: PyTorch makes zeros of it in some calls.

    Raises:
        ValueError: as for `transformer`.
    """
    arrays = State(state)
    mlp_dim, embed_dim = arrays.shape("layers.0.linear1.weight", 2)
    use_bias = "layers.0.linear1.bias" in arrays
    head_size(embed_dim, num_heads)
    source = keras.Input((None, embed_dim), name="source")
    source_mask = keras.Input((None,), dtype="bool", name="source_mask")
    blocks = [TransformerEncoderBlock(
        num_heads, mlp_dim, norm=norm, activation=activation, epsilon=epsilon, use_bias=use_bias,
        name=f"encoder_{i}") for i in range(arrays.count("layers."))]
    x = source
    for block in blocks:
        x = block(x, attention_mask=ops.expand_dims(source_mask, 1),
                  use_causal_mask=use_causal_mask)
    for i, block in enumerate(blocks):
        _fill_block(block, arrays.under(f"layers.{i}."), embed_dim, mlp_dim, use_bias)
    if "norm.weight" in arrays:
        last = keras.layers.LayerNormalization(epsilon=epsilon, name="encoder_norm")
        x = last(x)
        fill_norm(last, arrays, "norm", embed_dim, "norm.bias" in arrays)
    arrays.finish()
    return keras.Model({"source": source, "source_mask": source_mask}, x,
                       name="transformer_encoder")


def _fill_block(block: keras.Layer, state: State, embed_dim: int, mlp_dim: int,
                use_bias: bool) -> None:
    if isinstance(block, TransformerEncoderBlock):
        attentions = {"self_attn": block.attention}
        norms = [block.attention_norm, block.feed_forward_norm]
    else:
        attentions = {"self_attn": block.self_attention, "multihead_attn": block.cross_attention}
        norms = [block.self_attention_norm, block.cross_attention_norm, block.feed_forward_norm]
    for name, attention in attentions.items():
        fill_attention(attention, state.under(f"{name}."), embed_dim, [embed_dim] * 3)
    for i, norm in enumerate(norms, 1):
        fill_norm(norm, state, f"norm{i}", embed_dim, use_bias)
    fill(block.feed_forward.hidden_dense,
         *linear(state, "linear1", embed_dim, mlp_dim, use_bias))
    fill(block.feed_forward.output_dense,
         *linear(state, "linear2", mlp_dim, embed_dim, use_bias))
