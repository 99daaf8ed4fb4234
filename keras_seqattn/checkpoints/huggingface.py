"""Models of Hugging Face's transformers, from the folder that `save_pretrained` writes.

`vision_encoder_decoder` reads a VisionEncoderDecoderModel of a ViT and a GPT-2. Differences of the
manner, not of the numbers: images have their channels last here, and written tokens begin behind
the start token and end in zeros.
"""

import functools
import json
import pathlib

import keras
import numpy as np

from keras_seqattn.checkpoints.state import State, fill, fill_norm, linear
from keras_seqattn.errors import explain, nearest
from keras_seqattn.layers import gelu_tanh
from keras_seqattn.models.vision_text import vision_text
from keras_seqattn.models.vit import vit

ACTIVATIONS = {"gelu": "gelu", "gelu_new": gelu_tanh, "gelu_pytorch_tanh": gelu_tanh,
               "relu": "relu", "silu": "silu"}
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


def vision_encoder_decoder(folder):
    """Loads a VisionEncoderDecoderModel: a ViT that sees and a GPT-2 that writes.

    Args:
        folder: Folder with `config.json`, `model.safetensors` and, if it has one,
            `generation_config.json`.

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
    config = _need(_read(folder / "config.json"), "model_type", "encoder", "decoder")
    generation = folder / "generation_config.json"
    tokens = {**config, **(_read(generation) if generation.is_file() else {})}
    _check(config, model_type="vision-encoder-decoder")
    seeing = _need(
        config["encoder"], "model_type", "image_size", "patch_size", "num_channels",
        "num_hidden_layers", "num_attention_heads", "hidden_size", "intermediate_size")
    writing = _need(config["decoder"], "model_type", "vocab_size", "n_positions", "n_layer",
                    "n_head", "n_embd")
    _check(seeing, model_type="vit", hidden_act="gelu", qkv_bias=True)
    _check(writing, model_type="gpt2", add_cross_attention=True, scale_attn_weights=True,
           scale_attn_by_inverse_layer_idx=False, tie_word_embeddings=True)
    name = writing.get("activation_function", "gelu_new")
    if name not in ACTIVATIONS:
        raise ValueError(explain("`activation_function` is not known", activation_function=name,
                                 fix=nearest(name, ACTIVATIONS)))
    encoder = _vit(seeing)
    model = vision_text(
        encoder, writing["vocab_size"], writing["n_positions"], writing["n_layer"],
        writing["n_head"], writing["n_embd"], writing.get("n_inner"),
        activation=ACTIVATIONS[name], epsilon=writing.get("layer_norm_epsilon", 1e-5),
        dropout=writing.get("resid_pdrop", 0.1), attention_dropout=writing.get("attn_pdrop", 0.1),
        start_token=_token(tokens, "decoder_start_token_id"),
        end_token=_token(tokens, "eos_token_id"), pad_token=_token(tokens, "pad_token_id"))

    state = State(folder / "model.safetensors")
    _fill_vit(encoder, state.under("encoder."), seeing)
    _fill_gpt2(model, state.under("decoder.transformer."), writing)
    if seeing["hidden_size"] != writing["n_embd"]:
        fill(model.get_layer("projection"),
             *linear(state, "enc_to_dec_proj", seeing["hidden_size"], writing["n_embd"]))
    _check_tied(state, writing)
    state.finish(_UNUSED)
    return model


def _vit(config):
    side = config["image_size"]
    height, width = (side, side) if isinstance(side, int) else side
    classifier = vit(
        "nano", config["patch_size"], (height, width, config["num_channels"]), num_classes=1,
        num_layers=config["num_hidden_layers"], num_heads=config["num_attention_heads"],
        embed_dim=config["hidden_size"], mlp_dim=config["intermediate_size"],
        dropout=config.get("hidden_dropout_prob", 0.0),
        attention_dropout=config.get("attention_probs_dropout_prob", 0.0),
        epsilon=config.get("layer_norm_eps", 1e-12))
    return keras.Model(classifier.input, classifier.get_layer("norm").output, name="encoder")


def _fill_vit(encoder, state, config):
    dim, inner, side = config["hidden_size"], config["intermediate_size"], config["patch_size"]
    patches, bias = encoder.get_layer("patches").weights
    name = "embeddings.patch_embeddings.projection"
    kernel = state.take(f"{name}.weight", dim, config["num_channels"], side, side)
    patches.assign(kernel.transpose(2, 3, 1, 0))                             # (P, P, channels, D)
    bias.assign(state.take(f"{name}.bias", dim))
    encoder.get_layer("class_token").token.assign(state.take("embeddings.cls_token", 1, 1, dim))
    positions = encoder.get_layer("positions").embeddings
    positions.assign(state.take("embeddings.position_embeddings", 1, *positions.shape)[0])
    for i in range(config["num_hidden_layers"]):
        block, part = encoder.get_layer(f"block_{i}"), state.under(f"encoder.layer.{i}.")
        attention, feed_forward = block.attention, block.feed_forward
        for dense, name in ((attention.query_dense, "query"), (attention.key_dense, "key"),
                            (attention.value_dense, "value")):
            fill(dense, *linear(part, f"attention.attention.{name}", dim, dim))
        fill(attention.output_dense, *linear(part, "attention.output.dense", dim, dim))
        fill(feed_forward.hidden_dense, *linear(part, "intermediate.dense", dim, inner))
        fill(feed_forward.output_dense, *linear(part, "output.dense", inner, dim))
        fill_norm(block.attention_norm, part, "layernorm_before", dim)
        fill_norm(block.feed_forward_norm, part, "layernorm_after", dim)
    fill_norm(encoder.get_layer("norm"), state, "layernorm", dim)


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

    model.get_layer("embedding").embeddings.assign(
        state.take("wte.weight", config["vocab_size"], dim))
    model.get_layer("position").embeddings.assign(
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


def _read(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(explain(
            "the folder must hold this file, as JSON", file=str(path), error=str(error),
            fix="pass a folder that save_pretrained wrote")) from error


def _need(config, *names):
    """A configuration, if it has all of these entries."""
    missing = [name for name in names if name not in config]
    if missing:
        raise ValueError(explain(
            "the configuration must have these entries", missing=missing,
            fix="pass a folder that save_pretrained wrote"))
    return config


def _check(config, **wanted):
    """Refuses a configuration that asks for what is not built here; what it omits is usual."""
    for name, value in wanted.items():
        if config.get(name, value) != value:
            raise ValueError(explain(
                f"`{name}` of the configuration must be {value!r}", **{name: config[name]},
                fix="load a model of this kind"))


def _token(tokens, name):
    token = tokens.get(name)
    token = token[0] if isinstance(token, list) and len(token) == 1 else token
    if not isinstance(token, int):
        raise ValueError(explain(
            f"the configuration must name one `{name}`", **{name: token},
            fix="set it in generation_config.json"))
    return token
