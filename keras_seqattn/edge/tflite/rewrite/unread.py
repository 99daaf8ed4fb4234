"""Constants that no op reads, which a converter leaves when it moves their reader into a loop.

They share their bytes with the constant in the loop. A quantizer turns those into integers and
leaves the type of what is not read, so that its size is wrong and no runtime loads the file.
"""


def without(flat):
    """Empties each constant that no op reads and no graph returns.

    Args:
        flat: Bytes of a `.tflite` file.

    Returns:
        Bytes of a `.tflite` file that computes the same; `flat` itself if all is read.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(flat)
    unread = [tensor for graph in model.subgraphs for tensor in _unread(model, graph)]
    if not unread:
        return flat
    for tensor in unread:
        tensor.buffer = 0                             # the empty one
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _unread(model, graph):
    read = {int(place) for op in graph.operators for place in op.inputs}
    read |= {int(place) for place in (*graph.inputs, *graph.outputs)}
    for place, tensor in enumerate(graph.tensors):
        data = model.buffers[tensor.buffer].data
        if place not in read and data is not None and len(data):
            yield tensor
