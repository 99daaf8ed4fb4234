"""`keras_seqattn.edge.onnx.file`: the contract in a file, and what a file is made of."""

import types

import numpy as np
import pytest

from keras_seqattn.edge.contract.facts import Facts
from keras_seqattn.edge.onnx import file
from keras_seqattn.edge.onnx.session import Session

proto = pytest.importorskip("onnx", reason="needs onnx")
pytest.importorskip("onnxruntime", reason="needs onnxruntime")
pytestmark = [pytest.mark.edge, pytest.mark.filterwarnings("ignore::DeprecationWarning:onnx.*")]


def facts(path):
    return file.facts(types.SimpleNamespace(file=path), {})


def test_the_contract_is_in_the_file(product):
    before = facts(product)
    assert Session(product).contract == {}
    file.write(product, {"format": 0, "labels": ["é"]})
    file.write(product, {"format": 1, "labels": ["ü", "b"]})
    assert Session(product).contract == {"format": 1, "labels": ["ü", "b"]}
    assert [entry.key for entry in proto.load(product).metadata_props] == ["contract"]
    assert facts(product) == before


def test_another_programs_entries_stay(product):
    model = proto.load(product)
    proto.helper.set_model_props(model, {"author": "somebody"})
    proto.save(model, product)
    file.write(product, {"format": 1})
    assert {each.key for each in proto.load(product).metadata_props} == {"author", "contract"}


def test_facts_by_hand(tmp_path):
    """x (1, 3) -> unsqueezed to rank 5 -> relu twice -> squeezed -> times 3·5 numbers."""
    make = proto.helper
    graph = make.make_graph(
        [make.make_node("Unsqueeze", ["x", "axes"], ["a"]), make.make_node("Relu", ["a"], ["b"]),
         make.make_node("Relu", ["b"], ["c"]), make.make_node("Squeeze", ["c", "axes"], ["d"]),
         make.make_node("MatMul", ["d", "weights"], ["y"])],
        "by_hand",
        [make.make_tensor_value_info("x", proto.TensorProto.FLOAT, (1, 3))],
        [make.make_tensor_value_info("y", proto.TensorProto.FLOAT, (1, 5))],
        [proto.numpy_helper.from_array(np.array([0, 1, 2]), "axes"),
         proto.numpy_helper.from_array(np.ones((3, 5), "float32"), "weights")])
    proto.save(make.make_model(graph, opset_imports=[make.make_opsetid("", 13)]),
               tmp_path / "by_hand.onnx")
    assert facts(tmp_path / "by_hand.onnx") == Facts(
        ops={"MatMul": 1, "Relu": 2, "Squeeze": 1, "Unsqueeze": 1}, custom_ops=[], signatures=[],
        max_rank=5, partitions=1, weight_bytes=4 * 3 * 5)


def test_an_op_of_another_domain_is_told_with_it(tmp_path):
    make, kind = proto.helper, proto.TensorProto.FLOAT
    graph = make.make_graph(
        [make.make_node("Gelu", ["x"], ["y"], domain="com.microsoft")], "foreign",
        [make.make_tensor_value_info("x", kind, (1, 3))],
        [make.make_tensor_value_info("y", kind, (1, 3))])
    proto.save(make.make_model(graph, opset_imports=[
        make.make_opsetid("", 17), make.make_opsetid("com.microsoft", 1)]), tmp_path / "x.onnx")
    assert facts(tmp_path / "x.onnx").ops == {"com.microsoft.Gelu": 1}


def test_the_oldest_runtime(product):
    assert file.lacking(product, None) == file.lacking(product, "1.12") == []
    assert file.lacking(product, "1.9") == ["runtime 1.9 lacks opset 17, which came with 1.12"]


@pytest.mark.parametrize(("kernel", "said"), [
    (np.eye(12), True), (2 * np.eye(12), False), (np.ones((12, 12)), False)],
    ids=["copies", "doubles", "adds"])
def test_a_convolution_that_only_copies_is_told_with_its_bytes(tmp_path, kernel, said):
    """Patches of 2 by 2 pixels that overlap, as Keras cuts them: a kernel of 12 by 12 numbers."""
    make, kind = proto.helper, proto.TensorProto.FLOAT
    weights = proto.numpy_helper.from_array(
        kernel.astype("float32").reshape(12, 3, 2, 2), "weights")
    graph = make.make_graph(
        [make.make_node("Conv", ["x", "weights"], ["patches"])], "patches",
        [make.make_tensor_value_info("x", kind, (1, 3, 5, 7))],
        [make.make_tensor_value_info("patches", kind, (1, 12, 4, 6))], [weights])
    proto.save(make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=8),
               tmp_path / "x.onnx")
    warnings = facts(tmp_path / "x.onnx").warnings
    assert [("patches (576 bytes)" in text) for text in warnings] == [True] * said
