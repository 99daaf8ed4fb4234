"""What was written and is not read after all leaves a file before it is saved."""

import typing


def drop_unread(model: typing.Any) -> None:
    """Removes the ops whose outputs nothing reads, and the tensors that no op is left for.

    Args:
        model: Table `ModelT` of a file; changes in place.
    """
    for place, graph in enumerate(model.subgraphs):
        used = set(graph.outputs)
        kept = []
        for op in reversed(graph.operators):
            if used & set(op.outputs):
                kept.append(op)
                used.update(op.inputs)
                used.update(op.outputs)
        graph.operators = kept[::-1]
        used.update(graph.inputs)
        left = [index for index in range(len(graph.tensors)) if index in used]
        number = {-1: -1, **{index: new for new, index in enumerate(left)}}
        graph.tensors = [graph.tensors[index] for index in left]
        graph.inputs, graph.outputs = (
            [number[index] for index in each] for each in (graph.inputs, graph.outputs))
        for op in graph.operators:
            op.inputs, op.outputs = (
                [number[index] for index in each] for each in (op.inputs, op.outputs))
        for each in model.signatureDefs:
            if each.subgraphIndex == place:
                for port in (*each.inputs, *each.outputs):
                    port.tensorIndex = number[port.tensorIndex]
