"""Layers of attention, ours and Keras' own, and the blocks of an encoder."""

import keras

from keras_seqattn import borrowed, layers
from keras_seqattn.edge.lower.call import Unfit, given
from keras_seqattn.edge.lower.lowering import of_layer
from keras_seqattn.edge.lower.plain import dense, norm


def _ours(lowering, call, inputs):
    query, key, value, causal = _read(lowering, call)
    return _attention(lowering, call.operation, call.operation.name, query, key, value, causal)


def _keras(lowering, call, inputs):
    layer = call.operation
    query, key, value, causal = _read(lowering, call)
    if borrowed.uses_gate(layer):
        raise Unfit("its output is gated")
    if borrowed.sliding_window(layer) or (causal and query != value):
        raise Unfit("it counts positions from the start, not from the end")
    return _attention(lowering, layer, layer.name, query, key, value, causal)


def _read(lowering, call):
    """Values of query, key and value of a call, and whether it is causal."""
    named = given(call)
    causal = named.pop("use_causal_mask", False)
    if others := set(named) - {"query", "value", "key"}:
        raise Unfit(f"it is called with {', '.join(sorted(others))}")
    if any(len(tensor.shape) != 3 for tensor in call.tensors):
        raise Unfit("it reads tensors of another rank than 3")
    query, value, key = (lowering.value(named[name]) for name in (
        "query", "value", "key" if "key" in named else "value"))
    return query, key, value, bool(causal)


def _attention(lowering, layer, name, query, key, value, causal, scale=None):
    """Adds three projections, the product between them, and the projection of the output."""
    is_ours = isinstance(layer, layers.MultiHeadAttention)
    if is_ours and layer.use_gate:
        raise Unfit("its output is gated")
    out = layer.output_dense
    if len(out.kernel.shape) != 3:
        raise Unfit("its output has several axes of features")
    projected = []
    for label, x in (("query", query), ("key", key), ("value", value)):
        part = getattr(layer, f"{label}_dense")
        kernel = lowering.array(part.kernel, part.kernel.shape[0], -1)
        projected.append(dense(lowering, part, x, f"{name}/{label}", kernel))
    read = lowering.add(
        "attention", f"{name}/product", projected, num_heads=layer.num_heads,
        num_kv_heads=layer.num_kv_heads if is_ours else layer.num_heads,
        scale=layer.key_dim ** -0.5, causal=causal,
        window=layer.sliding_window if is_ours else None, with_scores=False)
    kernel = lowering.array(out.kernel, -1, out.kernel.shape[-1])
    return dense(lowering, out, read, f"{name}/output", kernel, scale)


def _feed_forward(lowering, layer, x, name, scale=None):
    hidden = dense(lowering, layer.hidden_dense, x, f"{name}/hidden")
    return dense(lowering, layer.output_dense, hidden, f"{name}/output", scale=scale)


def _encoder_block(lowering, call, inputs):
    block, named = call.operation, given(call)
    causal = bool(named.pop("use_causal_mask", False))
    if others := set(named) - {"inputs"}:
        raise Unfit(f"it is called with {', '.join(sorted(others))}")

    def attention(y, name):
        return _attention(
            lowering, block.attention, name, y, y, y, causal, block.attention_scale)

    def feed_forward(y, name):
        return _feed_forward(lowering, block.feed_forward, y, name, block.feed_forward_scale)

    x, = inputs
    x = _residual(lowering, block, x, attention, "attention")
    return _residual(lowering, block, x, feed_forward, "feed_forward")


def _residual(lowering, block, x, branch, label):
    """Adds what a branch makes of a value, with the block's norm of that branch."""
    name, layer = f"{block.name}/{label}", getattr(block, f"{label}_norm")

    def normed(y):
        return norm(lowering, layer, y, f"{block.name}/{layer.name}")

    if block.norm == "pre":
        return lowering.add("add", f"{name}_sum", [x, branch(normed(x), name)])
    return normed(lowering.add("add", f"{name}_sum", [x, branch(x, name)]))


HANDLERS = {
    layers.MultiHeadAttention: _ours,
    keras.layers.MultiHeadAttention: _keras,
    layers.FeedForward: of_layer(_feed_forward),
    layers.TransformerEncoderBlock: _encoder_block,
}
