"""ImageGPT: Hugging Face's numbers and ids from its weights."""

import json

import keras
import numpy as np
import pytest
from arrays import array, assert_close
from safetensors.numpy import load_file
from tolerances import FLOAT32

from keras_seqattn.checkpoints.families import image_gpt
from keras_seqattn.checkpoints.weights.state import State
from keras_seqattn.testing import check_error


@pytest.fixture
def folder(goldens):
    return goldens / "hf_imagegpt" / "tiny"


@pytest.fixture
def arrays(folder):
    return load_file(folder / "model.safetensors")


def test_logits_and_ids(folder, arrays):
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    with np.load(folder / "io.npz", allow_pickle=False) as file:
        io = dict(file)
    model = image_gpt.load(State(arrays), config)
    tokens = io["input_ids"].astype("int32")
    hidden = keras.Model(model.input, model.get_layer("norm").output)
    assert_close(hidden({"tokens": tokens}), io["last_hidden_state"], atol=FLOAT32)
    assert_close(model({"tokens": tokens}), io["logits"], atol=FLOAT32)
    assert (tokens[:, 0] == model.start_token).all()
    prompt, wanted = io["prompt_ids"].astype("int32"), io["greedy_ids"]
    np.testing.assert_array_equal(
        model.generate(prompt[:, 1:], max_length=wanted.shape[1]).tokens, wanted)


def test_sizes_are_read_from_the_arrays(arrays):
    """Only the number of heads is not; older files hold masks as well."""
    arrays["transformer.h.0.attn.bias"] = np.ones((1, 1, 36, 36), "uint8")
    arrays["transformer.h.1.attn.masked_bias"] = np.array(-1e4, "float32")
    model = image_gpt.load(State(arrays), {"n_head": 4})
    assert (model.vocab_size, model.max_length) == (65, 36)
    assert_close(model.get_layer("logits").kernel, arrays["lm_head.weight"].T, atol=0)
    assert array(model.get_layer("decoder_1").feed_forward.hidden_dense.kernel).shape == (48, 192)


KEY = "transformer.h.1.mlp.c_proj.weight"


@pytest.mark.parametrize(("change", "received"), [
    (lambda state: state.pop(KEY), {"key": KEY}),
    (lambda state: state.update({KEY: np.ones((3, 48), "float32")}),
     {"key": KEY, "shape": (3, 48), "expected": (192, 48)}),
    (lambda state: state.update({"score.weight": np.ones((2, 48))}),
     {"keys": ["score.weight"], "number": 1}),
])
def test_states_that_do_not_fit(arrays, change, received):
    change(arrays)
    check_error(lambda: image_gpt.load(State(arrays), {"n_head": 4}), **received)


@pytest.mark.parametrize(("config", "received"), [
    ({}, {"missing": ["n_head"]}), ({"n_head": 5}, {"num_heads": 5, "embed_dim": 48}),
    ({"n_head": 4, "model_type": "gpt2"}, {"model_type": "gpt2"}),
    ({"n_head": 4, "tie_word_embeddings": True}, {"tie_word_embeddings": True}),
    ({"n_head": 4, "scale_attn_weights": False}, {"scale_attn_weights": False}),
    ({"n_head": 4, "activation_function": "mish"}, {"activation_function": "mish"})])
def test_models_of_another_kind(arrays, config, received):
    check_error(lambda: image_gpt.load(State(arrays), config), **received)
