"""From graphs to a `.tflite` file, without TensorFlow.

Each kind of node is written by one function of `WRITERS`. The function takes the body that is
written to, the tensors that the node reads, its weights and settings by name. It returns the tensor
that the node makes, or the list of them.
"""

import os

from keras_seqattn.edge.graph.graph import Graph
from keras_seqattn.edge.tflite.write import arithmetic, images, loops, moves, recurrent, tokens
from keras_seqattn.edge.tflite.write.body import Body, Content
from keras_seqattn.edge.tflite.write.loops import distinct
from keras_seqattn.edge.tflite.write.tensors import Tensor, Writers

SIGNATURE = "serving_default"   # of a file that has one
WRITERS: Writers = {
    **arithmetic.WRITERS, **moves.WRITERS, **tokens.WRITERS, **images.WRITERS,
    **recurrent.WRITERS, **loops.WRITERS}


def unknown(graph: Graph) -> list[str]:
    """Returns the names of the nodes that cannot be written."""
    return [node.name for node in graph.nodes if node.kind not in WRITERS]


def write(graphs: dict[str, Graph], path: str | os.PathLike) -> int:
    """Writes a file with one signature for each graph.

    Args:
        graphs: `Graph` by the name of its signature.
        path: Path of the file.

    Returns:
        Bytes of the weights.

    Cost: time and memory grow with the ops; constants are copied one at a time.
    """
    content = Content()
    for name, graph in graphs.items():
        body = content.body(name)
        inputs = {key: body.input(key, *graph.specs[key]) for key in graph.inputs}
        taken = {each.index for each in inputs.values()}
        # A constant leaves by a tensor of its own, since GPUs refuse to copy it.
        made = [distinct(body, [each], taken)[0] if each.array is None else body.own(each.array)
                for each in emit(body, graph, list(inputs.values()))]
        for each in made:
            body.output(each)
        content.sign(name, body, inputs, dict(zip(graph.outputs, made, strict=True)))
    content.save(path)
    return content.weight_bytes


def emit(body: Body, graph: Graph, inputs: list[Tensor]) -> list[Tensor]:
    """Writes the ops of a graph into a body.

    Args:
        body: Body that grows.
        graph: `Graph` of kinds that `WRITERS` has.
        inputs: Tensor of each input, in the order of the graph.

    Returns:
        Tensor of each output, in the order of the graph.
    """
    values = dict(zip(graph.inputs.values(), inputs, strict=True))
    for node in graph.nodes:
        body.scope = node.name
        made = WRITERS[node.kind](body, *(values[value] for value in node.inputs),
                                  **node.weights, **node.settings)
        values.update(zip(node.outputs, made if isinstance(made, list) else [made], strict=True))
    return [values[value] for value in graph.outputs.values()]
