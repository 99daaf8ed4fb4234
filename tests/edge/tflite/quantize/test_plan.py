"""`keras_seqattn.edge.tflite.quantize.plan`: which ops become integers, on graphs by hand."""

import numpy as np
import pytest

from keras_seqattn.edge.precisions import ALL_PRECISIONS
from keras_seqattn.edge.tflite.file import Buffer, Code, File, Graph, Op, Signature, Tensor
from keras_seqattn.edge.tflite.quantize import plan
from keras_seqattn.edge.tflite.quantize.names import node


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
        self.ops.append(Op(Code(kind, False, 1, 0, 0), inputs, (made,), {}))
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
    ("static_wi8_ai16", ["back", "dense", "inner", "left", "product", "right", "softmax"]),
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


def test_names_that_stay_in_float():
    build = _Builder()
    x = build.tensor("x", (1, 64))
    for name in ("vit/block_1/hidden", "vit/block_1/output;3", "vit/block_10/hidden"):
        build.op("FULLY_CONNECTED", name, x, build.tensor(f"{name}/w", (64, 64), 4 * 4096), None)
    file = File(np.zeros(0, "uint8"), 3, (), (), (build.graph(),), (), {}, {})

    def kept(*patterns):
        made = plan.make(file, ALL_PRECISIONS["static_wi8_ai8"], patterns)
        names = {node(op) for op in made.kept}
        assert {node(op) for op in made.static} == {node(op) for op in file.ops} - names
        assert set(made.nodes) == {node(op) for op in file.ops} - names
        return sorted(names)

    assert kept() == []
    assert kept("block_1") == ["vit/block_1/hidden", "vit/block_1/output"]
    assert kept("vit/block_1/output") == ["vit/block_1/output"]
    assert kept("hidden") == ["vit/block_10/hidden", "vit/block_1/hidden"][::-1]
    assert kept("*/block_1?/*") == ["vit/block_10/hidden"]
    with pytest.raises(ValueError, match="keep_float='block'"):
        kept("block_1", "block")


def test_weights_that_a_loop_reads_have_8_bits():
    """Also where they are read outside of it, so that they are stored once."""
    shared = Buffer(0, 100, 4 * 4096)
    graphs = []
    for name in ("outside", "inside"):
        build = _Builder()
        x = build.tensor("x", (1, 64))
        build.op("FULLY_CONNECTED", name, x, build.tensor("w", (64, 64), buffer=shared), None)
        build.op("FULLY_CONNECTED", f"own_{name}", x, build.tensor("v", (64, 64), 4 * 4096), None)
        graphs.append(build.graph())
    made = _plan(graphs, "dynamic_wi4_afp32")
    assert {op.outputs[0].name: made.grid(op) for op in made.file.ops} == {
        "outside": (8, None), "own_outside": (4, 32), "inside": (8, None), "own_inside": (8, None)}


@pytest.mark.parametrize(("size", "weighted"), [(1023, False), (1024, True)])
def test_constant_operands_are_stored_where_they_are_worth_it(size, weighted):
    build = _Builder()
    build.op("BATCH_MATMUL", "product", build.tensor("x"), build.tensor("w", (1, size), 4 * size))
    build.op("BATCH_MATMUL", "activations", build.tensor("y"), build.tensor("z"))
    made = _plan([build.graph()], "dynamic_wi8_afp32")
    product, activations = made.file.ops
    assert plan.is_weighted(product) == made.becomes_integers(product) == weighted
    assert product in made.stored
    assert not plan.is_weighted(activations)


def test_the_axis_whose_places_have_steps():
    build = _Builder()

    def op(kind, options, *inputs):
        build.op(kind, kind, *inputs)
        return Op(Code(kind, False, 1, 0, 0), inputs, (), options)

    x, w = build.tensor("x"), build.tensor("w", (2, 3, 5, 7), 4 * 210)
    assert plan.axis(op("FULLY_CONNECTED", {}, x, w)) == 0
    assert plan.axis(op("DEPTHWISE_CONV_2D", {}, x, w)) == 3
    assert plan.axis(op("BATCH_MATMUL", {"adjY": False}, x, w)) == 3
    assert plan.axis(op("BATCH_MATMUL", {"adjY": True}, x, w)) == 2
    assert plan.axis(op("GATHER", {"axis": 1}, w, x)) == 1


@pytest.mark.parametrize(("precision", "kept"), [
    ("dynamic_wi8_afp32", ["few", "small"]), ("static_wi8_ai8", ["few", "small"]),
    ("static_wi8_ai16", []), ("float16", [])])
def test_small_convolutions_stay_in_float(precision, kept):
    """They would gain less than their activations cost to convert."""
    build = _Builder()
    x = build.tensor("x", (1, 5, 7, 31))
    build.op("CONV_2D", "small", x, build.tensor("a", (131, 1, 1, 31), size=4 * 131 * 31))
    build.op("CONV_2D", "large", x, build.tensor("b", (137, 1, 1, 31), size=4 * 137 * 31))
    build.op("CONV_2D", "few", x, build.tensor("c", (3, 3, 3, 31), size=4 * 27 * 31))
    build.op("CONV_2D", "many", x, build.tensor("d", (5, 3, 3, 31), size=4 * 45 * 31))
    build.op("CONV_2D", "computed", x, x)
    found = _plan([build.graph()], precision)
    assert sorted(op.outputs[0].name for op in found.kept) == kept
    assert found.stored == frozenset()
