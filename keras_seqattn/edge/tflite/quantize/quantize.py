"""From a float `.tflite` file to a quantised one: our ranges and roundings, its own ops.

Weights are moved onto integer grids and biases corrected in the float file; ranges of activations
are searched on calibration examples. AI Edge Quantizer then finds these grids and ranges again and
writes the file.
"""

import collections
import dataclasses
import pathlib
import re
import shutil

import numpy as np

from keras_seqattn.edge.precisions import ALL_PRECISIONS
from keras_seqattn.edge.tflite import reader
from keras_seqattn.edge.tflite.quantize import rounding
from keras_seqattn.edge.tflite.quantize.ranges import observe

DENSE, CONV, PRODUCT = "FULLY_CONNECTED", "CONV_2D", "BATCH_MATMUL"
LAYOUT = ("TRANSPOSE", "RESHAPE")
BLOCK = 32


def quantize(source, out, precision, examples=None):
    """Writes a quantised copy of a float32 `.tflite` file.

    Args:
        source: Path of the float file; its weights change in place.
        out: Path of the quantised file.
        precision: A key of `ALL_PRECISIONS`.
        examples: `{input: array (n, …)}` to calibrate on. Static precisions need them; the others
            round their weights better with them.
    """
    plan = ALL_PRECISIONS[precision]
    if plan.weights is None:
        shutil.copyfile(source, out)
        return
    file = _File(source)
    static = _static_ops(file, plan)
    ranges = None
    if examples is not None and plan.weights != "float16":
        dense = {op.inputs[0] for op in file.ops if _is_weighted(file, op) and op.name == DENSE}
        ranges, moments = observe(
            source, examples, _ranged(file, static), dense, squares=plan.weights == 4)
        _round_weights(file, plan, moments)
    elif plan.weights == 4:
        _round_weights(file, plan)
    file.save(source)
    others = [_File(source, index) for index in range(1, len(reader.subgraphs(source)))]
    _requantize([file, *others], source, out, plan, static, ranges)


def _is_weighted(file, op):
    return op.name in (DENSE, CONV, "EMBEDDING_LOOKUP") and op.inputs[1] in file.constants


def _ranged(file, static):
    """Names of the activations that become integers."""
    names = {name for op in static for name in (*op.inputs, *op.outputs)}
    return sorted(names - file.constants)


def _static_ops(file, plan):
    """The ops that compute on integers of fixed ranges."""
    chosen = []
    if plan.everything:  # AI Edge Quantizer 0.10 cannot join a constant to what was reshaped
        chosen += [op for op in file.ops
                   if op.name != "CONCATENATION" or not set(op.inputs) & file.constants]
    if plan.products:
        products = [op for op in file.ops
                    if op.name == PRODUCT and not set(op.inputs) & file.constants]
        chosen += products + _layout_ops(file, products)
    if plan.dense == "static":
        chosen += [op for op in file.ops if op.name == DENSE]
    return list(dict.fromkeys(chosen))


def _layout_ops(file, products):
    """What moves the numbers of products before and after them: a byte each, if done in int8."""
    found = []
    for op in products:
        for name in op.inputs:
            maker = file.makers.get(name)
            while (maker and maker.name in LAYOUT and len(file.users(maker.outputs[0])) == 1
                   and maker not in found):
                found.append(maker)
                maker = file.makers.get(maker.inputs[0])
        users = file.users(op.outputs[0])
        while len(users) == 1 and users[0].name in LAYOUT and users[0] not in found:
            found.append(users[0])
            users = file.users(users[0].outputs[0])
    return found


def _round_weights(file, plan, moments=None):
    """Moves the weights of dense layers and convolutions onto their grids, biases with them.

    A bias takes up what the error of the weights makes of the mean input.
    """
    for op in file.ops:
        weights = file.array(op.inputs[1]) if _is_weighted(file, op) else None
        if weights is None or op.name not in (DENSE, CONV) or file.is_shared(op.inputs[1]):
            continue
        flat = weights.reshape(len(weights), -1)                              # (E, D)
        bits, block = _grid(file, op, plan)
        known = moments is not None and op.name == DENSE
        bias = file.array(op.inputs[2]) if len(op.inputs) > 2 else None
        snapped = rounding.snap(
            flat, bits, block, moments.hessian(op.inputs[0]) if known and bits == 4 else None,
            bias if plan.dense == "static" else None)
        if known and bias is not None and not file.is_shared(op.inputs[2]):
            bias += ((flat - snapped) @ moments.mean(op.inputs[0])).astype(bias.dtype)
        weights[...] = snapped.reshape(weights.shape)


def _grid(file, op, plan):
    """Bits of an op's weights, and how many inputs share a step, `None` for all.

    Four bits are for whole blocks of dense layers: XNNPACK has kernels for nothing else.
    """
    if plan.weights == 4 and op.name != CONV and file.shape(op.inputs[1])[-1] % BLOCK == 0:
        return 4, BLOCK
    return (8 if plan.weights == 4 else plan.weights), None


def _requantize(graphs, source, out, plan, static, ranges):
    from ai_edge_quantizer import quantizer

    quantize = quantizer.Quantizer(str(source))
    looped = _weights_in_loops(graphs, reader.signature_graphs(source))
    found = [(graph, op) for graph in graphs for op in graph.ops]
    for graph, op in found:
        stored = len(graphs) > 1 and _is_delicate(graph, op, looped)
        config = _config(graph, op, plan, op in static, stored)
        key = "float_casting" if plan.weights == "float16" else "min_max_uniform_quantize"
        if config is not None and _has_kernel(op, config, key):
            quantize.update_quantization_recipe(
                "^" + ";".join(map(re.escape, op.outputs)) + ";?$", op.name, config, key)
    calibration = None
    if quantize.need_calibration:
        calibration = _calibration(graphs[0], plan, static, ranges)
    pathlib.Path(out).unlink(missing_ok=True)
    quantize.quantize(calibration, str(out), enable_progress_bar=False,
                      enable_progress_report=False)


def _has_kernel(op, config, key):
    """Whether AI Edge Quantizer can make integers of an op; what it cannot stays in float."""
    from ai_edge_quantizer import algorithm_manager

    try:
        algorithm_manager.check_op_quantization_config(key, op.name, config)
    except ValueError:
        return False
    return True


def _weights_in_loops(graphs, mains):
    """Places in the file of the weights that a loop reads: those of a step, wherever it is run."""
    return {graph.place(op.inputs[1]) for index, graph in enumerate(graphs) if index not in mains
            for op in graph.ops if op.name == DENSE and op.inputs[1] in graph.constants}


def _is_delicate(graph, op, looped):
    """Whether an op of a model that writes keeps its activations in float.

    What runs for each token does, since an error feeds back, and so do projections of one width,
    which attention's softmax follows; left are the wide layers of what runs once.
    """
    if op.name != DENSE or op.inputs[1] not in graph.constants:
        return False
    outputs, inputs = graph.shape(op.inputs[1])
    return outputs == inputs or graph.place(op.inputs[1]) in looped


def _config(file, op, plan, static, stored=False):
    """AI Edge Quantizer's settings for one op, or `None` to leave it in float."""
    from ai_edge_quantizer.qtyping import (
        ComputePrecision,
        OpQuantizationConfig,
        QuantGranularity,
        TensorDataType,
        TensorQuantizationConfig,
    )

    weighted = _is_weighted(file, op)
    if not static and not weighted:
        return None
    if plan.weights == "float16":
        return OpQuantizationConfig(
            weight_tensor_config=TensorQuantizationConfig(16, dtype=TensorDataType.FLOAT),
            compute_precision=ComputePrecision.FLOAT, explicit_dequantize=True)
    bits, block = _grid(file, op, plan) if weighted else (8, None)
    stored = stored or (plan.dense == "weight_only" and op.name == DENSE)
    if stored and bits == 8:
        return OpQuantizationConfig(
            weight_tensor_config=TensorQuantizationConfig(
                8, symmetric=True, granularity=QuantGranularity.CHANNELWISE),
            compute_precision=ComputePrecision.FLOAT, explicit_dequantize=True)
    granularity = QuantGranularity[f"BLOCKWISE_{block}" if block else "CHANNELWISE"]
    activation = None
    if static:
        activation = TensorQuantizationConfig(plan.activations, symmetric=plan.activations == 16)
    return OpQuantizationConfig(
        activation, TensorQuantizationConfig(bits, symmetric=True, granularity=granularity),
        ComputePrecision.INTEGER)


def _calibration(file, plan, static, ranges):
    """Ranges of all tensors that the recipe's ops touch, in AI Edge Quantizer's form."""
    symmetric = set()
    if plan.products:  # XNNPACK multiplies integers if the right one has no offset
        for op in file.ops:
            if op.name == PRODUCT:
                symmetric |= _same_range(file, op.inputs[1])
    found = {}
    for name in _ranged(file, static):
        found[name] = ranges.search(name, plan.activations, symmetric=name in symmetric)
    for op in file.ops:
        if op.name in LAYOUT and op.outputs[0] in found and op.inputs[0] in found:
            found[op.outputs[0]] = found[op.inputs[0]]
    levels = 2 ** (plan.activations - 1)
    for name in symmetric & set(found):
        low, high = found[name]
        found[name] = (low * levels / (levels - 1), high)  # the offset comes out as 0
    return {name: {"min": np.array([low], "float32"), "max": np.array([high], "float32")}
            for name, (low, high) in found.items()}


def _same_range(file, name):
    """A tensor and those it is a mere rearrangement of."""
    names = {name}
    maker = file.makers.get(name)
    while maker and maker.name in LAYOUT:
        names.add(maker.inputs[0])
        maker = file.makers.get(maker.inputs[0])
    return names


class _File:
    """One graph of a float file by names of tensors; its weights can be written to.

    Graph 0 is the main one; others are bodies of loops or belong to further signatures.
    """

    def __init__(self, path, index=0):
        graph = reader.subgraphs(path)[index]
        self.ops = [_Op(op.name, [tensor.name for tensor in op.inputs if tensor is not None],
                        [tensor.name for tensor in op.outputs]) for op in graph.ops]
        self._tensors = {tensor.name: tensor for tensor in graph.tensors}
        self.constants = {tensor.name for tensor in graph.tensors if tensor.bytes}
        self.makers = {name: op for op in self.ops for name in op.outputs}
        self._users = collections.defaultdict(list)
        for op in self.ops:
            for name in dict.fromkeys(op.inputs):
                self._users[name].append(op)
        self._bytes = np.fromfile(path, "uint8")
        self._views = reader.views(self._bytes, index)
        self._readers = collections.Counter(
            self.place(name) for op in self.ops for name in op.inputs if name in self.constants)

    def place(self, name):
        """Where the bytes of a tensor begin in the file: the same for all that share them."""
        start = self._views[self._tensors[name].index].__array_interface__["data"][0]
        return start - self._bytes.__array_interface__["data"][0]

    def users(self, name):
        return self._users[name]

    def is_shared(self, name):
        """Whether several ops read the bytes of a constant, under whatever names."""
        return self._readers[self.place(name)] > 1

    def shape(self, name):
        return self._tensors[name].shape

    def array(self, name):
        """The float32 values of a constant as a view that can be written to, else `None`."""
        if self._tensors[name].dtype != "float32":
            return None
        return self._views[self._tensors[name].index].view("float32").reshape(self.shape(name))

    def save(self, path):
        self._bytes.tofile(path)


@dataclasses.dataclass(eq=False)
class _Op:
    name: str
    inputs: list
    outputs: list
