"""`keras_seqattn.edge.onnx.convert`: every kind of model in both precisions, held against Keras."""

import collections
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
from tolerances import EDGE_FLOAT32

from keras_seqattn import layers, models
from keras_seqattn.edge.onnx import convert
from keras_seqattn.edge.onnx.session import Session
from keras_seqattn.testing import check_error

pytest.importorskip("tf2onnx", reason="needs tf2onnx")
proto = pytest.importorskip("onnx", reason="needs onnx")
runtime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")

pytestmark = [
    pytest.mark.edge,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tf2onnx.*"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:onnx.*"),
]
INT8 = 0.05     # one rounding to 8 bits of the weights and of what they multiply, in each layer
FLOAT, DYNAMIC = convert.PRECISIONS


def _vit(**kwargs):
    return models.vit("nano", 8, (24, 16, 3), 5, **{
        "num_layers": 2, "num_heads": 2, "embed_dim": 64, "mlp_dim": 128, "pooling": "mean",
        **kwargs})


def _of(*hidden, shape=(7, 13), dtype="float32", name="x"):
    inputs = keras.Input(shape, dtype=dtype, name=name)
    outputs = inputs
    for layer in hidden:
        outputs = layer(outputs)
    return keras.Model(inputs, outputs)


def _self_attention():
    inputs = keras.Input((7, 13), name="x")
    layer = keras.layers.MultiHeadAttention(3, 5, name="attention")
    return keras.Model(inputs, layer(inputs, inputs, use_causal_mask=True))


def _two_outputs():
    query, value = keras.Input((5, 8), name="query"), keras.Input((7, 8), name="value")
    layer = layers.MultiHeadAttention(2, 4, num_kv_heads=1, name="read")
    output, scores = layer(query, value, return_attention_scores=True)
    return keras.Model([query, value], {"read": output, "a_scores": scores})


def _tokens(*hidden, mask_zero=False):
    return _of(keras.layers.Embedding(503, 31, mask_zero=mask_zero), *hidden, shape=(11,),
               dtype="int32", name="tokens")


MODELS = {
    "vit": _vit,
    "vit_token": lambda: _vit(pooling="token"),
    "vit_conv": lambda: _vit(stem="conv"),
    "vit_uint8": lambda: _of(keras.layers.Rescaling(1 / 127.5, -1), _vit(), shape=(24, 16, 3),
                             dtype="uint8", name="images"),
    "post_norm": lambda: _of(layers.TransformerEncoderBlock(1, 29, norm="post", name="block")),
    "keras_attention": _self_attention,
    "two_outputs": _two_outputs,
    "lstm": lambda: _of(keras.layers.LSTM(37, return_sequences=True, name="lstm")),
    "both_ways": lambda: _of(keras.layers.Bidirectional(keras.layers.LSTM(17), name="lstm")),
    "gru": lambda: _of(keras.layers.GRU(17, name="gru")),
    "embedding": lambda: _tokens(keras.layers.Dense(5, name="logits")),
    "masked_lstm": lambda: _tokens(keras.layers.LSTM(17), keras.layers.Dense(5, name="logits"),
                                   mask_zero=True),
}


def _drawn(model):
    """Draws the weights as wide as trained ones, so that outputs differ."""
    rng = np.random.default_rng(3)
    model.set_weights([
        np.ones(w.shape) if w.name == "gamma" else
        rng.normal(scale=1 / np.sqrt(np.prod(w.shape[:-1]) or 1), size=w.shape)
        for w in model.weights])
    return model


def _examples(model, count):
    """Examples by input name; tokens end in two of padding."""
    rng = np.random.default_rng(5)
    inputs = {}
    for each in model.inputs:
        shape = (count, *each.shape[1:])
        floating = "float" in str(each.dtype)
        drawn = rng.uniform(-1, 1, shape) if floating else rng.integers(1, 256, shape)
        inputs[each.name] = drawn.astype(each.dtype)
        if each.name == "tokens":
            inputs[each.name][:, -2:] = 0
    return inputs


def _saved(model, folder):
    """Writes a SavedModel for one example, with names: what `convert` takes."""
    specs = [keras.InputSpec(shape=(1, *each.shape[1:]), dtype=each.dtype, name=each.name)
             for each in model.inputs]

    def serve(*flat):
        outputs = model(keras.tree.pack_sequence_as(model.input, flat), training=False)
        return outputs if isinstance(outputs, dict) else {model.output_names[0]: outputs}

    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serving_default", serve, input_signature=specs)
    archive.write_out(str(folder), verbose=False)
    return str(folder)


@pytest.fixture(scope="module", params=MODELS)
def converted(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    model = _drawn(MODELS[request.param]())
    saved = _saved(model, folder / "saved")
    files = {precision: folder / f"{precision}.onnx" for precision in convert.PRECISIONS}
    for precision, file in files.items():
        convert.convert(saved, file, precision)
    return request.param, model, files


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A file with the ops of a GELU, and its SavedModel."""
    folder = tmp_path_factory.mktemp("small")
    model = _drawn(_of(layers.FeedForward(29, name="outputs")))
    convert.convert(_saved(model, folder / "saved"), folder / "small.onnx", FLOAT)
    return folder / "small.onnx", folder / "saved"


@pytest.mark.parametrize("precision", convert.PRECISIONS)
def test_a_file_does_what_keras_does(converted, precision):
    _, model, files = converted
    inputs = _examples(model, 5)
    expected = model(list(inputs.values()) if len(inputs) > 1 else next(iter(inputs.values())),
                     training=False)
    expected = expected if isinstance(expected, dict) else {model.output_names[0]: expected}
    session = Session(files[precision], threads=1)
    assert {name: each["shape"] for name, each in session.inputs.items()} == {
        name: (1, *array.shape[1:]) for name, array in inputs.items()}
    assert {name: each["dtype"] for name, each in session.inputs.items()} == {
        name: array.dtype for name, array in inputs.items()}
    assert {name: (each["shape"], each["dtype"]) for name, each in session.outputs.items()} == {
        name: ((1, *array.shape[1:]), "float32") for name, array in expected.items()}
    rows = [session.run(**{name: array[i:i + 1] for name, array in inputs.items()})
            for i in range(5)]
    for name, array in expected.items():
        array = np.asarray(array)
        assert np.std(array) > 0.01
        tolerance = EDGE_FLOAT32 if precision == FLOAT else INT8 * max(1, np.abs(array).max())
        actual = np.concatenate([row[name] for row in rows])
        np.testing.assert_allclose(actual, array, atol=tolerance, rtol=0)


def test_weights_are_int8(converted):
    """But for convolutions and embeddings beside a loop; products have a scale for each column."""
    kind, _, files = converted
    rest = {"Gather"} if kind == "masked_lstm" else {"Conv"} if kind[:3] == "vit" else set()
    assert _ops_with_float_weights(files[DYNAMIC]) == rest
    assert _ops_with_float_weights(files[FLOAT]) - rest <= {"MatMul", "Gemm", "Gather", "LSTM"}
    graph = proto.load(files[DYNAMIC]).graph
    sizes = {each.name: tuple(each.dims) for each in graph.initializer}
    for node in graph.node:
        if node.op_type == "MatMulInteger":
            assert sizes[node.input[3]] == sizes[node.input[1]][-1:]


def _ops_with_float_weights(file):
    """Ops that read a float matrix; an LSTM reads its own second and third."""
    graph = proto.load(file).graph
    weights = {each.name for each in graph.initializer
               if len(each.dims) > 1 and each.data_type == proto.TensorProto.FLOAT}
    sums = {"Add", "Mul", "Concat"}
    return {node.op_type for node in graph.node if weights & set(node.input[:3])} - sums


def _ops(file):
    return collections.Counter(
        f"{node.domain}.{node.op_type}".lstrip(".") for node in proto.load(file).graph.node)


def test_a_keras_lstm_is_one_op(converted):
    kind, _, files = converted
    ops = {precision: _ops(file) for precision, file in files.items()}
    recurrent = {"lstm", "both_ways"}
    assert ops[FLOAT]["LSTM"] == (kind in recurrent)
    assert ops[DYNAMIC]["com.microsoft.DynamicQuantizeLSTM"] == (kind in recurrent)
    assert ("Loop" in ops[FLOAT]) == (kind in {"gru", "masked_lstm"})


def test_a_gelu_is_one_op_in_the_runtime(small, tmp_path):
    options = runtime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 4
    runtime.InferenceSession(str(small[0]), options, providers=["CPUExecutionProvider"])
    ops = collections.Counter(
        node.op_type for node in proto.load(tmp_path / "optimised.onnx").graph.node)
    assert ops["Gelu"] + ops["BiasGelu"] + ops["QuickGelu"] == 1
    assert ops["Erf"] == 0


def test_the_process(small, tmp_path):
    root = pathlib.Path(__file__).parents[3]
    command = [sys.executable, "-m", "keras_seqattn.edge.onnx.convert", str(small[1]),
               str(tmp_path / "out.onnx")]
    subprocess.run([*command, FLOAT], check=True, capture_output=True, cwd=root)
    assert _ops(tmp_path / "out.onnx") == _ops(small[0])
    result = subprocess.run([*command, "float16"], check=False, capture_output=True, text=True,
                            cwd=root)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("ValueError: `precision` must be")


def test_a_precision_that_onnx_has_not(small, tmp_path):
    check_error(lambda: convert.convert(str(small[1]), tmp_path / "x.onnx", "static_wi8_ai16"),
                precision="static_wi8_ai16")
    assert list(tmp_path.iterdir()) == []


def _run(model, folder, array):
    """What a model's file gives, as a dictionary."""
    convert.convert(_saved(model, folder / "saved"), folder / "x.onnx", FLOAT)
    return Session(folder / "x.onnx").run(x=array)


def test_an_output_named_like_an_input_is_renamed(tmp_path):
    """ONNX has one name for each value."""
    inputs = keras.Input((5,), name="x")
    model = _drawn(keras.Model(inputs, {"x": keras.layers.Dense(3)(inputs), "x_output": inputs}))
    x = np.random.default_rng(5).normal(size=(1, 5)).astype("float32")
    found = _run(model, tmp_path, x)
    assert {name: each.shape for name, each in found.items()} == {
        "x_output_output": (1, 3), "x_output": (1, 5)}
    np.testing.assert_array_equal(found["x_output"], x)


def test_ids_that_are_no_class_have_a_code_of_zeros(tmp_path):
    """Keras gives zeros for -1, which ONNX's own op counts from the end."""
    inputs = keras.Input((4,), dtype="int32", name="x")
    model = keras.Model(inputs, keras.ops.one_hot(inputs, 5))
    codes, = _run(model, tmp_path, np.array([[-1, 0, 4, 7]], "int32")).values()
    np.testing.assert_array_equal(codes[0], [[0] * 5, [1, 0, 0, 0, 0], [0, 0, 0, 0, 1], [0] * 5])


@pytest.mark.parametrize(("dtype", "wrapped"), [
    ("uint8", [255, 212, 0, 255, 0, 44, 64]), ("int8", [-1, -44, 0, -1, 0, 44, 64])])
def test_casts_wrap_as_in_keras(tmp_path, dtype, wrapped):
    """Numbers beyond the type are taken modulo 256, after their fraction is cut off."""
    inputs = keras.Input((7,), name="x")
    model = keras.Model(inputs, keras.ops.cast(keras.ops.cast(inputs, dtype), "float32"))
    x = np.array([[-1.5, -300, 0, 255.9, 256, 300, 1e6]], "float32")
    found, = _run(model, tmp_path, x).values()
    np.testing.assert_array_equal(found[0], wrapped)
    np.testing.assert_array_equal(found, model(x))


def test_an_op_that_onnx_has_not(tmp_path):
    inputs = keras.Input((5,), name="x")
    saved = _saved(keras.Model(inputs, keras.ops.erfinv(inputs)), tmp_path / "saved")
    check_error(lambda: convert.convert(saved, tmp_path / "x.onnx", FLOAT), ops=["Erfinv"])
    assert not (tmp_path / "x.onnx").exists()
