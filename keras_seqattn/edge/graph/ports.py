"""What a file takes and gives beyond the model: 8-bit pixels in, a map of the attention out."""

import collections.abc
import typing

import keras
import numpy as np

from keras_seqattn.edge.graph.graph import Graph
from keras_seqattn.errors import explain

ATTENTION = "attention"


def take_pixels(graph: Graph, mean: float, std: float) -> None:
    """Lets a graph of one image take pixels 0 to 255, and normalise them itself.

    Args:
        graph: `Graph`; changes in place.
        mean: Subtracted from each pixel.
        std: Divides what remains.
    """
    name, = graph.inputs
    pixels = graph.new_value()
    weights = {"factor": np.float32(1 / std), "offset": np.float32(-mean / std)}
    images = graph.add("scale", "pixels", [pixels], weights)
    for node in graph.nodes[:-1]:
        node.inputs = [images if value == graph.inputs[name] else value for value in node.inputs]
    graph.nodes.insert(0, graph.nodes.pop())
    graph.inputs[name] = pixels
    graph.specs[name] = graph.specs[name][0], "uint8"


def attention_map(graph: Graph) -> None:
    """Adds the output `attention`, `(1, GH, GW)`: what share each patch gets in the last block.

    Args:
        graph: `Graph` of a Vision Transformer; changes in place.

    Raises:
        ValueError: the graph has no patches or no attention that reads all of them.
    """
    patches = [node for node in graph.nodes if node.kind == "tokens"]
    products = [node for node in graph.nodes if node.kind == "attention"]
    if not patches or not products:
        raise ValueError(explain(
            "a map of attention needs patches of an image and attention between them",
            patches=len(patches), attentions=len(products),
            fix="export a Vision Transformer, or leave attention=False"))
    last = products[-1]
    last.settings["with_scores"] = True
    last.outputs.append(graph.new_value())
    grid = patches[-1].settings["grid"]
    graph.made[ATTENTION] = (next(iter(graph.specs.values()))[0][0], *grid), "float32"
    graph.outputs[ATTENTION] = graph.add(
        "received", ATTENTION, [last.outputs[1]], grid=grid,
        num_prefix=_prefix(graph, last.inputs[1]),
        has_token=any(node.kind == "first" for node in graph.nodes))


def _prefix(graph, keys):
    """Number of tokens before the patches among keys: those put there, less those taken off."""
    count, needed = 0, {keys}
    for node in reversed(graph.nodes):
        if needed.isdisjoint(node.outputs):
            continue
        needed.update(node.inputs)
        if node.kind == "prepend":
            count += node.weights["token"].shape[1]
        elif node.kind == "rest":
            count -= node.settings["count"]
    return count


def as_pixels(array: typing.Any, mean: float, std: float) -> typing.Any:
    """Turns normalised images back into the pixels they came from, uint8.

    Args:
        array: Float array, or a dictionary of such arrays by name.
        mean: Subtracted from each pixel when the images were normalised.
        std: Divided what remained.

    Returns:
        Array of the same shape, or a dictionary of such arrays.
    """
    if isinstance(array, dict):
        return {name: as_pixels(each, mean, std) for name, each in array.items()}
    return np.clip(np.rint(np.asarray(array, "float64") * std + mean), 0, 255).astype("uint8")


def from_pixels(model: keras.Model, mean: float, std: float,
                ) -> collections.abc.Callable[[np.ndarray], typing.Any]:
    """Returns the model as a function of uint8 pixels."""
    def run(pixels):
        return model.predict(((pixels - mean) / std).astype("float32"), verbose=0)
    return run


def check_image(model: keras.Model) -> None:
    """Refuses to give an 8-bit input to what takes no single image.

    Raises:
        ValueError: the model has several inputs, or one that is no float32 image.
    """
    shapes = [tuple(each.shape) for each in model.inputs]
    kinds = {keras.backend.standardize_dtype(each.dtype) for each in model.inputs}
    if len(shapes) != 1 or len(shapes[0]) != 4 or kinds != {"float32"}:
        raise ValueError(explain(
            "image_input='uint8' needs a model of one float image", input_shapes=shapes,
            dtypes=sorted(kinds), fix="leave image_input at 'float32'"))
