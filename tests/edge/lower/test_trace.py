"""`keras_seqattn.edge.lower.trace`: a graph computes its model, and says what was left."""

import re

import keras
import numpy as np
import pytest
from keras_models import MODELS, draw, fill

from keras_seqattn.edge.lower import handlers
from keras_seqattn.edge.lower.call import Unfit
from keras_seqattn.edge.lower.limits import check_weights
from keras_seqattn.edge.lower.trace import lower
from keras_seqattn.testing import check_error


class Times(keras.layers.Layer):
    """A layer that the library does not know."""

    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor


class Foreign(keras.layers.Layer):
    """A layer that computes with TensorFlow's functions."""

    def call(self, inputs):
        import tensorflow as tf

        return tf.math.erfinv(tf.tanh(inputs))


class Around(keras.layers.Layer):
    """A layer of a user, made of what the library knows."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = keras.layers.Dense(5, name="inner")

    def call(self, inputs):
        return keras.ops.relu(self.inner(inputs)) + inputs


def _times(lowering, call, inputs):
    layer = call.operation
    if layer.factor < 0:
        raise Unfit("it turns signs")
    weights = {"factor": lowering.array(layer.factor), "offset": lowering.array(0)}
    return lowering.add("scale", layer.name, inputs, weights)


@pytest.fixture
def handle(monkeypatch):
    """Lets a handler lower layers of the class `Times`."""
    return lambda handler: monkeypatch.setitem(handlers.HANDLERS, Times, handler)


def _model(*layers):
    y = x = keras.Input((7, 5), name="x")
    for layer in layers:
        y = layer(y)
    return fill(keras.Model(x, y))


def _check(model, graph, inputs):
    np.testing.assert_allclose(
        next(iter(graph.run_all(inputs).values())), model(inputs["x"]), atol=1e-6)


def outputs_of(model, inputs):
    made = model(inputs if len(inputs) > 1 else next(iter(inputs.values())), training=False)
    return made if isinstance(made, dict) else {model.output_names[0]: made}


@pytest.mark.parametrize("name", MODELS)
def test_a_graph_computes_what_its_model_does(name):
    model = fill(MODELS[name]())
    inputs = draw(model, 3)
    expected = outputs_of(model, inputs)
    actual = lower(model).run_all(inputs)
    assert set(actual) == set(expected)
    for key, array in expected.items():
        np.testing.assert_allclose(actual[key], array, atol=3e-6)


@pytest.mark.parametrize(
    "name", ["mean", "token", "conv", "sinusoidal", "post", "grouped", "rms", "keras"])
def test_attention_of_a_transformer_stays_in_one_piece(name):
    """Rules of folding need it."""
    kinds = [node.kind for node in lower(MODELS[name]()).nodes]
    assert kinds.count("attention") == 2
    assert not {"softmax", "matmul"} & set(kinds)


@pytest.mark.parametrize("name", MODELS)
def test_nothing_of_any_model_is_left(name):
    graph = lower(MODELS[name]())
    assert graph.notes == []
    assert "call" not in {node.kind for node in graph.nodes}


def test_padding_is_not_read():
    """The mask of an embedding goes through a block and a pooling, at several lengths."""
    model = fill(MODELS["masked"]())
    ids = draw(model, 4)["ids"]
    for row, length in enumerate((7, 5, 2, 1)):
        ids[row, length:] = 0
    made = lower(model).run_all({"ids": ids})["logits"]
    np.testing.assert_allclose(made, model(ids), atol=3e-6)
    other = ids.copy()
    other[1, 5:] = 3
    assert np.abs(np.asarray(model(other))[1] - made[1]).max() > 0.01


def test_what_computes_with_its_backend_is_called_and_named():
    model = _model(keras.layers.Dense(5), Foreign(name="foreign"), keras.layers.Dense(3))
    graph = lower(model)
    assert [node.kind for node in graph.nodes] == ["dense", "call", "dense"]
    note, = graph.notes
    assert note.startswith(
        "left as they are, since no handler knows its class, and it cannot be traced (")
    assert note.endswith("): foreign")
    _check(model, graph, draw(model, 2))


def test_what_a_layer_without_a_handler_calls_is_lowered():
    """Two layers and a sum inside, under the name of the layer around them."""
    model = _model(Around(name="around"))
    graph = lower(model)
    assert [(node.kind, node.name) for node in graph.nodes] == [
        ("dense", "around/inner"), ("unary", "around/relu"), ("add", "around/add")]
    assert graph.notes == []
    _check(model, graph, draw(model, 2))


def test_a_layer_called_twice_has_its_weights_at_both_places():
    dense = keras.layers.Dense(5)
    model = _model(dense, dense)
    graph = lower(model)
    assert [node.kind for node in graph.nodes] == ["dense", "dense"]
    _check(model, graph, draw(model, 2))


def test_a_handler_of_an_own_layer_lowers_it(handle):
    model = _model(Times(3.0))
    assert [node.kind for node in lower(model).nodes] == ["constant", "binary"]
    handle(_times)
    graph = lower(model)
    assert [node.kind for node in graph.nodes] == ["scale"]
    assert graph.notes == []
    _check(model, graph, draw(model, 2))


def test_a_layer_whose_handler_does_not_know_the_form_is_opened(handle):
    def unfit(lowering, call, inputs):
        lowering.add("unary", "half done", inputs, function="relu")
        return _times(lowering, call, inputs)

    handle(unfit)
    model = _model(Times(-3.0, name="a"), Times(-2.0, name="b"), Times(5.0, name="c"))
    graph = lower(model)
    assert graph.notes == []
    assert [node.kind for node in graph.nodes] == [
        "constant", "binary", "constant", "binary", "scale"]
    _check(model, graph, draw(model, 2))


def test_the_reason_of_a_handler_is_told_of_what_cannot_be_opened(monkeypatch):
    def unfit(lowering, call, inputs):
        raise Unfit("it is odd")

    monkeypatch.setitem(handlers.HANDLERS, Foreign, unfit)
    model = _model(Foreign(name="a"), Foreign(name="b"))
    note, = lower(model).notes
    assert note.startswith("left as they are, since it is odd, and it cannot be traced (")
    assert note.endswith("): a, b")


def test_what_was_left_but_is_not_read_is_not_named():
    """The second output of a nested model, which the outer model leaves alone."""
    x, y = keras.Input((7, 5), name="x"), keras.Input((7, 5), name="y")
    inner = keras.Model(y, [keras.layers.Dense(3)(y), Foreign()(y)])
    graph = lower(keras.Model(x, inner(x)[0]))
    assert [node.kind for node in graph.nodes] == ["dense"]
    assert graph.notes == []


@pytest.mark.parametrize("error", [ValueError, AttributeError, KeyError])
def test_a_handler_that_fails_is_not_taken_for_one_that_is_unfit(handle, error):
    def broken(lowering, call, inputs):
        raise error("a fault of the handler")

    handle(broken)
    with pytest.raises(error, match="a fault of the handler"):
        lower(_model(Times(3.0)))


@pytest.mark.parametrize("returned", [None, [], [0, "scale"], "scale"])
def test_a_handler_must_return_a_value_for_each_output(handle, returned):
    handle(lambda lowering, call, inputs: returned)
    check_error(lambda: lower(_model(Times(3.0))), TypeError, returned=returned, layer="Times")


def test_a_class_has_one_handler():
    assert handlers.join({int: _times}, {str: _times}) == {int: _times, str: _times}
    check_error(lambda: handlers.join({int: _times}, {str: _times, int: _times}), twice=["int"])


def test_a_model_that_keras_quantised_is_refused():
    model = _model(keras.layers.Dense(3, name="small"))
    model.get_layer("small").quantize("int8")
    check_error(lambda: lower(keras.Sequential([keras.Input((7, 5)), model])),
                layer="small", mode="int8")


def test_a_layer_that_keeps_its_state_is_refused():
    x = keras.Input(batch_shape=(1, 7, 5), name="x")
    model = keras.Model(x, keras.layers.GRU(3, stateful=True, name="kept")(x))
    check_error(lambda: lower(model), layer="kept")
    with pytest.raises(ValueError, match=r"models\.streaming"):
        lower(model)


def test_texts_are_refused():
    x = keras.Input((), dtype="string", name="text")
    layer = keras.layers.TextVectorization(vocabulary=["a", "b"], output_sequence_length=3)
    check_error(lambda: lower(keras.Model(x, layer(x))), inputs=["text"], layers=[layer.name])


def test_the_line_that_takes_texts_out_is_told():
    x, other = keras.Input((), dtype="string", name="text"), keras.Input((5,), name="other")
    layer = keras.layers.TextVectorization(
        vocabulary=["a", "b"], output_sequence_length=3, name="words")
    y = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(4, 5)(layer(x)))
    model = keras.Model([other, x], y + other)
    with pytest.raises(ValueError, match=re.escape(
            "export keras.Model([model.get_layer('words').output, model.inputs[0]], "
            "model.outputs)")):
        lower(model)
    graph = lower(keras.Model(
        [model.get_layer("words").output, model.inputs[0]], model.outputs))
    assert [shape for shape, _ in graph.specs.values()] == [(1, 3), (1, 5)]


def test_texts_inside_a_nested_model_are_told_by_its_name():
    x = keras.Input((1,), dtype="string", name="text")
    words = keras.layers.TextVectorization(vocabulary=["a", "b"], output_sequence_length=3)
    inner = keras.Sequential([words, keras.layers.Embedding(4, 5)], name="reader")
    check_error(lambda: lower(keras.Model(x, inner(x))), layers=["reader"])


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_weights_that_are_no_numbers_are_named(dtype):
    model = keras.Sequential([
        keras.Input((5,)), keras.layers.Dense(3, dtype=dtype, name="lost")])
    kernel = np.ones((5, 3))
    kernel[2, 1] = np.nan
    model.layers[0].kernel.assign(kernel)
    check_error(lambda: check_weights(model), is_nan=[model.layers[0].kernel.path], count=1)


def test_a_model_that_is_not_functional_is_refused():
    class Own(keras.Model):
        def call(self, inputs):
            return inputs

    check_error(lambda: lower(Own()), model="Own")


class WithBackend(keras.layers.Layer):
    """A layer that calls a function of TensorFlow where TensorFlow is the backend."""

    def call(self, inputs):
        if keras.config.backend() == "tensorflow":
            import tensorflow as tf

            return tf.square(inputs)
        return keras.ops.square(inputs)


@pytest.mark.parametrize("layer", [
    WithBackend(), keras.layers.Softmax(axis=(1, 2)), keras.layers.ReLU(6, 0.1, 0.2),
    keras.layers.Normalization(mean=0.5, variance=2.0)])
def test_a_layer_that_computes_with_its_backend_is_opened(layer):
    model = _model(layer)
    graph = lower(model)
    assert graph.notes == []
    _check(model, graph, draw(model, 1))


class Arrays(keras.layers.Layer):
    """Adds a table, which is no symbolic tensor, by a layer of any number of inputs."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._sum = keras.layers.Add()

    def call(self, inputs):
        table = keras.ops.reshape(keras.ops.arange(35, dtype="float32"), (1, 7, 5))
        return self._sum([inputs, inputs, table])


def test_what_a_layer_reads_beside_symbolic_tensors_is_not_lost():
    model = _model(Arrays())
    _check(model, lower(model), draw(model, 1))


class Branches(keras.layers.Layer):
    """Decides by the rank of what it reads, and divides by the size."""

    def call(self, inputs):
        if keras.ops.ndim(inputs) == 3:
            return inputs / keras.ops.cast(keras.ops.size(inputs), "float32")
        return inputs


def test_rank_and_size_are_numbers():
    model = _model(Branches())
    graph = lower(model)
    assert graph.notes == []
    _check(model, graph, draw(model, 1))


def test_sizes_that_a_model_leaves_open_are_given():
    x = keras.Input((None, 5), name="x")
    y = keras.layers.Dense(12)(x)
    model = fill(keras.Model(x, keras.layers.MultiHeadAttention(3, 4)(y, y)))
    graph = lower(model, {"x": (3, 7, 5)})
    assert graph.specs == {"x": ((3, 7, 5), "float32")}
    inputs = np.random.default_rng(1).normal(size=(3, 7, 5)).astype("float32")
    np.testing.assert_allclose(
        next(iter(graph.run({"x": inputs}).values())), model(inputs), atol=1e-6)


def test_outputs_have_names_of_their_own():
    """One layer that is called twice, and a layer with the name that the second would get."""
    x, y = keras.Input((5,), name="x"), keras.Input((5,), name="y")
    head = keras.layers.Dense(3, name="head")
    other = keras.layers.Dense(2, name="head_1")
    model = fill(keras.Model([x, y], [head(x), head(y), other(x)]))
    graph, inputs = lower(model), draw(model, 2)
    assert list(graph.outputs) == ["head", "head_2", "head_1"]
    for made, expected in zip(graph.run_all(inputs).values(), model(list(inputs.values())),
                              strict=True):
        np.testing.assert_allclose(made, expected, atol=1e-6)


@pytest.mark.filterwarnings("ignore:When providing `inputs` as a dict:UserWarning")
def test_dictionaries_name_what_goes_in_and_out():
    """By their keys, against the names of the tensors and against the order of the alphabet."""
    one, two = keras.Input((5,), name="one"), keras.Input((7,), name="two")
    model = fill(keras.Model(
        {"z": one, "a": two},
        {"later": keras.layers.Dense(3)(one), "early": keras.layers.Dense(2)(two)}))
    graph = lower(model)
    rng = np.random.default_rng(1)
    inputs = {"a": rng.normal(size=(2, 7)).astype("float32"),
              "z": rng.normal(size=(2, 5)).astype("float32")}
    made, expected = graph.run_all(inputs), model(inputs)
    assert set(made) == {"later", "early"}
    for name, array in expected.items():
        np.testing.assert_allclose(made[name], array, atol=1e-6)


def test_a_model_is_left_as_it_was():
    """Layers still know the call that the user made, and the model still runs."""
    layer = keras.layers.Dense(3, name="head")
    x = keras.Input((5,), name="x")
    model = keras.Model(x, layer(x))
    before = layer.output
    lower(model)
    assert layer.output is before
    assert keras.Model(model.input, layer.output)(np.ones((2, 5), "float32")).shape == (2, 3)
