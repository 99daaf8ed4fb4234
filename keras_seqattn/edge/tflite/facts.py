"""What a `.tflite` file is made of, and what devices make of that.

Of the file alone come ops, shapes and sizes. Of its runs come partitions and ranges of values.
"""

import collections
import itertools
import pathlib
import typing

import numpy as np

from keras_seqattn.edge.contract.facts import Facts
from keras_seqattn.edge.tflite import reader, runtimes, schema, session
from keras_seqattn.edge.tflite.converter import process
from keras_seqattn.edge.tflite.file import File, Op, Signature, Tensor

MAX_RANK = 4
HALF_LARGEST = 65_504
EXAMPLES = 8
LARGE = 1 << 28      # bytes of a file whose weights are not held beside all activations
CLIPPED_SHARE = 0.25     # GELU alone puts a tenth of its values at its lower end
# Released GPU delegates refuse these, and one refused op takes the whole model off the GPU.
REFUSED_BY_GPUS = {"BROADCAST_TO", "GATHER_ND", "RELU_0_TO_1", "SELECT", "SELECT_V2", "SPLIT",
                   "SPLIT_V"}
VARIABLES = {"ASSIGN_VARIABLE", "READ_VARIABLE", "VAR_HANDLE"}


class Loaded(typing.Protocol):
    """What is asked of a file that was loaded, see `run.runner.Runner`."""

    file: pathlib.Path
    inputs: dict[str, typing.Any]

    @property
    def backend(self) -> typing.Any:
        """`session.Session` of the file."""

    @property
    def interpreter(self) -> typing.Any:
        """LiteRT's interpreter."""

    def __call__(self, inputs: dict[str, np.ndarray]) -> typing.Any:
        """Runs examples one after the other."""


def tflite_facts(runner: Loaded, *examples: dict[str, np.ndarray]) -> Facts:
    """Reads a `.tflite` file and runs it once more, every tensor kept.

    The second run sees at most 8 examples. It takes the plain kernels, which are some times slower
    than XNNPACK, and holds all activations of one example at once.

    Args:
        runner: `Runner` of the file.
        *examples: Array `(n, …)` by input name. Of several signatures such arrays for each, in the
            order of the file. A file that writes sequences is not looked into.

    Returns:
        `Facts`.
    """
    file = reader.read(runner.file)
    facts = Facts(
        ops=dict(sorted(collections.Counter(op.name for op in file.ops).items())),
        custom_ops=sorted({op.name for op in file.ops if op.code.custom}),
        signatures=list(runner.interpreter.get_signature_list()),
        max_rank=max(len(tensor.shape) for tensor in file.tensors),
        partitions=0,
        weight_bytes=file.weight_bytes)
    _judge_shapes(facts, file)
    _judge_ops(facts, file)
    _judge_outputs(facts, file)
    if not facts.custom_ops:
        _count_partitions(facts, runner, examples[0])
        if file.content.nbytes > LARGE:
            runner.backend.close()  # its packed weights, while all activations are held
            process.give_back()
        if len(facts.signatures) == len(examples):
            _judge_values(facts, runner, file, examples)
    return facts


def _judge_shapes(facts: Facts, file: File) -> None:
    outer = [tensor for graph in file.run for tensor in (*graph.inputs, *graph.outputs)]
    dynamic = [tensor.name for tensor in outer if -1 in tensor.shape]
    if dynamic:
        facts.failures.append(f"shapes are not static: {', '.join(dynamic)}")
    inner = sum(-1 in tensor.shape for tensor in file.tensors) - len(dynamic)
    if inner > 0:
        facts.warnings.append(f"{inner} inner tensors have shapes known only at run time")
    if facts.max_rank > MAX_RANK:
        facts.warnings.append(
            f"a tensor has rank {facts.max_rank}; GPUs take {MAX_RANK} at most")
    batched = _names(tensor for graph in file.run for tensor in graph.inputs
                     if tensor.shape and tensor.shape[0] > 1)
    if batched:
        facts.warnings.append(f"GPUs need a batch of 1: {', '.join(batched)}")


def _names(tensors: typing.Iterable[Tensor]) -> list[str]:
    """Names of tensors, which several signatures may have in common."""
    return list(dict.fromkeys(tensor.name for tensor in tensors))


def _judge_ops(facts: Facts, file: File) -> None:
    ops = file.ops
    flex = [name for name in facts.custom_ops if name.startswith("Flex")]
    custom = [name for name in facts.custom_ops if name not in flex]
    transposed = _names(op.outputs[0] for op in ops if op.transposed)
    variables = sorted(VARIABLES & set(facts.ops))
    checks = [
        (flex, f"Flex ops cannot run in LiteRT: {', '.join(flex)}"),
        (custom, f"custom ops run only where somebody adds them: {', '.join(custom)}"),
        (variables, f"weights are variables that the file does not hold: {', '.join(variables)}"),
    ]
    facts.failures += [text for failed, text in checks if failed]
    refused = sorted(REFUSED_BY_GPUS & set(facts.ops))
    flat = _names(op.outputs[0] for op in ops
                  if op.name == "BATCH_MATMUL" and len(op.outputs[0].shape) == 3)
    sums = {op.outputs[0] for op in ops if op.name == "ADD"}
    reused = _names(tensor for graph in file.run for tensor in graph.outputs
                    if graph.users(tensor) and (len(tensor.shape) == 3 or tensor in sums))
    doubts = [
        (transposed, "TensorFlow Lite's GPU delegate ignores the transpose flag of a BATCH_MATMUL "
                     "and silently gives wrong numbers, LiteRT's accelerator is right: "
                     f"{', '.join(transposed)}"),
        (refused, f"released GPU delegates refuse {', '.join(refused)}"),
        (flat, "GPUs were seen to compute wrong numbers for BATCH_MATMUL of rank 3, not of rank "
               f"4: {', '.join(flat)}"),
        (reused, "GPUs were seen to give wrong numbers for an output that the graph reads on: "
                 f"{', '.join(reused)}"),
    ]
    facts.warnings += [text for doubtful, text in doubts if doubtful]


def _judge_outputs(facts: Facts, file: File) -> None:
    """LiteRT's CompiledModel loses a name whose tensor has another, or never reads the input."""
    facts.failures += [
        f"signature {signature.name}: output {name} is the tensor of {owner}, which CompiledModel "
        "misses; each output must be a tensor of its own"
        for signature in file.signatures for owner, name in signature.shared]
    misread = runtimes.misread_convolutions(file)
    if misread:
        facts.warnings.append(
            "TensorFlow Lite 2.19 and LiteRT 1.1 to 1.3 misread the float32 bias of convolutions "
            f"by float16 weights: {', '.join(misread[:EXAMPLES])}")


def _count_partitions(facts: Facts, runner: Loaded, examples: dict[str, np.ndarray]) -> None:
    runner({name: array[:1] for name, array in examples.items()})   # delegates are lazy
    facts.partitions = schema.planned_ops(runner.interpreter).count("DELEGATE")
    if facts.partitions != 1:
        facts.warnings.append(
            f"XNNPACK runs {facts.partitions} partitions; each border costs time")


def _judge_values(facts: Facts, runner: Loaded, file: File,
                  examples: tuple[dict[str, np.ndarray], ...]) -> None:
    largest: tuple[float, str | None] = (0.0, None)
    first_nan = None
    clipped = collections.defaultdict(list)
    summed = _summed(file.ops)
    seen = itertools.chain.from_iterable(
        _values(runner, file, signature, each)
        for signature, each in zip(file.signatures, examples, strict=True))
    for tensor, array in seen:
        if array.dtype.kind == "f":
            magnitude = _magnitude(array) * summed.get(tensor, 1)
            largest = max(largest, (magnitude, tensor.name), key=lambda pair: pair[0])
            if first_nan is None and np.isnan(array).any():
                first_nan = tensor.name
        elif tensor.dtype in ("int8", "int16") and len(tensor.scales) == 1:
            clipped[tensor.name].append(_clipped(array, tensor))
    if first_nan is not None:
        facts.failures.append(f"NaN first appears in {first_nan}")
    if largest[1] is not None:
        facts.largest_value = {"tensor": largest[1], "value": largest[0]}
    if largest[0] > HALF_LARGEST:
        facts.warnings.append(
            f"{largest[1]} reaches {largest[0]:.3g}; GPUs that compute in 16 bits hold "
            f"{HALF_LARGEST:,} at most, sums included")
    shares = {name: float(np.mean(each)) for name, each in clipped.items()}
    facts.clipped = {name: round(share, 6) for name, share in sorted(
        shares.items(), key=lambda pair: -pair[1]) if share}
    often = [f"{name} ({share:.0%})" for name, share in facts.clipped.items()
             if share > CLIPPED_SHARE]
    if often:
        facts.warnings.append(
            f"calibration was too narrow, values are clipped: {', '.join(often)}")


def _values(runner: Loaded, file: File, signature: Signature, examples: dict[str, np.ndarray],
            ) -> typing.Iterator[tuple[Tensor, np.ndarray]]:
    """Yields each tensor of a signature with its array, one run after the other."""
    main = signature.graph
    made = [*main.inputs, *(tensor for op in main.ops for tensor in op.outputs)]
    constants = [tensor for tensor in main.tensors
                 if tensor.is_constant and tensor.dtype.startswith("float")]
    first = {name: np.asarray(array[:EXAMPLES], runner.inputs[name]["dtype"])
             for name, array in examples.items()}
    place = next(place for place, graph in enumerate(file.graphs) if graph is main)
    for value in session.kept_runs(runner.file, first, signature.name, place):
        for tensor in itertools.chain(made, constants):
            try:
                array = value(tensor.index)
            except ValueError:  # what a loop hands to its body
                continue
            yield tensor, array
        constants = []


def _summed(ops: list[Op]) -> dict[Tensor, int]:
    """How many numbers each mean adds up: its sum is what a 16-bit accumulator must hold."""
    return {op.outputs[0]: int(np.prod(op.given[0].shape) / np.prod(op.outputs[0].shape))
            for op in ops if op.name == "MEAN"}


def _magnitude(array: np.ndarray) -> float:
    finite = array if np.isfinite(array).all() else array[np.isfinite(array)]
    return float(max(finite.max(), -finite.min())) if finite.size else 0.0


def _clipped(array: np.ndarray, tensor: Tensor) -> float:
    """Share of values at an end of the range, unless that end is the number 0."""
    ends = np.iinfo(tensor.dtype)
    low = ends.min + (tensor.zero_points[0] == 0)
    at_low = (array <= low) & (low != tensor.zero_points[0])
    at_high = (array == ends.max) & (ends.max != tensor.zero_points[0])
    return float(np.mean(at_low | at_high)) if array.size else 0.0
