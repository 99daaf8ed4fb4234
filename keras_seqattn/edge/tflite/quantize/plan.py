"""Which ops of a float `.tflite` file become integers, and on which grids their weights lie."""

import dataclasses
import itertools

from keras_seqattn.edge.precisions import Precision
from keras_seqattn.edge.tflite.file import File, Graph, Op, Tensor

DENSE, CONV, PRODUCT, TABLE = "FULLY_CONNECTED", "CONV_2D", "BATCH_MATMUL", "EMBEDDING_LOOKUP"
LAYOUT = ("TRANSPOSE", "RESHAPE")
BLOCK = 32


@dataclasses.dataclass(frozen=True)
class Plan:
    """What becomes of the ops of a file in a precision.

    Attributes:
        file: What `reader.read` gives of a float file.
        precision: The `Precision`.
        static: Ops of the main graph that compute on integers of fixed ranges.
        stored: Ops whose weights are stored as integers and computed with in float.
    """

    file: File
    precision: Precision
    static: tuple[Op, ...]
    stored: frozenset[Op]

    @property
    def main(self) -> Graph:
        """The graph that is calibrated."""
        return self.file.graphs[0]

    @property
    def ranged(self) -> list[str]:
        """Names of the activations that become integers of fixed ranges."""
        return sorted({tensor.name for op in self.static for tensor in (*op.given, *op.outputs)
                       if not tensor.is_constant})

    def grid(self, op: Op) -> tuple[int, int | None]:
        """Returns the bits of an op's weights, and how many inputs share a step, `None` for all.

        Four bits are for whole blocks of dense layers: XNNPACK has kernels for nothing else.
        """
        four = self.precision.weights == 4 and op.name != CONV
        return (4, BLOCK) if four and weights(op).shape[-1] % BLOCK == 0 else (8, None)


def make(file: File, precision: Precision) -> Plan:
    """Plans a float file in a precision that is not float32."""
    stored = {op for op in file.ops if precision.dense == "weight_only" and op.name == DENSE}
    if len(file.graphs) > 1:
        stored |= _delicate(file)
    return Plan(file, precision, tuple(_static(file.graphs[0], precision)), frozenset(stored))


def is_weighted(op: Op) -> bool:
    """Whether an op reads a constant matrix that becomes integers."""
    return op.name in (DENSE, CONV, TABLE) and weights(op).is_constant


def weights(op: Op) -> Tensor:
    """Returns the second operand of an op, its weights if it has any."""
    return op.given[1]


def bias(op: Op) -> Tensor | None:
    """Returns the bias of a dense layer or convolution, or `None`."""
    return op.inputs[2] if len(op.inputs) > 2 else None


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
    if precision.everything:  # AI Edge Quantizer 0.10 cannot join a constant to what was reshaped
        chosen += [op for op in graph.ops if op.name != "CONCATENATION" or not _reads_constant(op)]
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
    run = {signature.graph for signature in file.signatures}
    loops = itertools.chain.from_iterable(
        graph.ops for graph in file.graphs if graph not in run)
    looped = {weights(op).buffer for op in loops if op.name == DENSE and is_weighted(op)}
    return {op for op in file.ops if op.name == DENSE and is_weighted(op) and (
        weights(op).shape[0] == weights(op).shape[1] or weights(op).buffer in looped)}
