"""How loops are written that run until a condition fails, and updates at computed places."""

import numpy as np

from keras_seqattn.edge.graph.graph import Graph
from keras_seqattn.edge.tflite.write.arithmetic import ints
from keras_seqattn.edge.tflite.write.body import Body
from keras_seqattn.edge.tflite.write.tensors import Tensor, Writers


def write_while(body: Body, *values: Tensor, condition: Graph, once: Graph, num_loop: int,
                ) -> list[Tensor]:
    """Writes a loop. Its bodies are given what they only read as well, and hand it on."""
    from keras_seqattn.edge.tflite.write.writer import emit

    name = body.scope
    test = body.content.body(f"{name}/condition")
    given = _inputs(test, name, values)
    test.output(emit(test, condition, [given[int(place)] for place in condition.inputs])[0])
    inner = body.content.body(f"{name}/body")
    given = _inputs(inner, name, values)
    made = emit(inner, once, [given[int(place)] for place in once.inputs])
    for each in distinct(inner, [*made, *given[num_loop:]], set()):
        inner.output(each)
    left = body.op("WHILE", *values, condSubgraphIndex=test.index, bodySubgraphIndex=inner.index)
    left = left if isinstance(left, list) else [left]
    return left[:num_loop]


def _inputs(body, name, values):
    body.scope = name
    return [body.input(f"{name}/{place}", each.shape, each.dtype)
            for place, each in enumerate(values)]


def distinct(body: Body, tensors: list[Tensor], taken: set[int]) -> list[Tensor]:
    """Returns the tensors with a copy of each that is a constant or stands there already.

    Args:
        body: Body that grows.
        tensors: Tensors that leave it.
        taken: Numbers of the tensors that may not leave as they are.
    """
    found = []
    for each in tensors:
        if each.array is not None or each.index in taken:
            each = _copy(body, each)
        taken.add(each.index)
        found.append(each)
    return found


def _copy(body, tensor):
    if tensor.shape:
        return body.op("RESHAPE", tensor, body.constant(ints(tensor.shape)),
                       newShape=list(tensor.shape))
    if tensor.dtype == "bool":
        return body.op("LOGICAL_OR", tensor, body.constant(np.zeros((), bool)))
    return body.op("ADD", tensor, body.constant(np.zeros((), tensor.dtype)),
                   fusedActivationFunction="NONE")


def write_update(body: Body, x: Tensor, part: Tensor, *places: Tensor) -> Tensor:
    """Writes `part` into a copy of `x` at places that are computed."""
    starts = body.op("PACK", *places, axis=0, valuesCount=len(places))
    return body.op("DYNAMIC_UPDATE_SLICE", x, part, starts)


WRITERS: Writers = {"while": write_while, "update": write_update}
