"""From a SavedModel to an `.onnx` file.

`python -m keras_seqattn.edge.onnx.convert SAVED_MODEL OUT PRECISION` writes one. It needs tf2onnx,
onnx and onnxruntime.
"""

import graphlib
import os
import pathlib
import sys
import tempfile

import numpy as np

from keras_seqattn.edge.onnx import handlers
from keras_seqattn.edge.onnx.file import OPSET, PRECISIONS
from keras_seqattn.errors import explain, nearest

INT64 = 7               # ONNX's number of the type
NO_CLASS = 2**31 - 1    # an id beyond every class


def convert(saved_model: os.PathLike | str, out: os.PathLike | str, precision: str,
            examples: os.PathLike | str | None = None) -> None:
    """Writes a SavedModel as `.onnx` in the given precision.

    In `"dynamic_wi8_afp32"` these weights are int8:

    - those of matrix products, with one scale per column;
    - embeddings;
    - LSTMs.

    Two kinds stay float32:

    - convolutions, since ONNX Runtime's integer ones are slower;
    - embeddings beside a loop, since ONNX Runtime ends the process that loads them. A GRU is such
      a loop, and so is an LSTM that skips padding.

    Args:
        saved_model: Folder of the SavedModel, with static shapes.
        out: Path of the `.onnx` file.
        precision: One of `PRECISIONS`.
        examples: Not looked at: ranges are found as the file runs.

    An output that is named like an input is renamed, to `NAME_output`.

    Raises:
        ValueError: another precision, or an op that ONNX does not have.
    """
    if precision not in PRECISIONS:
        raise ValueError(explain("`precision` must be one that ONNX files have",
                                 precision=precision, fix=nearest(precision, PRECISIONS)))
    import onnx

    model = _to_onnx(saved_model)
    missing = sorted({node.op_type for node in model.graph.node
                      if not onnx.defs.has(node.op_type, node.domain)})
    if missing:
        raise ValueError(explain("every op must have a counterpart in ONNX", ops=missing,
                                 fix="replace the layer that it comes from"))
    if precision != "float32":
        model = _quantize(model)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, out)


def _quantize(model):
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    loops = any(attribute.HasField("g") for node in model.graph.node
                for attribute in node.attribute)
    kinds = ["MatMul", "LSTM", *([] if loops else ["Gather"])]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "int8.onnx"
        quantize_dynamic(model, path, op_types_to_quantize=kinds, per_channel=True,
                         weight_type=QuantType.QInt8)
        model = onnx.load(path)
    _sort(model.graph)
    return model


def _sort(graph):
    """Puts each node behind those that it reads from.

    ONNX's quantiser forgets what the nodes inside a loop read.
    """
    maker = {output: i for i, node in enumerate(graph.node) for output in node.output}
    sources = {i: {maker[name] for name in _reads(node) if name in maker}
               for i, node in enumerate(graph.node)}
    nodes = [graph.node[i] for i in graphlib.TopologicalSorter(sources).static_order()]
    graph.ClearField("node")
    graph.node.extend(nodes)


def _reads(node):
    yield from node.input
    for attribute in node.attribute:
        for inner in attribute.g.node:
            yield from _reads(inner)


def _to_onnx(saved_model):
    import tf2onnx
    from tf2onnx import tf_loader

    graph, inputs, outputs, names = tf_loader.from_saved_model(
        saved_model, None, None, tag="serve", signatures=["serving_default"],
        return_tensors_to_rename=True)
    for output in outputs:  # ONNX has one name for each value
        while list(names.values()).count(names[output]) > 1:
            names[output] += "_output"
    for function in graph.library.function:
        _add_rows(function)
    model, _ = tf2onnx.convert.from_graph_def(
        graph, input_names=inputs, output_names=outputs, tensors_to_rename=names, opset=OPSET,
        custom_op_handlers=handlers.HANDLERS)
    _ignore_negative(model.graph)
    return model


def _ignore_negative(graph):
    """Lets a negative id of a one-hot code give zeros, as in Keras; ONNX counts it from the end."""
    from onnx import helper, numpy_helper

    for place, node in reversed(list(enumerate(graph.node))):
        for attribute in node.attribute:
            _ignore_negative(attribute.g)
        if node.op_type != "OneHot":
            continue
        ids = f"{node.output[0]}/ids"
        for name, number in (("zero", 0), ("none", NO_CLASS)):
            graph.initializer.append(numpy_helper.from_array(np.int64(number), f"{ids}/{name}"))
        added = [helper.make_node("Cast", [node.input[0]], [ids], to=INT64),
                 helper.make_node("Less", [ids, f"{ids}/zero"], [f"{ids}/negative"]),
                 helper.make_node("Where", [f"{ids}/negative", f"{ids}/none", ids],
                                  [f"{ids}/positive"])]
        node.input[0] = f"{ids}/positive"
        for each in reversed(added):
            graph.node.insert(place, each)


def _add_rows(function):
    """Makes `BiasAdd(x, Squeeze(y))` of a loop's body `x + y`, which is the same.

    Keras adds so in a batch of one. tf2onnx sees an LSTM only where its two products are summed.
    """
    rows = {f"{node.name}:output:0": node.input[0] for node in function.node_def
            if node.op == "Squeeze"}
    outputs = {}
    for node in function.node_def:
        if node.op == "BiasAdd" and node.input[1] in rows:
            node.op, node.input[1] = "AddV2", rows[node.input[1]]
            del node.attr["data_format"]
            outputs[f"{node.name}:output:0"] = f"{node.name}:z:0"
    for node in function.node_def:
        node.input[:] = [outputs.get(each, each) for each in node.input]
    for name, each in function.ret.items():
        function.ret[name] = outputs.get(each, each)


if __name__ == "__main__":
    convert(*sys.argv[1:])
