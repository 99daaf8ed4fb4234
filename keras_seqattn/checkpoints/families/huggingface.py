"""Models of Hugging Face's transformers, from the folder that `save_pretrained` writes.

`vision_encoder_decoder` reads a VisionEncoderDecoderModel of a ViT and a GPT-2. Differences of the
manner, not of the numbers: images have their channels last here, and written tokens begin behind
the start token and end in zeros.
"""

import dataclasses
import functools
import pathlib

import keras
import numpy as np

from keras_seqattn.checkpoints.families.huggingface_vit import fill_vit, layout
from keras_seqattn.checkpoints.files.config import activation, check, need, read_config
from keras_seqattn.checkpoints.weights.filling import hand_over
from keras_seqattn.checkpoints.weights.state import State, fill, fill_norm, linear
from keras_seqattn.errors import explain
from keras_seqattn.models.vision_encoder_decoder import vision_text

# In the files, but not computed with: the pooler, masks kept as buffers, a copy of the embeddings.
_UNUSED = (r"encoder\.pooler\..*|decoder\.lm_head\.weight"
           r"|decoder\.transformer\.h\.\d+\.(attn|crossattention)\.(masked_)?bias")


@functools.cache  # the same function each time, so that `generate` compiles once
def length_power(exponent):
    """The length penalty of `generate` in transformers: `length ** exponent`.

    Args:
        exponent: Its `length_penalty`, of which 1.0 is the default there.

    Returns:
        Function for `length_penalty` of `decoding.beam`.

    >>> length_power(2.0)(3.0)
    9.0
    """
    return lambda length: length ** exponent


def vision_encoder_decoder(folder, state=None):
    """Loads a VisionEncoderDecoderModel: a ViT that sees and a GPT-2 that writes.

    Args:
        folder: Folder with `config.json`, `model.safetensors` and, if it has one,
            `generation_config.json`.
        state: `State` of the folder, if it is open already.

    Returns:
        `models.vision_text.VisionText`. Called with `images`, `(B, height, width, channels)`, and
        `tokens`, int32 `(B, T)` with the start token in front, it returns the logits; `.encoder`
        returns the last hidden state of the ViT. `generate(images, "beam", width=4, num_best=4,
        length_penalty=length_power(1.0), max_length=n)` writes as transformers does with
        `max_length=n + 1`, which counts the start token too.

    Raises:
        ValueError: a file is missing or broken; the model is of another type; it has a part that
            is not built here; a key is missing, has no place or its array another shape.
    """
    folder = pathlib.Path(folder)
    config = need(read_config(folder / "config.json"), "model_type", "encoder", "decoder")
    generation = folder / "generation_config.json"
    tokens = {**config, **(read_config(generation) if generation.is_file() else {})}
    check(config, model_type="vision-encoder-decoder")
    seeing = need(
        config["encoder"], "model_type", "image_size", "patch_size", "num_channels",
        "num_hidden_layers", "num_attention_heads", "hidden_size", "intermediate_size")
    writing = need(config["decoder"], "model_type", "vocab_size", "n_positions", "n_layer",
                   "n_head", "n_embd")
    check(seeing, model_type="vit")
    check(writing, model_type="gpt2", add_cross_attention=True, scale_attn_weights=True,
          scale_attn_by_inverse_layer_idx=False, tie_word_embeddings=True)
    state = State(folder) if state is None else state
    encoder = _encoder(state.under("encoder."), seeing)
    model = vision_text(
        encoder, writing["vocab_size"], writing["n_positions"], writing["n_layer"],
        writing["n_head"], writing["n_embd"], writing.get("n_inner"),
        activation=activation(writing, "activation_function", "gelu_new"),
        epsilon=writing.get("layer_norm_epsilon", 1e-5),
        dropout=writing.get("resid_pdrop", 0.1), attention_dropout=writing.get("attn_pdrop", 0.1),
        start_token=_token(tokens, "decoder_start_token_id"),
        end_token=_token(tokens, "eos_token_id"), pad_token=_token(tokens, "pad_token_id"))

    _fill_gpt2(model, state.under("decoder.transformer."), writing)
    if seeing["hidden_size"] != writing["n_embd"]:
        fill(model.get_layer("projection"),
             *linear(state, "enc_to_dec_proj", seeing["hidden_size"], writing["n_embd"]))
    _check_tied(state, writing)
    state.finish(_UNUSED)
    return model


def _encoder(state, config):
    model = fill_vit(state, dataclasses.replace(layout(distilled=False), logits=None), config)
    return keras.Model(model.input, model.get_layer("norm").output, name="encoder")


def _fill_gpt2(model, state, config):
    dim = config["n_embd"]
    inner = config.get("n_inner") or 4 * dim

    def conv1d(part, name, inputs, outputs):
        return linear(part, name, inputs, outputs, transposed=False)

    def fill_split(attention, names, kernel, bias):
        """GPT-2 keeps several projections side by side in one kernel."""
        kernels, biases = (np.split(x, len(names), axis=-1) for x in (kernel, bias))
        for name, each, shift in zip(names, kernels, biases, strict=True):
            fill(getattr(attention, f"{name}_dense"), each, shift)

    hand_over(
        model.get_layer("embedding").embeddings,
        state.take("wte.weight", config["vocab_size"], dim))
    hand_over(
        model.get_layer("position").embeddings,
        state.take("wpe.weight", config["n_positions"], dim))
    for i in range(config["n_layer"]):
        block, part = model.get_layer(f"decoder_{i}"), state.under(f"h.{i}.")
        fill_split(block.self_attention, ("query", "key", "value"),
                   *conv1d(part, "attn.c_attn", dim, 3 * dim))
        fill(block.self_attention.output_dense, *conv1d(part, "attn.c_proj", dim, dim))
        fill_split(block.cross_attention, ("query",),
                   *conv1d(part, "crossattention.q_attn", dim, dim))
        fill_split(block.cross_attention, ("key", "value"),
                   *conv1d(part, "crossattention.c_attn", dim, 2 * dim))
        fill(block.cross_attention.output_dense,
             *conv1d(part, "crossattention.c_proj", dim, dim))
        fill(block.feed_forward.hidden_dense, *conv1d(part, "mlp.c_fc", dim, inner))
        fill(block.feed_forward.output_dense, *conv1d(part, "mlp.c_proj", inner, dim))
        fill_norm(block.self_attention_norm, part, "ln_1", dim)
        fill_norm(block.cross_attention_norm, part, "ln_cross_attn", dim)
        fill_norm(block.feed_forward_norm, part, "ln_2", dim)
    fill_norm(model.get_layer("norm"), state, "ln_f", dim)


def _check_tied(state, config):
    """Older files hold the output layer again, which must be the embeddings."""
    key, sizes = "decoder.lm_head.weight", (config["vocab_size"], config["n_embd"])
    if key in state and not np.array_equal(
            state.take(key, *sizes), state.take("decoder.transformer.wte.weight", *sizes)):
        raise ValueError(explain(
            "the output layer of the checkpoint must be its table of embeddings", key=key,
            fix="use a model with tie_word_embeddings"))


def _token(tokens, name):
    token = tokens.get(name)
    token = token[0] if isinstance(token, list) and len(token) == 1 else token
    if not isinstance(token, int):
        raise ValueError(explain(
            f"the configuration must name one `{name}`", **{name: token},
            fix="set it in generation_config.json"))
    return token
