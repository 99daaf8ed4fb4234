"""Loops that run until a condition fails: those of decoding."""

import typing

import keras

from keras_seqattn import borrowed
from keras_seqattn.edge.graph.graph import Graph
from keras_seqattn.edge.lower.call import Call
from keras_seqattn.edge.lower.lowering import Lowering


def _while(lowering: Lowering, call: Call, inputs: list[int]) -> typing.Any:
    operation, structure = call.operation, call.named()["loop_vars"]
    values = [lowering.value(each) for each in keras.tree.flatten(structure)]
    limit = operation.maximum_iterations
    if limit is not None:
        values.append(lowering.value(0, "int32"))

    def packed(flat):
        loop = flat if limit is None else flat[:-1]
        return keras.tree.pack_sequence_as(structure, list(loop))

    def goes_on(*flat):
        holds = operation.cond(*packed(flat))
        return holds if limit is None else keras.ops.logical_and(holds, flat[-1] < limit)

    def once(*flat):
        made = keras.tree.flatten(operation.body(*packed(flat)))
        return made if limit is None else [*made, flat[-1] + 1]

    specs = [lowering.spec(value) for value in values]
    condition, read = lowering.body(goes_on, *specs)
    body, more = lowering.body(once, *specs)
    captured = list(dict.fromkeys((*read, *more)))
    for graph, own in ((condition, read), (body, more)):
        _place(graph, len(values), own, captured)
    made = lowering.add_many(
        len(values), "while", call.name, [*values, *captured], condition=condition, once=body,
        num_loop=len(values))
    return packed(made)


def _place(graph: Graph, num_loop: int, own: list[int], captured: list[int]) -> None:
    """Names the inputs of a part of a loop by their places among all that the loop reads."""
    names = list(map(str, range(num_loop))) + [
        str(num_loop + captured.index(value)) for value in own]
    graph.inputs = dict(zip(names, graph.inputs.values(), strict=True))


HANDLERS = {borrowed.operation("core.WhileLoop"): _while}
