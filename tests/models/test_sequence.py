"""`keras_seqattn.models.sequence`."""

import keras
import numpy as np
import pytest
from arrays import array, assert_close, normal

from keras_seqattn import models
from keras_seqattn.testing import check_error

STREAM = 1e-6   # the same sums over the same numbers
MODELS = {
    "rnn": lambda **kwargs: models.recurrent("rnn", 5, 2, (None, 3), **kwargs),
    "gru": lambda **kwargs: models.recurrent("gru", 5, 2, (None, 3), num_layers=2, **kwargs),
    "lstm": lambda **kwargs: models.recurrent("lstm", 5, 2, (None, 3), **kwargs),
    "temporal": lambda **kwargs: models.temporal(
        5, 2, (None, 3), dilation_rates=(1, 2), **kwargs),
}


def _drawn(rng, model):
    model.set_weights([0.5 * normal(rng, *weight.shape) for weight in model.weights])
    return model


def _streamed(stream, x, sizes):
    """The outputs of a streaming model that is given chunks of these sizes."""
    state = {each.name: keras.ops.zeros((len(x), *each.shape[1:]))
             for each in stream.inputs if each.name != "inputs"}
    outputs = []
    for chunk in np.split(x, np.cumsum(sizes)[:-1], axis=1):
        state = stream({"inputs": keras.ops.convert_to_tensor(chunk), **state})
        outputs.append(array(state.pop("outputs")))
    return np.concatenate(outputs, axis=1)


@pytest.mark.parametrize("name", MODELS)
def test_chunks_give_the_whole_at_every_real_step(rng, name):
    """With padding before, between and after; the longest chunk is beyond the receptive field."""
    model = _drawn(rng, MODELS[name](every_step=True, mask_value=0.0))
    x = normal(rng, 3, 19, 3)
    x[0, :3] = x[1, 5:9] = x[2, 15:] = 0
    whole, real = array(model(x)), x.any(axis=-1)
    stream = models.streaming(model, length=None)
    for sizes in ([1] * 3 + [16], [2, 3, 14]):
        assert_close(_streamed(stream, x, sizes)[real], whole[real], STREAM)


@pytest.mark.parametrize("name", MODELS)
def test_padding_cannot_change_the_answer(rng, name):
    """The answer is that of the last real step, which the stream gives, too."""
    model, x = _drawn(rng, MODELS[name](mask_value=0.0)), normal(rng, 2, 7, 3)
    alone = array(model(x))
    zeros = np.zeros((2, 3, 3), "float32")
    assert_close(model(np.concatenate([zeros, x, zeros], axis=1)), alone)
    assert_close(_streamed(models.streaming(model, None), x, [4, 3])[:, -1], alone)


def test_a_stream_of_tokens_saves_and_loads(rng, tmp_path):
    model = _drawn(rng, models.temporal(5, 2, (None,), vocab_size=11, embed_dim=3, every_step=True))
    tokens = rng.integers(11, size=(2, 9)).astype("int32")
    whole, real = array(model(tokens)), tokens > 0
    models.streaming(model, length=3).save(tmp_path / "stream.keras")
    stream = keras.saving.load_model(tmp_path / "stream.keras")
    assert_close(_streamed(stream, tokens, [3, 3, 3])[real], whole[real], STREAM)


def test_a_stream_is_a_copy(rng):
    model, x = MODELS["gru"](), normal(rng, 2, 1, 3)
    stream = models.streaming(model)
    before = _streamed(stream, x, [1])
    _drawn(rng, model)
    np.testing.assert_array_equal(_streamed(stream, x, [1]), before)


def test_what_reads_the_future_cannot_stream():
    both = models.recurrent("gru", 5, 2, (None, 3), bidirectional=True)
    check_error(lambda: models.streaming(both), layer="both_0", layer_class="Bidirectional")
    check_error(lambda: models.streaming(MODELS["rnn"](), length=0), length=0)


@pytest.mark.parametrize(("kwargs", "received"), [
    ({"input_shape": (None,)}, {"input_shape": (None,), "vocab_size": None}),
    ({"vocab_size": 7}, {"input_shape": (None, 3), "vocab_size": 7}),
    ({"vocab_size": 7, "input_shape": (None,), "mask_value": 0.0}, {"mask_value": 0.0}),
    ({"vocab_size": 0, "input_shape": (None,)}, {"vocab_size": 0}),
    ({"num_outputs": 0}, {"num_outputs": 0}),
])
def test_wrong_inputs_and_outputs(kwargs, received):
    arguments = {"num_outputs": 2, "input_shape": (None, 3), **kwargs}
    check_error(lambda: models.temporal(5, **arguments), **received)
