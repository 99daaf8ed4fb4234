"""`keras_seqattn.edge.tflite.quantize.stages`: what becomes an integer, and how."""

import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from keras_models import MODELS, draw, fill, vit

from keras_seqattn import edge
from keras_seqattn.edge.tflite import reader

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


def test_integers_lie_on_the_grids_of_rounding(files):
    """Integers times steps of the file are the weights that were snapped, to float32."""
    from keras_seqattn.edge.tflite.quantize.rounding import snap

    model, folder, _ = files
    exact, ops = graph_of(folder / "float32.tflite")
    weights = iter([np.frombuffer(
        bytes(exact.buffers[inputs[1].buffer].data), "float32").reshape(inputs[1].shape)
        for name, inputs, _ in ops if name == "FULLY_CONNECTED"])
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
        expected = snap(next(weights), 4, 32)
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


@pytest.mark.parametrize("precision", ["mixed_wi8_ai8", "static_wi8_ai8"])
def test_fixed_ranges_before_and_behind_a_loop(tmp_path, precision):
    """Tensors in the loop have names of their own, or the quantiser refuses the file."""
    x = keras.Input((23, 64), name="x")
    y = keras.layers.SimpleRNN(32, return_sequences=True)(keras.layers.Dense(64)(x))
    model = fill(keras.Model(x, keras.layers.Dense(5)(y)))
    inputs = draw(model, 37)["x"]
    report = edge.export(model, tmp_path / "x.tflite", precision, calibration=inputs,
                         inputs=inputs)
    assert report.ops["WHILE"] == 1
    assert report.holds


@pytest.mark.parametrize("precision", ["dynamic_wi8_afp32", "dynamic_wi4_afp32", "static_wi8_ai8"])
def test_weights_that_one_quantiser_leaves_in_float_are_integers_too(tmp_path, precision):
    """Those of a fused LSTM and of a transposed convolution."""
    x = keras.Input((5, 7), name="x")
    y = keras.layers.LSTM(61, return_sequences=True)(x)
    y = keras.layers.Conv2DTranspose(11, 3)(keras.layers.Reshape((5, 61, 1))(y))
    y = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(y))
    model = fill(keras.Model(x, y))
    inputs = draw(model, 37)["x"]
    report = edge.export(model, tmp_path / "x.tflite", precision, calibration=inputs,
                         inputs=inputs)
    assert report.ops["UNIDIRECTIONAL_SEQUENCE_LSTM"] == report.ops["TRANSPOSE_CONV"] == 1
    assert report.weight_bytes < 1.2 * model.count_params()
    file = reader.read(tmp_path / "x.tflite")
    assert {tensor.shape for tensor in file.tensors if tensor.is_constant
            and tensor.dtype == "float32" and np.prod(tensor.shape) > 61} == set()


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


class _Experts(keras.layers.Layer):
    """A matrix for each of four experts, which no dense layer has."""

    def build(self, input_shape):
        self.matrices = self.add_weight(shape=(4, input_shape[-1], 33), name="matrices")

    def call(self, x):
        return keras.ops.matmul(keras.ops.expand_dims(x, 1), self.matrices)


class _Columns(keras.layers.Layer):
    """A table whose columns are read."""

    def build(self, input_shape):
        self.table = self.add_weight(shape=(64, 101), name="table")

    def call(self, ids):
        return keras.ops.transpose(keras.ops.take(self.table, ids, axis=1), (1, 2, 0))


def _of(shape, *layers, dtype="float32"):
    x = y = keras.Input(shape, dtype=dtype, name="x")
    for layer in layers:
        y = layer(y)
    return fill(keras.Model(x, y))


def _twice():
    """One table that is read by two inputs, and makes logits."""
    table = keras.layers.ReversibleEmbedding(101, 64)
    ids, others = (keras.Input((size,), dtype="int32", name=name)
                   for name, size in (("ids", 7), ("others", 5)))
    return fill(keras.Model([ids, others], table(
        keras.layers.Concatenate(axis=1)([table(ids), table(others)]), reverse=True)))


STORED = {     # models whose weights no rule but that of their op makes integers
    "experts": lambda: _of((7, 64), _Experts()),
    "columns": lambda: _of((7,), _Columns(), dtype="int32"),
    "transposed": lambda: _of((5, 7, 16), keras.layers.Conv2DTranspose(16, 3)),
    "depthwise": lambda: _of((9, 7, 64), keras.layers.DepthwiseConv2D(5)),
    "cubes": lambda: _of((5, 6, 7, 8), keras.layers.Conv3D(16, 3)),
    "lstm": lambda: _of((23, 64), keras.layers.LSTM(61)),
    "masked": lambda: _of((23, 64), keras.layers.Masking(), keras.layers.LSTM(61)),
    "gru": lambda: _of((23, 64), keras.layers.Bidirectional(keras.layers.GRU(31))),
    "words": lambda: _of((5,), keras.layers.Embedding(101, 64), keras.layers.LSTM(61),
                         dtype="int32"),
    "twice": _twice,
    "unrolled": lambda: _of((2, 64), keras.layers.Masking(), keras.layers.LSTM(61)),
}
RECURRENT = ("lstm", "masked", "gru", "words")


@pytest.mark.parametrize("name", STORED)
@pytest.mark.parametrize("precision", [
    "float16", "dynamic_wi8_afp32", "dynamic_wi4_afp32", "mixed_wi8_ai8", "static_wi8_ai8",
    "static_wi8_ai16"])
def test_weights_of_all_kinds_are_quantised_in_all_precisions(tmp_path, name, precision):
    """LiteRT runs them rightly, and each weight is in the file once."""
    model = STORED[name]()
    inputs = draw(model, 37)
    options = {"calibration": inputs, "inputs": inputs}
    if name in RECURRENT and precision == "static_wi8_ai16":
        with pytest.raises(edge.ExportError, match="no kernels for recurrent layers"):
            edge.export(model, tmp_path / "x.tflite", precision, **options)
        return
    report = edge.export(model, tmp_path / "x.tflite", precision, **options)
    assert report.holds
    matrices = sum(int(np.prod(weight.shape)) for weight in model.weights if len(weight.shape) > 1)
    size = {"float16": 2}.get(precision, 1) * matrices
    biases = sum(8 * weight.shape[0] for weight in model.weights if len(weight.shape) == 1)
    file = reader.read(tmp_path / "x.tflite")
    begins = {tensor.buffer for op in file.ops if op.name == "WHILE" for tensor in op.given}
    beside = sum(buffer.size for buffer in begins)
    assert 0.5 * size < report.weight_bytes < 1.2 * size + biases + beside
    assert {tensor.name: tensor.shape for tensor in file.tensors if tensor.is_constant
            and tensor.dtype == "float32" and tensor.buffer not in begins
            and np.prod(tensor.shape) > 500} == {}
    assert not any("in float32" in note for note in report.notes)


def test_recurrent_layers_are_refused_before_anything_is_written(tmp_path, monkeypatch):
    from keras_seqattn.edge.tflite.write import writer

    monkeypatch.setattr(writer, "write", None)
    model = STORED["lstm"]()
    with pytest.raises(edge.ExportError, match=r"layers=\['lstm.*static_wi8_ai8") as caught:
        edge.export(model, tmp_path / "x.tflite", "static_wi8_ai16",
                    calibration=draw(model, 37))
    assert "\n" not in str(caught.value)


def test_fixed_ranges_need_examples(tmp_path, files):
    import shutil

    from keras_seqattn.edge.tflite.quantize.stages import quantize

    _, folder, _ = files
    shutil.copyfile(folder / "float32.tflite", tmp_path / "float32.tflite")
    with pytest.raises(ValueError, match="pass examples"):
        quantize(tmp_path / "float32.tflite", tmp_path / "x.tflite", "static_wi8_ai8")


def test_a_source_writes_what_is_written_at_once(tmp_path, files):
    """Of each choice of layers in float the same file, and the source stays as it was."""
    import shutil

    from keras_seqattn.edge.tflite.quantize.stages import Source, quantize

    _, folder, images = files
    for precision in ("dynamic_wi4_afp32", "static_wi8_ai8"):
        exact = tmp_path / "float32.tflite"
        shutil.copyfile(folder / "float32.tflite", exact)
        before = exact.read_bytes()
        source = Source(exact, precision, {"images": images})
        assert "logits" in source.nodes
        for place, kept in enumerate([[], ["logits"], source.nodes[:3]]):
            source.write(tmp_path / "ours.tflite", kept)
            assert exact.read_bytes() == before
            copy = tmp_path / f"copy_{place}.tflite"
            copy.write_bytes(before)
            quantize(copy, tmp_path / "theirs.tflite", precision, {"images": images}, kept)
            assert (tmp_path / "ours.tflite").read_bytes() == (
                tmp_path / "theirs.tflite").read_bytes()
