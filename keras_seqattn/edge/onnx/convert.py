"""ONNX files: written, read and run.

`python -m keras_seqattn.edge.onnx.convert SAVED_MODEL OUT PRECISION` writes one.

Running a file needs onnxruntime alone; writing one needs tf2onnx and onnx too.
"""

import collections
import graphlib
import json
import pathlib
import sys
import tempfile

import numpy as np

from keras_seqattn.errors import explain, nearest

PRECISIONS = ("float32", "dynamic_wi8_afp32")
OPSET = 17
RUNTIME = "1.12"  # ONNX Runtime's first release with that opset
CONTRACT = "contract"


def convert(saved_model, out, precision):
    """Writes a SavedModel as `.onnx` in the given precision.

    In `"dynamic_wi8_afp32"` the weights of matrix products (one scale per column), of embeddings
    and of LSTMs are int8. Two kinds stay float32: convolutions, since ONNX Runtime's integer ones
    are slower, and embeddings beside a loop (a GRU, an LSTM that skips padding), since ONNX Runtime
    ends the process that loads them.

    Args:
        saved_model: Folder of the SavedModel, with static shapes.
        out: Path of the `.onnx` file.
        precision: One of `PRECISIONS`.

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
    """Puts each node behind those that it reads from; ONNX's quantiser forgets those of loops."""
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
    for function in graph.library.function:
        _add_rows(function)
    model, _ = tf2onnx.convert.from_graph_def(
        graph, input_names=inputs, output_names=outputs, tensors_to_rename=names, opset=OPSET,
        custom_op_handlers={"Erfc": (_erfc, [])})
    return model


def _add_rows(function):
    """Makes `BiasAdd(x, Squeeze(y))` of a loop's body `x + y`, which is the same.

    Keras adds so in a batch of one; tf2onnx sees an LSTM only where its two products are summed.
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


def _erfc(graph, node, name, _):
    """Handles TensorFlow's Erfc for tf2onnx, which does not know it, by ONNX's Erf.

    TensorFlow's GELU is `x/2 · erfc(-x · c)` with `c = 1/√2`. ONNX Runtime computes a GELU at once
    where it finds `x/2 · (1 + erf(x / √2))`, so that is written; for others, `1 - erf(x)`.
    """
    from tf2onnx.utils import make_name, map_onnx_to_numpy_type

    dtype = map_onnx_to_numpy_type(node.output_dtypes[0])
    replaced = {"outputs": node.output, "shapes": node.output_shapes, "dtypes": node.output_dtypes}
    scaled, (value,) = node.inputs[0], node.input

    def constant(number):
        return graph.make_const(make_name(name), np.array(number, dtype)).output[0]

    def erf(tensor):
        return graph.make_node("Erf", [tensor]).output[0]

    graph.remove_node(name)
    if (scaled.type == "Mul" and scaled.inputs[0].type == "Neg" and scaled.inputs[1].is_const()
            and np.ndim(scaled.inputs[1].get_tensor_value()) == 0):
        divisor = constant(1 / scaled.inputs[1].get_tensor_value())
        quotient = graph.make_node("Div", [scaled.inputs[0].input[0], divisor]).output[0]
        graph.make_node("Add", [erf(quotient), constant(1)], **replaced)
    else:
        graph.make_node("Sub", [constant(1), erf(value)], **replaced)


def write(path, contract):
    """Writes a contract, a dictionary for JSON, into an `.onnx` file, in place of any it has."""
    import onnx

    model = onnx.load(path)
    entries = {entry.key: entry.value for entry in model.metadata_props}
    onnx.helper.set_model_props(model, {**entries, CONTRACT: json.dumps(contract, indent=1)})
    onnx.save(model, path)


def read(path):
    """Returns the contract of an `.onnx` file; empty if it has none."""
    return session(path, threads=1).contract


def minimum(path):
    """First release of ONNX Runtime that runs the files written here."""
    return RUNTIME


def facts(file):
    """Counts what an `.onnx` file is made of.

    Args:
        file: Path of a file that `session` can load.

    Returns:
        `{"ops", "max_rank", "opset", "weight_bytes"}`: name of each op (after its domain, if it is
        not ONNX's own) to its count, largest rank of a tensor, version of ONNX's ops, bytes of the
        constant numbers, indices and shapes left out.
    """
    import onnx

    model = onnx.shape_inference.infer_shapes(onnx.load(file))
    graph = model.graph
    ops = collections.Counter(
        f"{node.domain}.{node.op_type}" if node.domain else node.op_type for node in graph.node)
    shapes = [value.type.tensor_type.shape.dim
              for value in (*graph.input, *graph.output, *graph.value_info)]
    shapes += [tensor.dims for tensor in graph.initializer]
    versions = {each.domain: each.version for each in model.opset_import}
    held = (onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer)
    return {"ops": dict(sorted(ops.items())), "max_rank": max(map(len, shapes)),
            "opset": versions[""], "weight_bytes": sum(
                array.nbytes for array in held if array.dtype not in ("int32", "int64", "bool"))}


def session(file, threads=2):
    """Loads an `.onnx` file.

    Args:
        file: Path of the file.
        threads: CPU threads to run on.

    Returns:
        `Session`.

    Raises:
        ValueError: the file is missing or is no whole `.onnx` file.
    """
    return Session(file, threads)


class Session:
    """An `.onnx` file as a function of named arrays; `session` makes it.

    Attributes:
        inputs: Name of each input to its `{"shape", "dtype"}`; an unknown size is -1.
        outputs: The same of the outputs.
        contract: What the file says of itself; empty if nothing.
    """

    def __init__(self, file, threads):
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as state

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(
                str(file), options, providers=["CPUExecutionProvider"])
            entries = self._session.get_modelmeta().custom_metadata_map
            self.contract = json.loads(entries.get(CONTRACT, "{}"))
        except (state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf,
                state.NoSuchFile, state.NotImplemented, state.RuntimeException,
                ValueError) as error:
            raise ValueError(explain(
                "`file` must be an .onnx file that ONNX Runtime can run", file=str(file),
                error=" ".join(str(error).split()), fix="export it again")) from error
        self.inputs = _describe(self._session.get_inputs())
        self.outputs = _describe(self._session.get_outputs())

    def run(self, **arrays):
        """Returns an array for each output, of one for each input in its shape and dtype."""
        return dict(zip(self.outputs, self._session.run(list(self.outputs), arrays), strict=True))


def _describe(values):
    named = {"float": "float32", "double": "float64"}
    kinds = {value.name: value.type.removeprefix("tensor(").removesuffix(")") for value in values}
    return {value.name: {
        "shape": tuple(size if isinstance(size, int) else -1 for size in value.shape),
        "dtype": np.dtype(named.get(kinds[value.name], kinds[value.name]))} for value in values}


if __name__ == "__main__":
    convert(*sys.argv[1:])
