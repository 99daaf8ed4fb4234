"""A ViT that sees and a GPT-2 that writes: Hugging Face's numbers and ids from its weights."""

import json

import drawn
import numpy as np
import pytest
from keras import ops
from safetensors.numpy import load_file, save_file
from tolerances import FLOAT32, GOLDEN

from keras_seqattn import checkpoints
from keras_seqattn.checkpoints.families.vision_encoder_decoder import length_power
from keras_seqattn.testing import check_error

VARIANTS = ["projected", "same_width"]


def _load(folder):
    return checkpoints.load_with_report(folder)[0]


def _ids(model, decoded):
    """Tokens as `generate` of transformers returns them: the start in front, padding behind."""
    place = np.arange(decoded.tokens.shape[-1])
    tokens = np.where(place < decoded.lengths[..., None], decoded.tokens, model.pad_token)
    return np.insert(tokens, 0, model.start_token, axis=-1)


@pytest.mark.parametrize("variant", VARIANTS)
def test_logits_and_ids(goldens, variant):
    folder = goldens / "hf_vit_gpt2" / variant
    with np.load(folder / "io.npz", allow_pickle=False) as arrays:
        io = dict(arrays)
    asked = json.loads((folder / "generation.json").read_text(encoding="utf-8"))["beam4"]
    model = _load(folder)
    images, tokens = io["pixel_values"].transpose(0, 2, 3, 1), io["decoder_input_ids"]
    np.testing.assert_allclose(ops.convert_to_numpy(model.encoder(images)),
                               io["encoder_last_hidden_state"], atol=FLOAT32, rtol=0)
    logits = model({"images": images, "tokens": tokens.astype("int32")})
    np.testing.assert_allclose(ops.convert_to_numpy(logits), io["logits"], atol=GOLDEN, rtol=0)

    length = asked["max_length"] - 1  # there the start token counts
    greedy = model.generate(images, max_length=length)
    np.testing.assert_array_equal(_ids(model, greedy), io["greedy_ids"])
    beams = model.generate(
        images, "beam", max_length=length, width=asked["num_beams"], num_best=4,
        length_penalty=length_power(asked["length_penalty"]))
    np.testing.assert_array_equal(_ids(model, beams), io["beam4_all_ids"])
    np.testing.assert_allclose(beams.scores, io["beam4_all_scores"], atol=GOLDEN, rtol=0)
    np.testing.assert_array_equal(_ids(model, beams)[:, 0], io["beam4_ids"])


@pytest.mark.parametrize("name", ["vit", "deit"])
def test_a_deit_an_untied_output_and_several_ends(name, tmp_path):
    made = drawn.recorded("vision_encoder_decoders")[name]
    save_file(drawn.state(made["shapes"]), tmp_path / "model.safetensors")
    for file, config in made["configs"].items():
        (tmp_path / file).write_text(json.dumps(config), encoding="utf-8")
    images, tokens = drawn.images(*made["image_size"]), np.array(made["tokens"], "int32")
    model = _load(tmp_path)
    logits = ops.convert_to_numpy(model({"images": images, "tokens": tokens}))
    np.testing.assert_allclose(logits, made["outputs"], atol=FLOAT32, rtol=0)
    written = np.array(made["written"])
    ids = _ids(model, model.generate(images, max_length=8))
    np.testing.assert_array_equal(ids[:, :written.shape[1]], written)
    checkpoints.save(model, tmp_path / "own.safetensors")
    again = checkpoints.load(tmp_path / "own.safetensors")
    assert again.end_token == model.end_token
    np.testing.assert_array_equal(
        ops.convert_to_numpy(again({"images": images, "tokens": tokens})), logits)


def test_end_tokens_of_the_decoder(pretrained):
    """Without those of the whole, as older files have them."""
    def inside(config):
        config.pop("eos_token_id")
        config["pad_token_id"] = None
        config["decoder"] |= {"eos_token_id": [5, 7], "pad_token_id": None}

    model = _load(pretrained(inside))
    assert (model.end_token, model.pad_token) == ([5, 7], 5)


@pytest.fixture
def pretrained(goldens, tmp_path):
    """Writes a folder with one layer per stack, changed by `config(config)` and `state(state)`."""
    source = goldens / "hf_vit_gpt2" / "projected"

    def write(config=lambda config: None, state=lambda state: None):
        described = json.loads((source / "config.json").read_text(encoding="utf-8"))
        described["encoder"]["num_hidden_layers"] = described["decoder"]["n_layer"] = 1
        arrays = {key: array for key, array in load_file(source / "model.safetensors").items()
                  if ".h.1." not in key and ".layer.1." not in key}
        config(described)
        state(arrays)
        (tmp_path / "config.json").write_text(json.dumps(described), encoding="utf-8")
        save_file(arrays, tmp_path / "model.safetensors")
        return tmp_path

    return write


def test_what_older_files_hold_besides(pretrained):
    """Masks kept as buffers, and the output layer again where it is the embeddings."""
    def more(state):
        state["decoder.transformer.h.0.attn.bias"] = np.ones((1, 1, 20, 20), "bool")
        state["decoder.transformer.h.0.crossattention.masked_bias"] = np.array(-1e4, "float32")
        state["decoder.lm_head.weight"] = state["decoder.transformer.wte.weight"]

    model = _load(pretrained(state=more))
    assert (model.start_token, model.end_token, model.pad_token) == (1, 2, 3)
    assert model.max_length == 20

    def untied(state):
        state["decoder.lm_head.weight"] = state["decoder.transformer.wte.weight"] + 1

    check_error(lambda: _load(pretrained(state=untied)),
                key="decoder.lm_head.weight")


KEY = "decoder.transformer.h.0.crossattention.q_attn.weight"


@pytest.mark.parametrize(("change", "received"), [
    (lambda state: state.pop(KEY), {"key": KEY}),
    (lambda state: state.update({KEY: np.ones((3, 32), "float32")}),
     {"key": KEY, "shape": (3, 32), "expected": (32, 32)}),
    (lambda state: state.update({"decoder.transformer.h.1.ln_1.bias": np.ones(32)}),
     {"keys": ["decoder.transformer.h.1.ln_1.bias"], "number": 1}),
])
def test_states_that_do_not_fit(pretrained, change, received):
    folder = pretrained(state=change)
    check_error(lambda: _load(folder), **received)


@pytest.mark.parametrize(("part", "change", "received"), [
    (None, {"model_type": "vit"}, {"model_type": "vit"}),
    ("encoder", {"model_type": "beit"}, {"model_type": "beit"}),
    ("encoder", {"hidden_act": "selu"}, {"hidden_act": "selu"}),
    ("decoder", {"model_type": "bert"}, {"model_type": "bert"}),
    ("decoder", {"scale_attn_by_inverse_layer_idx": True},
     {"scale_attn_by_inverse_layer_idx": True}),
    ("decoder", {"activation_function": "gelu_old"}, {"activation_function": "gelu_old"}),
    (None, {"eos_token_id": []}, {"eos_token_id": []}),
    (None, {"eos_token_id": "end"}, {"eos_token_id": ["end"]}),
    ("decoder", {"tie_word_embeddings": False}, {"key": "decoder.lm_head.weight"}),
])
def test_models_of_another_kind(pretrained, part, change, received):
    folder = pretrained(lambda config: (config[part] if part else config).update(change))
    check_error(lambda: _load(folder), **received)


def test_folders_that_are_none(pretrained, tmp_path):
    pretrained(lambda config: config["decoder"].pop("n_head"))
    check_error(lambda: _load(tmp_path), missing=["n_head"])
    config = tmp_path / "config.json"
    config.write_text("{", encoding="utf-8")
    check_error(lambda: _load(tmp_path), file=str(config))
    config.unlink()
    check_error(lambda: _load(tmp_path), missing=["model_type", "encoder", "decoder"])


def test_tokens_of_the_generation_go_before_those_of_the_model(pretrained):
    folder = pretrained(lambda config: config.update(eos_token_id=[1, 2]))
    (folder / "generation_config.json").write_text('{"eos_token_id": 5}', encoding="utf-8")
    model = _load(folder)
    assert (model.start_token, model.end_token, model.pad_token) == (1, 5, 3)
