"""Which ops of a float `.tflite` file become integers, and on which grids their weights lie."""

import collections.abc
import dataclasses
import difflib
import functools
import math
import typing

from keras_seqattn.edge.precisions import Precision
from keras_seqattn.edge.tflite.file import Buffer, File, Graph, Op, Tensor
from keras_seqattn.edge.tflite.quantize.names import covers, node
from keras_seqattn.errors import explain, nearest

DENSE, CONV, PRODUCT, TABLE = "FULLY_CONNECTED", "CONV_2D", "BATCH_MATMUL", "EMBEDDING_LOOKUP"
DEPTHWISE, TRANSPOSED, CUBES = "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "CONV_3D"
CHOICE, LSTM = "GATHER", "UNIDIRECTIONAL_SEQUENCE_LSTM"
LAYOUT = ("TRANSPOSE", "RESHAPE")
JOINS = ("CONCATENATION", "SELECT", "SELECT_V2")
BLOCK = 32
# Weights below which a convolution gains less than its activations cost to convert: where it reads
# one pixel at a time, and where it reads several. It stays in float, since GPUs refuse the op that
# would restore its weights.
SMALL, SMALL_WINDOW = 4096, 1024


class Weighted(typing.NamedTuple):
    """Where an op has weights that can become integers.

    Attributes:
        place: Of the weights among its inputs.
        bias: Place of its bias, or `None`.
        axis: The weights' axis of channels, each of which has a step of its own; counted from the
            end where ranks differ.
        blocks: Whether it computes on blocks of 4 bits.
    """

    place: int
    bias: int | None
    axis: int
    blocks: bool = False


WEIGHTED = {
    DENSE: Weighted(1, 2, 0, blocks=True), CONV: Weighted(1, 2, 0),
    TABLE: Weighted(1, None, 0, blocks=True), DEPTHWISE: Weighted(1, 2, 3),
    TRANSPOSED: Weighted(1, 3, 0), CUBES: Weighted(1, 2, -1)}
# Ops of activations, one operand of which may be a constant.
OPERANDS = {PRODUCT: Weighted(1, None, -1), CHOICE: Weighted(0, None, -1)}
FEWEST = 1024   # numbers of such a constant that are worth an op in front
STORED = (DEPTHWISE, TRANSPOSED)    # XNNPACK computes them in float at full speed, in int8 not
NO_KERNELS = (CUBES, PRODUCT, CHOICE)   # of integers, or none with a step for each channel


@dataclasses.dataclass(frozen=True)
class Plan:
    """What becomes of the ops of a file in a precision.

    Attributes:
        file: What `reader.read` gives of a float file.
        precision: The `Precision`.
        static: Ops of the main graph that compute on integers of fixed ranges.
        stored: Ops whose weights are stored as integers and computed with in float.
        kept: Ops that stay in float.
    """

    file: File
    precision: Precision
    static: tuple[Op, ...]
    stored: frozenset[Op]
    kept: frozenset[Op] = frozenset()

    @property
    def main(self) -> Graph:
        """The graph that is calibrated."""
        return self.file.graphs[0]

    @property
    def ranged(self) -> list[str]:
        """Names of the activations that become integers of fixed ranges."""
        return sorted({tensor.name for op in self.static for tensor in (*op.given, *op.outputs)
                       if not tensor.is_constant})

    @property
    def nodes(self) -> list[str]:
        """Names of the nodes that compute on integers, or whose weights are some."""
        return list(dict.fromkeys(
            node(op) for op in self.file.ops if self.becomes_integers(op) or op in self.static))

    @functools.cached_property
    def _looped(self) -> set[Buffer]:
        return _looped(self.file)

    def becomes_integers(self, op: Op) -> bool:
        """Whether an op has weights that become integers, or 16-bit floats."""
        return (is_weighted(op) or op.name == LSTM) and op not in self.kept

    def grid(self, op: Op) -> tuple[int, int | None]:
        """Returns the bits of an op's weights, and how many inputs share a step, `None` for all.

        Four bits are for whole blocks of dense layers: XNNPACK has kernels for nothing else. In
        loops, where an error feeds back, weights have 8.
        """
        four = self.precision.weights == 4 and row(op).blocks and weights(
            op).buffer not in self._looped
        return (4, BLOCK) if four and weights(op).shape[-1] % BLOCK == 0 else (8, None)


def make(file: File, precision: Precision,
         keep_float: collections.abc.Collection[str] = ()) -> Plan:
    """Plans a float file in a precision that is not float32.

    Args:
        file: What `reader.read` gives of a float file.
        precision: The `Precision`.
        keep_float: Patterns as `covers` takes them; what they cover stays in float.

    Raises:
        ValueError: a pattern covers nothing.
    """
    names = list(dict.fromkeys(map(node, file.ops)))
    for pattern in keep_float:
        if not any(covers(pattern, name) for name in names):
            raise ValueError(explain(
                "each name in `keep_float` must be that of a layer", keep_float=pattern,
                fix=nearest(pattern, difflib.get_close_matches(pattern, names, cutoff=0))))
    kept = {op for op in file.ops
            if any(covers(pattern, node(op)) for pattern in keep_float)}
    stored = {op for op in file.ops if op.name in (*STORED, *NO_KERNELS)
              or (precision.dense == "weight_only" and op.name == DENSE)}
    if isinstance(precision.weights, int) and not precision.everything:
        kept |= {op for op in file.ops if _is_small(op)}
    if len(file.graphs) > len(file.signatures):     # it has loops
        stored |= _delicate(file)
    static = tuple(op for op in _static(file.graphs[0], precision) if op not in kept)
    return Plan(file, precision, static, frozenset(stored), frozenset(kept))


def _is_small(op: Op) -> bool:
    if op.name != CONV or not is_weighted(op):
        return False
    _, height, width, _ = shape = weights(op).shape
    return math.prod(shape) < (SMALL if height == width == 1 else SMALL_WINDOW)


def is_weighted(op: Op) -> bool:
    """Whether an op reads a constant matrix that can become integers."""
    if op.name in OPERANDS:
        return is_float(weights(op)) and weights(op).buffer.size >= 4 * FEWEST
    return op.name in WEIGHTED and is_float(weights(op))


def is_float(tensor: Tensor | None) -> bool:
    """Whether a tensor is a constant of float32."""
    return tensor is not None and tensor.is_constant and tensor.dtype == "float32"


def row(op: Op) -> Weighted:
    """Returns where an op has its weights, if it may have some."""
    return WEIGHTED[op.name] if op.name in WEIGHTED else OPERANDS[op.name]


def weights(op: Op) -> Tensor:
    """Returns the operand of an op that is its weights, if it has any."""
    return typing.cast(Tensor, op.inputs[row(op).place])


def axis(op: Op) -> int:
    """Returns the axis of an op's weights whose places have a step of their own."""
    if op.name == CHOICE:
        return op.options["axis"]
    place = -2 if op.name == PRODUCT and op.options.get("adjY") else row(op).axis
    return place % len(weights(op).shape)


def bias(op: Op) -> Tensor | None:
    """Returns the bias of an op with weights, or `None`."""
    place = row(op).bias
    return None if place is None or len(op.inputs) <= place else op.inputs[place]


def rearranged(graph: Graph, tensor: Tensor) -> list[Tensor]:
    """Returns a tensor and those it is a mere rearrangement of."""
    found = [tensor]
    maker = graph.maker(tensor)
    while maker and maker.name in LAYOUT:
        found.append(maker.given[0])
        maker = graph.maker(found[-1])
    return found


def _static(graph: Graph, precision: Precision) -> list[Op]:
    """The ops that compute on integers of fixed ranges."""
    chosen: list[Op] = []
    if precision.everything:
        # AI Edge Quantizer 0.10 cannot join a constant to what was reshaped, and gives a constant
        # factor one step for all channels.
        chosen += [op for op in graph.ops if not (
            op.name in (*JOINS, *OPERANDS) and _reads_constant(op))]
    if precision.products:
        products = [op for op in graph.ops if op.name == PRODUCT and not _reads_constant(op)]
        chosen += products + _layout(graph, products)
    if precision.dense == "static":
        chosen += [op for op in graph.ops if op.name == DENSE]
    return list(dict.fromkeys(chosen))


def _reads_constant(op: Op) -> bool:
    return any(tensor.is_constant for tensor in op.given)


def _layout(graph: Graph, products: list[Op]) -> list[Op]:
    """What moves the numbers of products before and after them: a byte each, if done in int8."""
    found: list[Op] = []
    for op in products:
        for tensor in op.given:
            maker = graph.maker(tensor)
            while (maker and maker.name in LAYOUT and len(graph.users(maker.outputs[0])) == 1
                   and maker not in found):
                found.append(maker)
                maker = graph.maker(maker.given[0])
        users = graph.users(op.outputs[0])
        while len(users) == 1 and users[0].name in LAYOUT and users[0] not in found:
            found.append(users[0])
            users = graph.users(users[0].outputs[0])
    return found


def _delicate(file: File) -> set[Op]:
    """The ops of a model that writes which keep their activations in float.

    What runs for each token does, since an error feeds back. So do projections of one width, which
    attention's softmax follows. Left are the wide layers of what runs once.
    """
    looped = _looped(file)
    return {op for op in file.ops if op.name == DENSE and is_weighted(op) and (
        weights(op).shape[0] == weights(op).shape[1] or weights(op).buffer in looped)}


def _looped(file: File) -> set[Buffer]:
    """The weights that are read in loops: in graphs that no signature runs itself."""
    run = {signature.graph for signature in file.signatures}
    return {weights(op).buffer for graph in file.graphs if graph not in run for op in graph.ops
            if is_weighted(op)}
