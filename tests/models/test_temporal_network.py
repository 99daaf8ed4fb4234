"""`keras_seqattn.models.temporal_network`."""

import keras
import numpy as np
from arrays import array, assert_close, normal

from keras_seqattn import models
from keras_seqattn.testing import check_error


def test_parameter_count():
    """Two convolutions a block, their biases and lengths, and a shortcut where widths differ."""
    model = models.temporal(5, 2, (None, 3), kernel_size=7, dilation_rates=(1, 2, 4))
    convolutions = 7 * (3 + 5 + 4 * 5) * 5 + 6 * 2 * 5
    assert model.count_params() == convolutions + (3 + 1) * 5 + 2 * (5 + 1)


def test_the_answer_is_that_of_the_last_step(rng):
    every, last = (models.temporal(5, 2, (None, 3), every_step=every_step)
                   for every_step in (True, False))
    last.set_weights(every.get_weights())
    x = normal(rng, 2, 7, 3)
    assert_close(last(x), array(every(x))[:, -1])


def test_never_reads_the_future(rng):
    model, x = models.temporal(5, 2, (None, 3), every_step=True), normal(rng, 2, 7, 3)
    y = x.copy()
    y[:, 4:] += 5.0
    before, after = array(model(x)), array(model(y))
    np.testing.assert_array_equal(before[:, :4], after[:, :4])
    assert np.abs(before[:, 4:] - after[:, 4:]).max() > 0.1


def test_saves_and_loads(rng, tmp_path):
    model = models.temporal(5, 2, (None,), vocab_size=7, embed_dim=3, norm="layer")
    model.save(tmp_path / "model.keras")
    tokens = rng.integers(7, size=(3, 11)).astype("int32")
    assert_close(keras.saving.load_model(tmp_path / "model.keras")(tokens), model(tokens), atol=0)


def test_mixed_precision_answers_in_float32():
    model = models.temporal(5, 2, (None, 3), dtype="mixed_bfloat16")
    assert model.get_layer("net").compute_dtype == "bfloat16"
    assert keras.backend.standardize_dtype(model.output.dtype) == "float32"


def test_wrong_arguments_are_told_by_the_layer():
    check_error(lambda: models.temporal(5, 2, (None, 3), kernel_size=1), kernel_size=1)
