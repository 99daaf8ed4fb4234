"""`keras_seqattn.edge.tflite.quantize.plan`: which ops become integers, on graphs by hand."""

import numpy as np
import pytest

from keras_seqattn.edge.precisions import ALL_PRECISIONS
from keras_seqattn.edge.tflite.file import Buffer, Code, File, Graph, Op, Signature, Tensor
from keras_seqattn.edge.tflite.quantize import plan


class _Builder:
    """A graph, op by op; each op makes one tensor, named after it."""

    def __init__(self):
        self.tensors, self.ops = [], []

    def tensor(self, name, shape=(1, 7), size=0, buffer=None):
        self.tensors.append(Tensor(len(self.tensors), name, shape, "float32",
                                   buffer or Buffer(len(self.tensors), 100, size)))
        return self.tensors[-1]

    def op(self, kind, name, *inputs):
        made = self.tensor(name)
        self.ops.append(Op(Code(kind, False, 1, 0, 0), inputs, (made,), False))
        return made

    def graph(self):
        return Graph(tuple(self.tensors), tuple(self.ops), (), ())


def _plan(graphs, precision, mains=1):
    signatures = tuple(Signature(str(i), graph, {}, {}) for i, graph in enumerate(graphs[:mains]))
    file = File(np.zeros(0, "uint8"), 3, (), (), tuple(graphs), signatures, {}, {})
    return plan.make(file, ALL_PRECISIONS[precision])


def _attention():
    """x · w, split in two, of which one is turned; their product is turned back, and softmaxed."""
    build = _Builder()
    x, w = build.tensor("x"), build.tensor("w", (7, 64), size=7 * 64)
    dense = build.op("FULLY_CONNECTED", "dense", x, w, None)
    left = build.op("RESHAPE", "left", dense)
    right = build.op("TRANSPOSE", "right", build.op("RESHAPE", "inner", dense))
    product = build.op("BATCH_MATMUL", "product", left, right)
    build.op("SOFTMAX", "softmax", build.op("TRANSPOSE", "back", product))
    build.op("BATCH_MATMUL", "fixed", dense, w)
    return build.graph()


@pytest.mark.parametrize(("precision", "static"), [
    ("dynamic_wi8_afp32", []),
    ("mixed_wi8_ai8", ["back", "inner", "left", "product", "right"]),
    ("static_wi8_ai8", ["back", "dense", "inner", "left", "product", "right"]),
    ("static_wi8_ai16",
     ["back", "dense", "fixed", "inner", "left", "product", "right", "softmax"]),
])
def test_ops_on_integers_of_fixed_ranges(precision, static):
    """Products of activations, and what only moves their numbers."""
    found = _plan([_attention()], precision)
    assert sorted(op.outputs[0].name for op in found.static) == static
    entering = {"x"} if "dense" in static else set()
    assert found.ranged == sorted({*static, *entering} | ({"dense"} if static else set()))


def test_what_somebody_else_reads_too_is_not_moved_in_bytes():
    build = _Builder()
    x = build.tensor("x")
    turned = build.op("TRANSPOSE", "turned", x)
    build.op("BATCH_MATMUL", "product", turned, build.tensor("y"))
    build.op("SOFTMAX", "softmax", turned)
    found = _plan([build.graph()], "mixed_wi8_ai8")
    assert [op.outputs[0].name for op in found.static] == ["product"]


def test_a_constant_that_is_joined_stays_in_float():
    build = _Builder()
    x, c = build.tensor("x"), build.tensor("c", size=28)
    build.op("CONCATENATION", "with constant", x, c)
    build.op("CONCATENATION", "without", x, x)
    found = _plan([build.graph()], "static_wi8_ai16")
    assert [op.outputs[0].name for op in found.static] == ["without"]


@pytest.mark.parametrize(("kind", "shape", "precision", "grid"), [
    ("FULLY_CONNECTED", (7, 64), "dynamic_wi4_afp32", (4, 32)),
    ("FULLY_CONNECTED", (7, 61), "dynamic_wi4_afp32", (8, None)),   # no whole blocks
    ("CONV_2D", (7, 3, 3, 64), "dynamic_wi4_afp32", (8, None)),
    ("EMBEDDING_LOOKUP", (7, 64), "dynamic_wi4_afp32", (4, 32)),
    ("FULLY_CONNECTED", (7, 64), "dynamic_wi8_afp32", (8, None)),
])
def test_bits_and_blocks(kind, shape, precision, grid):
    build = _Builder()
    build.op(kind, "y", build.tensor("x"), build.tensor("w", shape, size=5))
    graph = build.graph()
    assert _plan([graph], precision).grid(graph.ops[0]) == grid


def test_rearranged_tensors_are_followed_to_what_computes_them():
    graph = _attention()
    product = graph.ops[4]
    assert [each.name for each in plan.rearranged(graph, product.inputs[1])] == [
        "right", "inner", "dense"]
    assert plan.bias(graph.ops[0]) is None


def test_weights_of_each_token_and_of_one_width_are_stored():
    """A model that writes: what a loop reads, wherever it is read, and square projections."""
    looped = Buffer(999, 100, 5)
    main, other, body = _Builder(), _Builder(), _Builder()
    x = main.tensor("x")
    main.op("FULLY_CONNECTED", "wide", x, main.tensor("a", (64, 7), size=5))
    main.op("FULLY_CONNECTED", "square", x, main.tensor("b", (7, 7), size=5))
    main.op("FULLY_CONNECTED", "computed", x, x)
    other.op("FULLY_CONNECTED", "also", other.tensor("x"), other.tensor("c", (5, 7), buffer=looped))
    body.op("FULLY_CONNECTED", "step", body.tensor("x"), body.tensor("d", (5, 7), buffer=looped))
    graphs = [main.graph(), other.graph(), body.graph()]
    found = _plan(graphs, "dynamic_wi8_afp32", mains=2)
    assert sorted(op.outputs[0].name for op in found.stored) == ["also", "square", "step"]
    assert not _plan(graphs[:1], "dynamic_wi8_afp32").stored
    only = _plan(graphs, "weight_only_wi8_afp32", mains=2)
    assert len(only.stored) == 5
