"""Constants that no op reads, which a converter leaves when it moves their reader into a loop.

Such a constant shares its bytes with the constant in the loop. A quantiser turns the latter into
integers and leaves the type of what is not read. So the size of the former is wrong, and no runtime
loads the file.
"""

import typing

from keras_seqattn.edge.tflite.rewrite.model import EMPTY


def remove(model: typing.Any) -> bool:
    """Empties each constant that no op reads and no graph returns.

    Args:
        model: What `schema.unpacked` returns; it computes the same afterwards.

    Returns:
        Whether there was any.
    """
    unread = [tensor for graph in model.subgraphs for tensor in _unread(model, graph)]
    for tensor in unread:
        tensor.buffer = EMPTY
    return bool(unread)


def _unread(model, graph):
    read = {int(place) for op in graph.operators for place in op.inputs}
    read |= {int(place) for place in (*graph.inputs, *graph.outputs)}
    for place, tensor in enumerate(graph.tensors):
        data = model.buffers[tensor.buffer].data
        if place not in read and data is not None and len(data):
            yield tensor
