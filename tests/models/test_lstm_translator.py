"""`keras_seqattn.models.lstm_translator`."""

import keras
import numpy as np
import pytest
from compiled import check_gradients, on_tensorflow

from keras_seqattn.models.lstm_translator import seq2seq
from keras_seqattn.testing import check_error

SOURCE = np.array([[4, 5, 2, 0, 0], [3, 4, 7, 8, 2]], "int32")
TOKENS = np.array([[1, 4, 5], [1, 7, 8]], "int32")


@pytest.fixture(scope="module")
def model():
    model, rng = seq2seq(11, 7, embed_dim=3, units=5, num_layers=2), np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(scale=0.5, size=weight.shape))
    return model


def test_steps_are_the_columns_of_the_full_pass(model):
    logits = np.asarray(model({"source": SOURCE, "tokens": TOKENS}))
    state = model.start(keras.ops.convert_to_tensor(SOURCE))
    for position in range(3):
        column, state = model.step(keras.ops.convert_to_tensor(TOKENS[:, position]), state)
        np.testing.assert_allclose(column, logits[:, position], atol=1e-5)


def test_all_that_is_known_of_the_source_is_one_state(model):
    """The bottleneck: two hidden and two cell states of five numbers."""
    state = model.start(keras.ops.convert_to_tensor(SOURCE))
    assert {name: tuple(each.shape) for name, each in state.items()} == {
        "hidden_0": (2, 5), "cell_0": (2, 5), "hidden_1": (2, 5), "cell_1": (2, 5)}


def test_padding_of_the_source_changes_nothing(model):
    np.testing.assert_allclose(
        model({"source": SOURCE[:1, :3], "tokens": TOKENS[:1]}),
        model({"source": SOURCE[:1], "tokens": TOKENS[:1]}), atol=1e-6)


def test_generates_and_comes_back_from_disk(model, tmp_path):
    model.save(tmp_path / "model.keras")
    copy = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(copy.generate(SOURCE).tokens, model.generate(SOURCE).tokens)
    assert model.generate(SOURCE, "beam", width=3).tokens.shape == (2, 1, 7)


def test_bad_arguments():
    check_error(lambda: seq2seq(11, 7, units=0), units=0)


@on_tensorflow
def test_gradients_compiled_by_xla(model):
    check_gradients(model, model, {"source": SOURCE, "tokens": TOKENS})
