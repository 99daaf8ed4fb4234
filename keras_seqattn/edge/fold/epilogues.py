"""What follows a product of matrices or a convolution, feature by feature, becomes part of it.

Factors and offsets of features move into kernel and bias, `(x·W + b)·f + o = x·(W·f) + (b·f + o)`.
A plain activation becomes the node's own. So a convolution with its batch norm and its ReLU is one
op, as it is in TensorFlow's files.
"""

import math

import keras
import numpy as np

from keras_seqattn.edge.graph.graph import Graph, Links, Node

# Where the features that a node makes lie in its kernel.
FEATURES = {"dense": (-1,), "conv": (-1,), "depthwise": (-2, -1), "conv_transpose": (-2,)}
ACTIVATED = {"relu": keras.activations.relu, "relu6": keras.activations.relu6,
             "tanh": keras.activations.tanh, "sigmoid": keras.activations.sigmoid,
             "gelu": keras.activations.gelu}


def join_epilogues(graph: Graph) -> None:
    """Moves factors, offsets and activations into the products that alone feed them."""
    links = Links(graph)
    readers = {value: len(links.users(value)) for node in graph.nodes for value in node.outputs}
    renamed: dict[int, int] = {}
    makers: dict[int, Node] = {}
    kept = []
    for node in graph.nodes:
        node.inputs = [renamed.get(value, value) for value in node.inputs]
        value = _joined(graph, node, makers, readers)
        if value is None:
            kept.append(node)
            makers.update(dict.fromkeys(node.outputs, node))
        else:
            renamed[node.outputs[0]] = value
            readers[value] = readers[node.outputs[0]]
            graph.outputs = {name: value if each == node.outputs[0] else each
                             for name, each in graph.outputs.items()}
    graph.nodes = kept


def _joined(graph, node, makers, readers):
    """The value that holds what a node made, if the node became part of a product before it."""
    for value in node.inputs:
        product = _product(graph, value, makers, readers)
        if product is None or product.settings.get("activation") is not None:
            continue
        if node.kind == "unary":
            return value if _activate(product, node) else None
        factors = affine(node, value, makers)
        shape = _features(product, makers[value])
        if factors is not None and all(_fits(array, *shape) for array in factors):
            _scale(product, *factors)
            return value
    return None


def _product(graph, value, makers, readers):
    """The product that makes a value which nothing else reads, be it in another shape."""
    while value in makers and readers[value] == 1 and not graph.is_output(value):
        maker = makers[value]
        if maker.kind in FEATURES:
            return maker
        if maker.kind != "reshape":
            return None
        value, = maker.inputs
    return None


def _activate(product, node):
    settings = dict(node.settings)
    activation = ACTIVATED.get(settings.pop("function"))
    if activation is None or any(settings.values()) or product.kind == "conv_transpose":
        return False
    product.settings["activation"] = activation
    return True


def affine(node: Node, value: int, makers: dict[int, Node],
           ) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns factor and offset by which a node makes its output of a value, or `None`."""
    if node.kind == "scale":
        return node.weights["factor"], node.weights["offset"]
    if node.kind == "shift":
        table = node.weights["table"][0]
        return np.ones((), table.dtype), table
    if node.kind not in ("binary", "add"):
        return None
    other = makers.get(node.inputs[1 - node.inputs.index(value)])
    if other is None or other.kind != "constant":
        return None
    constant, function = other.weights["value"], node.settings.get("function", "add")
    one, zero = np.ones((), constant.dtype), np.zeros((), constant.dtype)
    if function == "add":
        return one, constant
    if function == "subtract" and node.inputs[0] == value:
        return one, -constant
    if function == "multiply":
        return constant, zero
    if function == "divide" and node.inputs[0] == value and np.all(constant):
        return 1 / constant, zero
    return None


def _features(product, maker):
    """Axes of the features that a product makes, the last ones of its value, and the least rank.

    The value may be the product's own or what a reshape made of it. Where the features share an
    axis with positions there are none.
    """
    count = math.prod(product.weights["kernel"].shape[axis] for axis in FEATURES[product.kind])
    if maker is product:
        return (count,), 2 if product.kind == "dense" else 4
    shape = tuple(maker.settings["shape"])
    for axes in range(1, len(shape) + 1):
        if math.prod(shape[-axes:]) == count:
            return shape[-axes:], len(shape)
    return None, len(shape)


def _fits(array, features, rank):
    """Whether an array is one number, or one for each feature and alike for all positions."""
    shape = np.shape(array)
    return len(shape) <= rank and (
        math.prod(shape) == 1 or (features is not None and _bare(shape) == _bare(features)))


def _bare(shape):
    """A shape without the axes of size 1 in front."""
    while shape[:1] == (1,):
        shape = shape[1:]
    return shape


def _scale(product, factor, offset):
    """Multiplies what a product makes by a factor and adds an offset."""
    kernel, bias = product.weights["kernel"], product.weights.get("bias")
    axes = FEATURES[product.kind]
    count = math.prod(kernel.shape[axis] for axis in axes)
    factor, offset = (np.broadcast_to(np.reshape(array, -1), count).astype(kernel.dtype)
                      for array in (factor, offset))
    around = [kernel.shape[axis] if axis - kernel.ndim in axes else 1
              for axis in range(kernel.ndim)]
    if (factor != 1).any():
        product.weights["kernel"] = kernel * factor.reshape(around)
        bias = None if bias is None else bias * factor
    if offset.any():
        bias = offset if bias is None else bias + offset
    if bias is not None:
        product.weights["bias"] = bias
