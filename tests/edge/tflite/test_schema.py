"""`keras_seqattn.edge.tflite.schema`: each loan still means what the library takes it for."""

import importlib
import tracemalloc

import flatbuffers
import numpy as np
import pytest
import tiny_tflite

from keras_seqattn.edge.tflite import reader, schema
from keras_seqattn.edge.tflite.write.body import Content
from keras_seqattn.errors import LoanError

pytestmark = pytest.mark.edge
GENERATED = importlib.import_module(schema.GENERATED)
SHAPE = (1, 1, 3, 5)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A product with a transposed operand, between two sums that stay apart from it."""
    import tensorflow as tf

    def function(x):
        rows = tf.matmul(x + 2.0, np.arange(35, dtype="float32").reshape(1, 1, 7, 5),
                         transpose_b=True)
        return tf.cumsum(rows, axis=2) + 3.0

    return tiny_tflite.write(tmp_path_factory.mktemp("schema") / "x.tflite", function, x=SHAPE)


@pytest.fixture
def model(file):
    return schema.root(file.read_bytes())


def _ops(model):
    graph = model.Subgraphs(0)
    return list(map(graph.Operators, range(graph.OperatorsLength())))


def test_the_root_is_the_model(model):
    assert model.SubgraphsLength() == 1
    assert model.Subgraphs(0).Tensors(0).Name().startswith(b"serving_default_x")


def test_enumerations_by_name_and_by_number():
    assert schema.numbers("TensorType")["INT8"] == 9
    assert schema.names("BuiltinOperator")[0] == "ADD"
    assert not any(name.startswith("_") for name in schema.numbers("BuiltinOperator"))


def test_the_options_of_an_op(model):
    products = [op for op in _ops(model) if schema.names("BuiltinOperator")[
        model.OperatorCodes(op.OpcodeIndex()).BuiltinCode()] == "BATCH_MATMUL"]
    assert [(flags["adjX"], flags["adjY"]) for flags in map(schema.options, products)] == [
        (False, True)]
    plain = schema.record("OperatorT", inputs=[0], outputs=[1])
    builder = flatbuffers.Builder(64)
    builder.Finish(plain.Pack(builder))
    assert schema.options(GENERATED.Operator.GetRootAs(bytes(builder.Output()), 0)) == {}


def test_a_model_is_packed_as_it_was_unpacked(file):
    before = schema.unpacked(file.read_bytes())
    before.description = b"changed"
    before.buffers.append(schema.record("BufferT", data=np.arange(11, dtype="uint8")))
    content = schema.packed(before)
    assert content[4:8] == schema.IDENTIFIER
    after = schema.unpacked(content)
    assert after.description == b"changed"
    assert after.buffers[-1].data.tolist() == list(range(11))
    assert [tensor.name for tensor in after.subgraphs[0].tensors] == [
        tensor.name for tensor in before.subgraphs[0].tensors]


@pytest.fixture(params=["inside", "behind"])
def behind(request, monkeypatch):
    """Whether constants lie behind the flatbuffer, as those of files beyond 2 GiB do."""
    if request.param == "behind":
        monkeypatch.setattr(schema, "LARGEST_INSIDE", 0)
    return request.param == "behind"


def _sum(*arrays):
    """A body that adds constants, one after the other, to what enters it."""
    content = Content()
    body = content.body("main")
    x = y = body.input("x", arrays[0].shape, "float32")
    for array in arrays:
        y = body.op("ADD", y, body.constant(array), fusedActivationFunction="NONE")
    body.output(y)
    content.sign("main", body, {"x": x}, {"y": y})
    return content.model


def test_a_saved_file_has_the_arrays_in_their_places(tmp_path, rng, behind):
    """Of lengths that leave gaps, of other memory orders, and none at all."""
    arrays = [rng.normal(size=(3, 5)).astype("float32"),
              rng.normal(size=(5, 3)).astype("float32").T,
              rng.normal(size=(3, 1)).astype("float32")]
    model = _sum(*arrays)
    odd = [np.arange(7, dtype="int8"), np.zeros(0, "float32"), None]
    model.buffers += [schema.record("BufferT", data=each) for each in odd]
    before = [buffer.data for buffer in model.buffers]
    schema.save(model, tmp_path / "x.tflite")
    assert all(now.data is then for now, then in zip(model.buffers, before, strict=True))
    file = reader.read(tmp_path / "x.tflite")
    for buffer, array in zip(file.buffers, before, strict=True):
        assert bytes(file.data(buffer)) == (b"" if array is None else array.tobytes())
        assert buffer.start % schema.ALIGNMENT == 0 or not buffer.size
    constants = [tensor for tensor in file.tensors if tensor.is_constant]
    for tensor, array in zip(constants, arrays, strict=True):
        np.testing.assert_array_equal(file.array(tensor), array)
    inside = schema.root(file.content.data).Buffers(1).DataLength()
    assert inside == (0 if behind else 4 * 15)


def test_a_saved_file_runs(tmp_path, rng, behind):
    from ai_edge_litert.interpreter import Interpreter

    arrays = [rng.normal(size=(3, 5)).astype("float32") for _ in range(3)]
    schema.save(_sum(*arrays), tmp_path / "x.tflite")
    x = rng.normal(size=(3, 5)).astype("float32")
    for given in ({"model_path": str(tmp_path / "x.tflite")},
                  {"model_content": (tmp_path / "x.tflite").read_bytes()}):
        made = Interpreter(**given).get_signature_runner()(x=x)["y"]
        np.testing.assert_allclose(made, x + sum(arrays), rtol=1e-5)


def test_constants_are_copied_one_at_a_time(tmp_path, rng, behind):
    """Four of 4 MiB, of which two must be brought into order first."""
    arrays = [rng.normal(size=(1024, 1024)).astype("float32") for _ in range(4)]
    model = _sum(arrays[0], arrays[1].T, arrays[2], arrays[3].T)
    tracemalloc.start()
    try:
        schema.save(model, tmp_path / "x.tflite")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (tmp_path / "x.tflite").stat().st_size > 4 * arrays[0].nbytes
    assert peak < 1.2 * arrays[0].nbytes


def test_places_in_the_file(file, model):
    """By the layout of flatbuffers: a table begins with the distance to the list of its fields."""
    content = file.read_bytes()

    def number(kind, place):
        return int(np.frombuffer(content, kind, 1, place)[0])

    start = schema.position(model)
    assert start == number("<u4", 0)
    fields = start - number("<i4", start)
    assert schema.field(model, 0) == start + number("<u2", fields + 4)
    assert number("<u4", schema.field(model, 0)) == model.Version()
    vector = schema.reference(model, 4)
    assert number("<u4", vector) == model.BuffersLength()
    assert (schema.field(model.Buffers(0), 0), schema.reference(model.Buffers(0), 0)) == (
        None, None)


def test_all_tensors_of_a_run_are_kept(file, recwarn):
    interpreter = schema.keeper(file)
    interpreter.get_signature_runner()(x=np.ones(SHAPE, "float32"))
    inner = [interpreter.get_tensor(each["index"]) for each in interpreter.get_tensor_details()]
    assert any(array.shape == SHAPE and (array == 3).all() for array in inner)
    assert not recwarn.list


def test_ops_as_they_are_planned(file):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(file), num_threads=1)
    interpreter.allocate_tensors()
    planned = schema.planned_ops(interpreter)
    assert (planned.count("DELEGATE"), planned.count("CUMSUM")) == (2, 1)
    assert "DELEGATE" not in schema.planned_ops(schema.keeper(file))


def test_kernels_of_the_quantizer():
    types = schema.quantizer_settings()
    config = types.OpQuantizationConfig(
        None, types.TensorQuantizationConfig(
            8, symmetric=True, granularity=types.QuantGranularity.CHANNELWISE),
        types.ComputePrecision.INTEGER)
    assert schema.has_kernel("FULLY_CONNECTED", config, "min_max_uniform_quantize")
    assert not schema.has_kernel("CUMSUM", config, "min_max_uniform_quantize")
    half = types.OpQuantizationConfig(
        weight_tensor_config=types.TensorQuantizationConfig(16, dtype=types.TensorDataType.FLOAT),
        compute_precision=types.ComputePrecision.FLOAT, explicit_dequantize=True)
    assert schema.has_kernel("FULLY_CONNECTED", half, "float_casting")


@pytest.mark.parametrize(("owner", "loan", "call"), [
    (schema.GENERATED, "Model", lambda: schema.root(b"")),
    (schema.GENERATED, "TensorType", lambda: schema.numbers.__wrapped__("TensorType")),
    (schema.GENERATED, "ModelT", lambda: schema.unpacked(b"")),
    (schema.GENERATED, "BufferT", lambda: schema.record("BufferT")),
    ("ai_edge_litert.interpreter", "OpResolverType", lambda: schema.keeper("x.tflite")),
    ("ai_edge_quantizer.algorithm_manager", "check_op_quantization_config",
     lambda: schema.has_kernel("ADD", None, "min_max_uniform_quantize")),
    *(("ai_edge_quantizer.qtyping", name, schema.quantizer_settings) for name in schema.SETTINGS),
])
def test_a_missing_loan_is_told_by_its_name(monkeypatch, owner, loan, call):
    monkeypatch.delattr(importlib.import_module(owner), loan)
    with pytest.raises(LoanError, match=f"loan='{loan}'.*To fix:"):
        call()


@pytest.mark.parametrize(("loan", "call"), [
    ("_tab", lambda: schema.position(object())),
    ("_tab", lambda: schema.field(object(), 0)),
    ("_get_ops_details", lambda: schema.planned_ops(object())),
    ("Pack", lambda: schema.packed(object())),
])
def test_an_object_without_what_is_borrowed(loan, call):
    with pytest.raises(LoanError, match=f"loan='{loan}'"):
        call()


@pytest.mark.parametrize("name", schema.INTERPRETER)
def test_an_interpreter_without_an_argument(monkeypatch, name):
    known = {each: None for each in schema.INTERPRETER if each != name}
    signature = type("S", (), {"parameters": known})
    monkeypatch.setattr(schema.inspect, "signature", lambda _: signature)
    with pytest.raises(LoanError, match=f"loan='{name}'"):
        schema.keeper("x.tflite")


def test_a_module_that_is_gone_and_a_package_that_is_not_installed():
    with pytest.raises(LoanError, match="loan='gone'"):
        schema._module("ai_edge_litert.gone")
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        schema._module("nowhere.gone")
