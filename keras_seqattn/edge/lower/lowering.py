"""From a functional Keras model to a `Graph`: layers that folding understands become nodes.

What is not understood stays a call of the layer itself, so every model can be exported; the graph's
notes say which layers those are. Layers under a padding mask are left as they are.
"""

import inspect

import keras
import numpy as np

from keras_seqattn import layers
from keras_seqattn.edge.graph.graph import Graph
from keras_seqattn.edge.lower import convolutions, recurrent


def lower(model, dtype="float32", fuse=True):
    """Lowers a model.

    Args:
        model: Built functional `keras.Model`.
        dtype: Dtype of the graph's weights; float64 to prove a rewriting exact.
        fuse: Whether recurrent layers take the form that TFLite fuses.

    Returns:
        `Graph` that computes what the model does at inference.
    """
    model = getattr(model, "_functional", model)
    graph = Graph()
    lowering = _Lowering(graph, dtype, fuse)
    values = {}
    for tensor in model.inputs:
        values[id(tensor)] = graph.inputs[tensor.name] = graph.new_value()
    lowering.walk(model, values)
    names = sorted(model.output) if isinstance(model.output, dict) else model.output_names
    tensors = keras.tree.flatten(model.output)
    graph.outputs = {name: values[id(tensor)]
                     for name, tensor in zip(names, tensors, strict=True)}
    graph.drop_unread()
    left = [node.name for node in graph.nodes if node.kind == "call"
            and not isinstance(node.settings["operation"], _RECURRENT)]
    if left:
        graph.notes.append(f"left as they are: {', '.join(dict.fromkeys(left))}")
    return graph


class _Lowering:
    """Adds the nodes of a model's layers to a graph; one method for each kind of layer."""

    def __init__(self, graph, dtype, fuse):
        self.graph = graph
        self.dtype = dtype
        self.fuse = fuse

    def walk(self, model, values):
        """Lowers each call of a functional model, in order; `values` grows by tensor."""
        model = getattr(model, "_functional", model) or model
        for depth in sorted(model._nodes_by_depth, reverse=True):
            for node in model._nodes_by_depth[depth]:
                if not node.is_input:
                    made = self.lower_call(node, values)
                    values.update(zip(map(id, node.outputs), made, strict=True))

    def lower_call(self, node, values):
        """Returns the values that one call of an operation makes."""
        operation, tensors = node.operation, node.arguments.keras_tensors
        inputs = [values[id(tensor)] for tensor in tensors]
        masked = any(getattr(tensor, "_keras_mask", None) is not None for tensor in tensors)
        if isinstance(operation, _RECURRENT):
            return self.recurrent(operation, inputs, node, masked)
        handler = _HANDLERS.get(type(operation))
        if getattr(operation, "quantization_mode", None):
            handler = None
        if isinstance(operation, keras.Model):
            handler = _Lowering.model
        made = None if handler is None or masked else handler(self, operation, inputs, node)
        if made is None:
            made = self.call(operation, inputs, node)
        return made if isinstance(made, list) else [made]

    def call(self, operation, inputs, node, function=None):
        """A call of the operation itself, or of what does the same on a device."""
        made = self.graph.add(
            "call", operation.name, inputs, num_outputs=len(node.outputs), operation=operation,
            arguments=node.arguments, tensors=node.arguments.keras_tensors, function=function)
        return made if isinstance(made, list) else [made]

    def recurrent(self, layer, inputs, node, masked):
        if not self.fuse:
            return self.call(layer, inputs, node)
        given = {name: value for name, value in _arguments(node).items() if name != "sequences"}
        steps = node.arguments.keras_tensors[0].shape[1]
        function, sentence = recurrent.lowered(
            layer, {**given, "mask": True if masked else None}, steps)
        self.graph.notes.append(sentence)
        return self.call(layer, inputs, node, function)

    def array(self, variable, *shape):
        """A variable's value as NumPy, reshaped; `None` stays `None`."""
        if variable is None:
            return None
        array = keras.ops.convert_to_numpy(variable).astype(self.dtype)
        return array.reshape(shape) if shape else array

    def model(self, model, inputs, node):
        inner = getattr(model, "_functional", model)
        if inner is None or not hasattr(inner, "_nodes_by_depth"):
            return None
        values = dict(zip(map(id, inner.inputs), inputs, strict=True))
        self.walk(inner, values)
        return [values[id(tensor)] for tensor in keras.tree.flatten(inner.output)]

    def same(self, operation, inputs, node):
        return inputs[0]

    def add(self, operation, inputs, node):
        shapes = {tensor.shape for tensor in node.arguments.keras_tensors}
        if len(inputs) < 2 or len(shapes) > 1:
            return None
        total = inputs[0]
        for value in inputs[1:]:
            total = self.graph.add("add", operation.name, [total, value])
        return total

    def dense(self, layer, inputs, node=None, name=None, kernel=None, scale=None):
        name = name or layer.name
        kernel = self.array(layer.kernel) if kernel is None else kernel
        bias = None if layer.bias is None else self.array(layer.bias, -1)
        if scale is not None:  # a LayerScale behind it
            factors = self.array(scale.gamma)
            kernel, bias = kernel * factors, bias if bias is None else bias * factors
        return self.graph.add("dense", name, inputs, {"kernel": kernel, "bias": bias},
                              activation=_activation(layer))

    def conv(self, layer, inputs, node=None, name=None):
        plain = (layer.groups == 1 and set(layer.dilation_rate) == {1}
                 and layer.data_format == "channels_last")
        if not plain:
            return None
        weights = {"kernel": self.array(layer.kernel), "bias": self.array(layer.bias)}
        return self.graph.add("conv", name or layer.name, inputs, weights, padding=layer.padding,
                              strides=layer.strides, activation=_activation(layer))

    def patches(self, layer, inputs, node):
        convolutions = [*getattr(layer, "_convolutions", []), layer._projection]
        for each in convolutions:
            inputs = [self.conv(each, inputs, name=f"{layer.name}/{each.name}")]
        grid = [side // layer.patch_size for side in node.arguments.keras_tensors[0].shape[1:3]]
        return self.graph.add("tokens", layer.name, inputs, grid=grid)

    def class_token(self, layer, inputs, node):
        return self.graph.add("prepend", layer.name, inputs, {"token": self.array(layer.token)})

    def positions(self, layer, inputs, node):
        length, given = node.outputs[0].shape[1], _arguments(node)
        if length is None or set(given) - {"inputs", "images"}:  # a `start` that is not 0
            return None
        if "images" in given:
            table, inputs = layer.resized(**given), inputs[:1]
        else:
            table = layer.embeddings if hasattr(layer, "embeddings") else layer._table
        table = self.array(table)[None, :length]
        return self.graph.add("shift", layer.name, inputs, {"table": table})

    def norm(self, layer, inputs, node=None, name=None):
        if list(layer.axis) not in ([-1], [len(node.outputs[0].shape) - 1] if node else None):
            return None
        is_rms = isinstance(layer, keras.layers.RMSNormalization)
        weights = {"scale": self.array(layer.scale)} if is_rms else {
            "scale": self.array(layer.gamma), "offset": self.array(layer.beta)}
        return self.graph.add("norm", name or layer.name, inputs, weights, epsilon=layer.epsilon,
                              centred=is_rms)

    def attention(self, layer, inputs, node):
        given = _arguments(node)
        causal = given.pop("use_causal_mask", False)
        if set(given) - {"query", "value", "key"} or len(node.outputs) > 1:
            return None
        if any(len(tensor.shape) != 3 for tensor in node.arguments.keras_tensors):
            return None
        known = dict(zip(map(id, node.arguments.keras_tensors), inputs, strict=True))
        query, value = known[id(given["query"])], known[id(given["value"])]
        key = known[id(given.get("key", given["value"]))]
        return self.projected_attention(layer, layer.name, query, value, key, causal)

    def projected_attention(self, layer, name, query, value, key, causal, scale=None):
        """Four dense nodes and the product between them, `None` for unusual forms."""
        gated = getattr(layer, "use_gate", False) or getattr(layer, "_use_gate", False)
        # Keras' own layer aligns windows and causal masks to the start, not to the end.
        aligned = isinstance(layer, layers.MultiHeadAttention) or not (
            getattr(layer, "_sliding_window", None) or (causal and query != value))
        if gated or not aligned or len(layer.output_dense.kernel.shape) != 3:
            return None
        projected = []
        for label, source in (("query", query), ("key", key), ("value", value)):
            dense = getattr(layer, f"{label}_dense")
            kernel = self.array(dense.kernel, dense.kernel.shape[0], -1)
            projected.append(self.dense(dense, [source], name=f"{name}/{label}", kernel=kernel))
        read = self.graph.add(
            "attention", f"{name}/product", projected, num_heads=layer.num_heads,
            num_kv_heads=getattr(layer, "num_kv_heads", layer.num_heads),
            scale=layer.key_dim ** -0.5, causal=bool(causal),
            window=getattr(layer, "sliding_window", None), with_scores=False)
        out = layer.output_dense
        kernel = self.array(out.kernel, -1, out.kernel.shape[-1])
        return self.dense(out, [read], name=f"{name}/output", kernel=kernel, scale=scale)

    def encoder_block(self, block, inputs, node):
        given = _arguments(node)
        causal = given.pop("use_causal_mask", False)
        if set(given) != {"inputs"}:
            return None
        x, name = inputs[0], block.name

        def attention(y):
            return self.projected_attention(
                block.attention, f"{name}/attention", y, y, y, causal, block.attention_scale)

        def feed_forward(y):
            return self.feed_forward(block.feed_forward, [y], name=f"{name}/feed_forward",
                                     scale=block.feed_forward_scale)

        for norm, branch in ((block.attention_norm, attention),
                             (block.feed_forward_norm, feed_forward)):
            def normed(y, norm=norm):
                return self.norm(norm, [y], name=f"{name}/{norm.name}")

            branch_name = f"{name}/{branch.__name__}_sum"
            if block.norm == "pre":
                x = self.graph.add("add", branch_name, [x, branch(normed(x))])
            else:
                x = normed(self.graph.add("add", branch_name, [x, branch(x)]))
        return x

    def feed_forward(self, layer, inputs, node=None, name=None, scale=None):
        name = name or layer.name
        hidden = self.dense(layer.hidden_dense, inputs, name=f"{name}/hidden")
        return self.dense(layer.output_dense, [hidden], name=f"{name}/output", scale=scale)

    def mean(self, layer, inputs, node):
        plain = layer.data_format == "channels_last" and not layer.keepdims
        return self.graph.add("mean", layer.name, inputs) if plain else None

    def first_tokens(self, layer, inputs, node):
        return self.graph.add("first", layer.name, inputs, count=layer.num_tokens)

    def cropping(self, layer, inputs, node):
        start, end = layer.cropping
        length = node.outputs[0].shape[1]
        if not end:
            return self.graph.add("rest", layer.name, inputs, count=start)
        if start or length is None:
            return None
        return self.graph.add("first", layer.name, inputs, count=length)

    def flatten(self, layer, inputs, node):
        shape = node.arguments.keras_tensors[0].shape
        if len(shape) != 3 or shape[1] != 1 or layer.data_format != "channels_last":
            return None
        return self.graph.add("flatten", layer.name, inputs)

    def up_sampling(self, layer, inputs, node):
        if (layer.interpolation != "nearest" or layer.data_format != "channels_last"
                or None in node.outputs[0].shape[1:]):
            return None
        rows, columns = layer.size
        return self.graph.add("repeat", layer.name, inputs, rows=rows, columns=columns)

    def scale(self, layer, inputs, node):
        factor, offset = (np.asarray(each, self.dtype) for each in (layer.scale, layer.offset))
        return self.graph.add("scale", layer.name, inputs, {"factor": factor, "offset": offset})


def _arguments(node):
    """What a call was given, by name, without what has no effect at inference."""
    bound = inspect.signature(node.operation.call).bind(
        *node.arguments.args, **node.arguments.kwargs).arguments
    return {name: value for name, value in bound.items() if name != "training"
            and value is not None and not (isinstance(value, int) and value == 0)}


def _activation(layer):
    activation = getattr(layer, "activation", None)
    return None if activation in (None, keras.activations.linear) else activation


def _add_operation():
    """The operation behind `a + b` of two symbolic tensors, which Keras does not name publicly."""
    a = keras.KerasTensor((1,))
    return type((a + a)._keras_history.operation)


_RECURRENT = (keras.layers.RNN, keras.layers.Bidirectional)
_HANDLERS = {
    layers.PatchEmbedding: _Lowering.patches,
    layers.ConvStem: _Lowering.patches,
    layers.ClassToken: _Lowering.class_token,
    layers.LearnedPositionEmbedding: _Lowering.positions,
    layers.PositionalEncoding: _Lowering.positions,
    layers.MultiHeadAttention: _Lowering.attention,
    layers.FeedForward: _Lowering.feed_forward,
    layers.TransformerEncoderBlock: _Lowering.encoder_block,
    keras.layers.MultiHeadAttention: _Lowering.attention,
    keras.layers.LayerNormalization: _Lowering.norm,
    keras.layers.RMSNormalization: _Lowering.norm,
    keras.layers.Dense: _Lowering.dense,
    keras.layers.Conv2D: _Lowering.conv,
    keras.layers.Add: _Lowering.add,
    keras.layers.Dropout: _Lowering.same,
    keras.layers.Identity: _Lowering.same,
    keras.layers.GlobalAveragePooling1D: _Lowering.mean,
    layers.FirstTokens: _Lowering.first_tokens,
    keras.layers.Cropping1D: _Lowering.cropping,
    keras.layers.Flatten: _Lowering.flatten,
    keras.layers.Rescaling: _Lowering.scale,
    keras.layers.UpSampling2D: _Lowering.up_sampling,
    _add_operation(): _Lowering.add,
    **convolutions.HANDLERS,
}
