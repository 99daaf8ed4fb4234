"""`keras_seqattn.edge.tflite.quantize.integers`: held against AI Edge Quantizer."""

import re
import tracemalloc

import keras
import numpy as np
import pytest
from keras_models import fill

from keras_seqattn.edge.lower.trace import lower
from keras_seqattn.edge.precisions import ALL_PRECISIONS
from keras_seqattn.edge.tflite import reader, schema
from keras_seqattn.edge.tflite.quantize import integers, plan, rounding
from keras_seqattn.edge.tflite.session import Session
from keras_seqattn.edge.tflite.write import writer

pytestmark = pytest.mark.edge
WORDS = 67
LENGTHS = (3, 23)
PRECISIONS = ("float16", "weight_only_wi8_afp32", "dynamic_wi8_afp32", "dynamic_wi4_afp32")


def _picture():
    """Convolutions before dense layers: of whole blocks of 32, and of 37."""
    x = keras.Input((11, 7, 3), name="x")
    y = keras.layers.DepthwiseConv2D(3, padding="same")(x)
    y = keras.layers.Conv2D(8, 3, strides=2, activation="relu")(y)
    y = keras.layers.Dense(37)(keras.layers.Dense(64, use_bias=False)(
        keras.layers.Flatten()(keras.layers.Conv2D(32, (3, 2))(y))))
    return keras.Model(x, keras.layers.Dense(5)(y))


def _words():
    """A table, and another that is read a second time to make logits."""
    ids = keras.Input((13,), dtype="int32", name="ids")
    tied = keras.layers.ReversibleEmbedding(WORDS, 64)
    y = tied(ids) + keras.layers.Embedding(WORDS, 64)(ids)
    return keras.Model(ids, tied(y, reverse=True))


def _spread():
    """Kernels that are stored as integers and computed with in float."""
    x = keras.Input((11, 7, 5), name="x")
    y = keras.layers.DepthwiseConv2D(3, depth_multiplier=2)(x)
    return keras.Model(x, keras.layers.Conv2DTranspose(3, 2, strides=2)(y))


MODELS = {"picture": _picture, "words": _words}


def _float(folder, graphs):
    path = folder / "float32.tflite"
    writer.write(graphs, path)
    return path


def _lengths():
    """One model at two lengths: two signatures that share all weights, with a loop in each."""
    x = keras.Input((None, 32), name="x")
    y = keras.layers.Dense(64)(keras.layers.SimpleRNN(32, return_sequences=True)(x))
    model = fill(keras.Model(x, keras.layers.Dense(5)(y)))
    return model, {f"of_{length}": lower(model, {"x": (1, length, 32)}) for length in LENGTHS}


def _plan(path, precision):
    made = plan.make(reader.read(path, write=True), ALL_PRECISIONS[precision])
    if made.precision.weights == 4:
        rounding.round_file(made)
    return made


def _theirs(made, source, out):
    """Writes a plan as AI Edge Quantizer does it."""
    from ai_edge_quantizer import quantizer

    types = schema.quantizer_settings()
    algorithm = "min_max_uniform_quantize"
    other = quantizer.Quantizer(str(source))
    for op in filter(plan.is_weighted, made.file.ops):
        if op in made.kept:
            continue
        bits, block = made.grid(op)
        weights = types.TensorQuantizationConfig(
            bits, symmetric=True,
            granularity=types.QuantGranularity[f"BLOCKWISE_{block}" if block else "CHANNELWISE"])
        stored = bits == 8 and op in made.stored
        if made.precision.weights == "float16":
            algorithm, stored = "float_casting", True
            weights = types.TensorQuantizationConfig(16, dtype=types.TensorDataType.FLOAT)
        config = types.OpQuantizationConfig(
            None, weights, types.ComputePrecision["FLOAT" if stored else "INTEGER"], stored)
        other.update_quantization_recipe(
            f"^{re.escape(op.outputs[0].name)};?$", op.name, config, algorithm)
    other.quantize(None, str(out), enable_progress_bar=False, enable_progress_report=False)


def _both(folder, graphs, precision):
    """Our file and that of AI Edge Quantizer, of the same weights."""
    made = _plan(path := _float(folder, graphs), precision)
    integers.write(made, folder / "ours.tflite")
    _theirs(made, path, folder / "theirs.tflite")
    return folder / "ours.tflite", folder / "theirs.tflite"


def _ours(folder, graphs, precision):
    out = folder / "ours.tflite"
    integers.write(_plan(_float(folder, graphs), precision), out)
    return out


def _one(model):
    return {writer.SIGNATURE: lower(model)}


def _weights(path):
    """Per op with weights: op, type, shape, bytes, steps, axis, whether behind a `DEQUANTIZE`."""
    model = schema.unpacked(path.read_bytes())
    found = []
    for graph, table in zip(reader.read(path).graphs, model.subgraphs, strict=True):
        for op in graph.ops:
            if op.name not in plan.WEIGHTED:
                continue
            read = op.given[1]
            maker = graph.maker(read)
            read = maker.given[0] if maker else read
            raw = table.tensors[read.index]
            grid = raw.quantization
            details = None if grid is None else grid.details
            steps = () if grid is None or grid.scale is None else grid.scale
            axis = None if grid is None else grid.quantizedDimension
            if details is not None:
                steps = model.buffers[table.tensors[details.scales].buffer].data.view("float16")
                axis = details.blockSize
            found.append((op.name, read.dtype, read.shape, bytes(model.buffers[raw.buffer].data),
                          np.asarray(steps, "float32"), axis, bool(maker)))
    return found


def _ops(path):
    """Names of the ops of each graph; of `DEQUANTIZE` `_weights` tells."""
    return [[op.name for op in graph.ops if op.name != "DEQUANTIZE"]
            for graph in reader.read(path).graphs]


def _alike(ours, theirs):
    """Holds both files to the same ops, integers and steps; returns how many weights there are."""
    assert _ops(ours) == _ops(theirs)
    for (*facts, steps, axis, restored), (*same, their_steps, their_axis, also) in zip(
            _weights(ours), _weights(theirs), strict=True):
        assert (facts, axis, restored) == (same, their_axis, also)
        np.testing.assert_array_equal(steps, their_steps)
    return len(_weights(ours))


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(("name", "count"), [("picture", 6), ("words", 3)])
def test_integers_and_steps_are_those_of_the_other_program(tmp_path, name, count, precision):
    assert _alike(*_both(tmp_path, _one(fill(MODELS[name]())), precision)) == count


@pytest.mark.parametrize("precision", PRECISIONS)
def test_loops_and_several_signatures_too(tmp_path, precision):
    _, graphs = _lengths()
    ours, theirs = _both(tmp_path, graphs, precision)
    assert [[name for name in ops if name == "WHILE"] for ops in _ops(ours)].count(["WHILE"]) == 1
    assert _alike(ours, theirs) > 8
    assert ours.stat().st_size < 1.03 * theirs.stat().st_size


@pytest.mark.parametrize(("precision", "tolerance"), [
    ("float16", 1e-3), ("weight_only_wi8_afp32", 0.02), ("dynamic_wi8_afp32", 0.03),
    ("dynamic_wi4_afp32", 0.6)])
def test_each_signature_computes_nearly_what_keras_does(tmp_path, rng, precision, tolerance):
    model, graphs = _lengths()
    out = _ours(tmp_path, graphs, precision)
    for name, length in zip(graphs, LENGTHS, strict=True):
        x = rng.normal(size=(1, length, 32)).astype("float32")
        made, = Session(out, signature=name).run(x=x).values()
        error = np.abs(made - model(x)).max() / np.abs(model(x)).max()
        assert 0 < error < tolerance


@pytest.mark.parametrize("precision", ["dynamic_wi8_afp32", "dynamic_wi4_afp32"])
def test_a_weight_is_stored_once_however_many_read_it(tmp_path, precision):
    _, graphs = _lengths()
    out = reader.read(_ours(tmp_path, graphs, precision))
    wide = [tensor for tensor in out.tensors if tensor.is_constant and len(tensor.shape) == 2
            and tensor.shape[0] > 1]
    kernels = [tensor for tensor in wide if tensor.dtype in ("int8", "int4")]
    assert len({tensor.buffer for tensor in kernels}) == 4
    assert len(kernels) > 4
    assert {tensor.dtype for tensor in wide} <= {"int8", "int4", "float16"}   # which are steps


def test_kernels_that_are_stored_are_restored_before_they_are_read(tmp_path):
    graph, = reader.read(_ours(tmp_path, _one(fill(_spread())), "dynamic_wi8_afp32")).graphs
    for name in plan.STORED:
        op, = (op for op in graph.ops if op.name == name)
        restoring = graph.maker(op.given[1])
        assert restoring.name == "DEQUANTIZE"
        assert restoring.given[0].dtype == "int8"
        assert len(restoring.given[0].scales) == op.given[1].shape[plan.WEIGHTED[name].axis]


def test_a_transposed_kernel_lies_on_the_grids_of_its_filters(tmp_path):
    """The other program leaves it in float."""
    model = fill(_spread())
    out = reader.read(_ours(tmp_path, _one(model), "dynamic_wi8_afp32"))
    op, = (op for op in out.ops if op.name == plan.TRANSPOSED)
    stored = out.graphs[0].maker(op.given[1]).given[0]
    exact = model.layers[-1].get_weights()[0].transpose(2, 0, 1, 3)           # filters first
    steps = np.abs(exact).max((1, 2, 3)) / 127
    np.testing.assert_allclose(stored.scales, steps, rtol=1e-6)
    np.testing.assert_allclose(
        out.array(stored), exact / steps[:, None, None, None], atol=0.5001)


def _recurrent(units=13):
    x = keras.Input((5, 7), name="x")
    there = keras.layers.LSTM(units, return_sequences=True)
    again = keras.layers.LSTM(units, return_sequences=True)
    y = there(x)
    return fill(keras.Model(x, again(again(y))))


def test_a_fused_lstm_multiplies_integers(tmp_path, rng):
    """One step for each matrix of a gate; of a layer that is called twice the matrices once."""
    model = _recurrent()
    path = _ours(tmp_path, _one(model), "dynamic_wi8_afp32")
    file, table = reader.read(path), schema.unpacked(path.read_bytes())
    operators = [op for op in table.subgraphs[0].operators
                 if hasattr(op.builtinOptions, "asymmetricQuantizeInputs")]
    assert [op.builtinOptions.asymmetricQuantizeInputs for op in operators] == [True] * 3
    ops = [op for op in file.ops if op.name == plan.LSTM]
    first, second, third = ([op.inputs[place] for place in integers.GATES] for op in ops)
    assert second == third
    gates = [gate.T for kernel in model.layers[1].get_weights()[:2]
             for gate in np.split(kernel, 4, axis=1)]
    for tensor, gate in zip(first, gates, strict=True):
        step, = tensor.scales
        assert tensor.dtype == "int8"
        np.testing.assert_allclose(step, np.abs(gate).max() / 127, rtol=1e-6)
        np.testing.assert_array_equal(file.array(tensor), np.rint(gate / step))
    x = rng.normal(size=(1, 5, 7)).astype("float32")
    made, = Session(path).run(x=x).values()
    assert 0 < np.abs(made - model(x)).max() < 0.02


@pytest.mark.parametrize(("precision", "dtype"), [
    ("float16", "float32"), ("weight_only_wi8_afp32", "int8"), ("dynamic_wi4_afp32", "int8")])
def test_a_fused_lstm_has_kernels_for_floats_and_for_8_bits(tmp_path, precision, dtype):
    file = reader.read(_ours(tmp_path, _one(_recurrent()), precision))
    assert {op.inputs[1].dtype for op in file.ops if op.name == plan.LSTM} == {dtype}


def test_convolutions_by_float16_have_a_bias_of_float16(tmp_path):
    """TensorFlow Lite 2.19 takes a float32 bias for one."""
    graph, = reader.read(_ours(tmp_path, _one(fill(_picture())), "float16")).graphs
    for op in graph.ops:
        if op.name in plan.WEIGHTED and plan.bias(op) is not None:
            maker = graph.maker(plan.bias(op))
            is_half = maker is not None and maker.given[0].dtype == "float16"
            assert is_half == (op.name in integers.CONVOLUTIONS)


def test_a_block_of_zeros_has_a_step(tmp_path):
    """Such as the row of padding of a table that also makes the logits."""
    model = fill(_words())
    table = model.layers[1].get_weights()[0]
    table[0] = 0
    model.layers[1].set_weights([table])
    path = _ours(tmp_path, _one(model), "dynamic_wi4_afp32")
    for *_, steps, _, _ in _weights(path):
        assert (steps > 0).all()
    ids = np.arange(13, dtype="int32")[None]
    made, = Session(path).run(ids=ids).values()
    assert np.abs(made - model(ids)).max() < 0.5 * np.abs(model(ids)).max()


def test_the_float_file_stays_as_it_was(tmp_path):
    made = _plan(path := _float(tmp_path, _lengths()[1]), "dynamic_wi8_afp32")
    before = path.read_bytes()
    integers.write(made, tmp_path / "ours.tflite")
    assert path.read_bytes() == before


def test_memory_is_that_of_the_integers(tmp_path):
    """Four weights of 4 MiB each: the integers, and one weight in float at a time."""
    x = y = keras.Input((1024,), name="x")
    for _ in range(4):
        y = keras.layers.Dense(1024, use_bias=False)(y)
    made = _plan(_float(tmp_path, _one(keras.Model(x, y))), "dynamic_wi8_afp32")
    tracemalloc.start()
    try:
        integers.write(made, tmp_path / "ours.tflite")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 0.9 * reader.read(tmp_path / "float32.tflite").weight_bytes
