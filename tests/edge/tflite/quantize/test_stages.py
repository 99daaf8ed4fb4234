"""`keras_seqattn.edge.tflite.quantize.stages`: what becomes an integer, and how."""

import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from keras_models import MODELS, draw, fill, vit

from keras_seqattn import edge

pytestmark = pytest.mark.edge
WIDE = {"embed_dim": 64, "mlp_dim": 96, "num_heads": 2, "pooling": "mean"}


def graph_of(path):
    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    names = {number: name for name, number in vars(schema.BuiltinOperator).items()
             if isinstance(number, int)}
    graph = model.subgraphs[0]
    ops = [(names[model.operatorCodes[op.opcodeIndex].builtinCode],
            [graph.tensors[i] for i in op.inputs if i >= 0],
            [graph.tensors[i] for i in op.outputs]) for op in graph.operators]
    return model, ops


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quantize")
    model = fill(vit(**WIDE))
    images = draw(model, 41)["images"]
    for precision in edge.PRECISIONS:
        edge.export(model, folder / f"{precision}.tflite", precision, calibration=images)
    return model, folder, images


def test_products_of_attention_are_symmetric_int8(files):
    _, folder, _ = files
    for precision in ("mixed_wi8_ai8", "static_wi8_ai8"):
        _, ops = graph_of(folder / f"{precision}.tflite")
        products = [(inputs, outputs) for name, inputs, outputs in ops if name == "BATCH_MATMUL"]
        assert len(products) == 4
        for inputs, outputs in products:
            assert {tensor.type for tensor in (*inputs, *outputs)} == {schema.TensorType.INT8}
            assert inputs[1].quantization.zeroPoint == [0]
        # scores lie in [0, 1]: all 256 steps are theirs
        assert [inputs[0].quantization.zeroPoint[0] for inputs, _ in products[1::2]] == [-128, -128]


def test_what_only_moves_numbers_moves_bytes(files):
    _, folder, _ = files
    _, ops = graph_of(folder / "mixed_wi8_ai8.tflite")
    moved = [inputs[0].type for name, inputs, _ in ops if name == "TRANSPOSE"]
    assert moved == [schema.TensorType.INT8] * 8


def test_softmax_norms_and_sums_stay_in_float(files):
    _, folder, _ = files
    for precision in ("mixed_wi8_ai8", "static_wi8_ai8"):
        _, ops = graph_of(folder / f"{precision}.tflite")
        for name, inputs, outputs in ops:
            if name in ("SOFTMAX", "GELU", "RSQRT", "ADD", "MEAN", "MUL"):
                assert {x.type for x in (*inputs, *outputs)} <= {
                    schema.TensorType.FLOAT32, schema.TensorType.INT32}


def test_sixteen_bits_reach_every_op(files):
    _, folder, _ = files
    _, ops = graph_of(folder / "static_wi8_ai16.tflite")
    for name, inputs, _ in ops:
        if name not in ("QUANTIZE", "DEQUANTIZE"):
            assert inputs[0].type == schema.TensorType.INT16, name


@pytest.mark.parametrize(("precision", "kind"), [
    ("dynamic_wi8_afp32", schema.TensorType.INT8), ("dynamic_wi4_afp32", schema.TensorType.INT4),
    ("float16", schema.TensorType.FLOAT16)])
def test_weights_have_the_type_of_the_precision(files, precision, kind):
    _, folder, _ = files
    model, ops = graph_of(folder / f"{precision}.tflite")
    for name, inputs, _ in ops:
        if name == "FULLY_CONNECTED" and precision != "float16":
            assert inputs[1].type == kind
    if precision == "float16":
        assert sum(t.type == kind for t in model.subgraphs[0].tensors) >= 14


def test_the_quantiser_finds_our_grids(files):
    """Integers times steps of the file are the weights that were snapped, to float32."""
    from keras_seqattn.edge.tflite.quantize.rounding import snap

    model, folder, _ = files
    exact, ops = graph_of(folder / "float32.tflite")
    weights = {inputs[1].name: np.frombuffer(
        bytes(exact.buffers[inputs[1].buffer].data), "float32").reshape(inputs[1].shape)
        for name, inputs, _ in ops if name == "FULLY_CONNECTED"}
    edge.export(model, folder / "plain.tflite", "dynamic_wi4_afp32")
    small, ops = graph_of(folder / "plain.tflite")
    checked = 0
    for name, inputs, _ in ops:
        if name != "FULLY_CONNECTED":
            continue
        bytes_ = np.frombuffer(bytes(small.buffers[inputs[1].buffer].data), "uint8")
        levels = np.stack([bytes_ & 15, bytes_ >> 4], axis=1).ravel().astype("int8")
        levels = np.where(levels > 7, levels - 16, levels)[:int(np.prod(inputs[1].shape))]
        details = inputs[1].quantization.details
        scales = small.subgraphs[0].tensors[details.scales]
        steps = np.frombuffer(bytes(small.buffers[scales.buffer].data), "float16")
        expected = snap(weights[inputs[1].name], 4, 32)
        actual = levels.reshape(-1, 32) * steps.astype("float32")[:, None]
        np.testing.assert_allclose(actual.reshape(expected.shape), expected, rtol=1e-6)
        checked += 1
    assert checked == 13


def test_rounding_with_examples_loses_less(files):
    model, folder, images = files
    expected = model.predict(images, verbose=0)
    edge.export(model, folder / "plain.tflite", "dynamic_wi4_afp32")
    errors = [np.square(edge.load(folder / f"{name}.tflite")(images) - expected).mean()
              for name in ("dynamic_wi4_afp32", "plain")]
    assert errors[0] < 0.7 * errors[1]


@pytest.mark.parametrize("name", ["token", "conv", "post", "grouped", "keras", "nested"])
@pytest.mark.parametrize("precision", ["dynamic_wi4_afp32", "mixed_wi8_ai8", "static_wi8_ai8"])
def test_every_model_in_integers(tmp_path, name, precision):
    model = fill(MODELS[name]())
    x = next(iter(draw(model, 37).values()))
    report = edge.export(model, tmp_path / "x.tflite", precision, calibration=x, inputs=x)
    assert report.holds
    assert report.partitions == 1


def test_the_same_examples_give_the_same_file(tmp_path):
    model = fill(vit(**WIDE))
    images = draw(model, 37)["images"]
    hashes = {edge.export(model, tmp_path / str(i) / "x.tflite", "mixed_wi8_ai8",
                          calibration=images).sha256 for i in range(2)}
    assert len(hashes) == 1


def test_a_dense_layer_without_attention(tmp_path):
    x = keras.Input((5,), name="x")
    model = fill(keras.Model(x, keras.layers.Dense(3)(keras.layers.Dense(64, "relu")(x))))
    inputs = draw(model, 37)["x"]
    for precision in edge.PRECISIONS:
        assert edge.export(model, tmp_path / "x.tflite", precision, calibration=inputs).holds


@pytest.mark.parametrize("precision", ["dynamic_wi4_afp32", "static_wi8_ai8"])
def test_weights_of_zero_stay_zero(tmp_path, precision):
    """An untrained head, and a block of inputs that nothing reads: their grids have no step."""
    model = fill(vit(**WIDE))
    hidden = model.get_layer("block_0").feed_forward.hidden_dense
    hidden.kernel.assign(np.concatenate([np.zeros((32, 96)), hidden.kernel.numpy()[32:]]))
    head = model.get_layer("logits")
    head.set_weights([np.zeros((64, 5)), np.arange(5.0)])
    images = draw(model, 37)["images"]
    edge.export(model, tmp_path / "x.tflite", precision, calibration=images, inputs=images)
    np.testing.assert_allclose(
        edge.load(tmp_path / "x.tflite")(images), np.tile(np.arange(5.0), (37, 1)), atol=0.05)
