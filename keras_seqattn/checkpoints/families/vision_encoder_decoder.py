"""VisionEncoderDecoderModel of Hugging Face's transformers: a ViT or a DeiT sees, a GPT-2 writes.

What differs is the manner, not the numbers:

- Images have their channels last here.
- Written tokens begin behind the start token.
- Written tokens end in zeros.
"""

import dataclasses
import functools
import typing

import keras
import numpy as np

from keras_seqattn.checkpoints.families.family import Family
from keras_seqattn.checkpoints.families.huggingface_vit import fill_vit, layout
from keras_seqattn.checkpoints.files.config import activation, check, need
from keras_seqattn.checkpoints.weights.filling import hand_over
from keras_seqattn.checkpoints.weights.layers import fill, fill_norm, fill_side_by_side, linear
from keras_seqattn.checkpoints.weights.state import State
from keras_seqattn.errors import explain
from keras_seqattn.models.vision_encoder_decoder import vision_text

# Nothing is computed with the pooler, masks kept as buffers and a copy of the embeddings.
_UNUSED = (r"encoder\.pooler\..*|decoder\.lm_head\.weight"
           r"|decoder\.transformer\.h\.\d+\.(attn|crossattention)\.(masked_)?bias")


@functools.cache  # the same function each time, so that `generate` compiles once
def length_power(exponent: float) -> typing.Callable[[typing.Any], typing.Any]:
    """The length penalty of `generate` in transformers: `length ** exponent`.

    Args:
        exponent: `length_penalty` there, which is 1.0 unless it is set.

    Returns:
        Function for `length_penalty` of `decoding.beam`.

    >>> length_power(2.0)(3.0)
    9.0
    """
    return lambda length: length ** exponent


def load(state: State, config: dict, generation: dict) -> keras.Model:
    """Loads a VisionEncoderDecoderModel.

    Args:
        state: `State` of the file.
        config: Content of `config.json`.
        generation: Content of `generation_config.json`. Its tokens go before those of `config`,
            and these before those of the decoder.

    Returns:
        Model as of `models.vision_text`.

        - Its inputs are `images`, `(B, height, width, channels)`, and `tokens`, int32 `(B, T)`
          with the start token in front. It returns the logits.
        - `encoder` returns the last hidden state of the ViT.
        - `generate(images, "beam", width=4, num_best=4, length_penalty=length_power(1.0),
          max_length=n)` writes what transformers writes with `max_length=n + 1`. The start token
          counts there.

    Raises:
        ValueError: a configuration lacks an entry or asks for what is not built here. Or an array
            is missing, has no place or has another shape.
    """
    need(config, "model_type", "encoder", "decoder")
    check(config, model_type="vision-encoder-decoder")
    seeing = need(
        config["encoder"], "model_type", "image_size", "patch_size", "num_channels",
        "num_hidden_layers", "num_attention_heads", "hidden_size", "intermediate_size")
    writing = need(config["decoder"], "model_type", "vocab_size", "n_positions", "n_layer",
                   "n_head", "n_embd")
    if seeing["model_type"] != "deit":
        check(seeing, model_type="vit")
    check(writing, model_type="gpt2", add_cross_attention=True, scale_attn_weights=True,
          scale_attn_by_inverse_layer_idx=False)
    start, end, pad = _tokens(generation, config, writing)
    tied = writing.get("tie_word_embeddings", True)
    model = vision_text(
        _encoder(state.under("encoder."), seeing), writing["vocab_size"], writing["n_positions"],
        writing["n_layer"], writing["n_head"], writing["n_embd"], writing.get("n_inner"),
        activation=activation(writing, "activation_function", "gelu_new"),
        epsilon=writing.get("layer_norm_epsilon", 1e-5),
        dropout=writing.get("resid_pdrop", 0.1), attention_dropout=writing.get("attn_pdrop", 0.1),
        start_token=start, end_token=end[0] if len(end) == 1 else list(end), pad_token=pad,
        tied=tied)

    _fill_gpt2(model, state.under("decoder.transformer."), writing)
    if seeing["hidden_size"] != writing["n_embd"]:
        fill(model.get_layer("projection"),
             *linear(state, "enc_to_dec_proj", seeing["hidden_size"], writing["n_embd"]))
    if tied:
        _check_tied(state, writing)
    else:
        hand_over(model.get_layer("embedding").reverse_embeddings, state.take(
            "decoder.lm_head.weight", writing["vocab_size"], writing["n_embd"]).T)
    state.finish(_UNUSED)
    return model


def _encoder(state: State, config: dict) -> keras.Model:
    model = fill_vit(
        state, dataclasses.replace(layout("", distilled=False), logits=None), config)
    return keras.Model(model.input, model.get_layer("norm").output, name="encoder")


def _fill_gpt2(model: keras.Model, state: State, config: dict) -> None:
    dim = config["n_embd"]
    hand_over(
        model.get_layer("embedding").embeddings,
        state.take("wte.weight", config["vocab_size"], dim))
    hand_over(
        model.get_layer("position").embeddings,
        state.take("wpe.weight", config["n_positions"], dim))
    for i in range(config["n_layer"]):
        _fill_block(model.get_layer(f"decoder_{i}"), state.under(f"h.{i}."), dim,
                    config.get("n_inner") or 4 * dim)
    fill_norm(model.get_layer("norm"), state, "ln_f", dim)


def _fill_block(block: keras.Layer, state: State, dim: int, inner: int) -> None:
    reading, looking = block.self_attention, block.cross_attention
    fill_side_by_side((reading.query_dense, reading.key_dense, reading.value_dense),
                      state, "attn.c_attn", dim)
    fill_side_by_side((looking.query_dense,), state, "crossattention.q_attn", dim)
    fill_side_by_side((looking.key_dense, looking.value_dense), state, "crossattention.c_attn", dim)
    for dense, name, inputs, outputs in (
            (reading.output_dense, "attn.c_proj", dim, dim),
            (looking.output_dense, "crossattention.c_proj", dim, dim),
            (block.feed_forward.hidden_dense, "mlp.c_fc", dim, inner),
            (block.feed_forward.output_dense, "mlp.c_proj", inner, dim)):
        fill(dense, *linear(state, name, inputs, outputs, transposed=False))
    fill_norm(block.self_attention_norm, state, "ln_1", dim)
    fill_norm(block.cross_attention_norm, state, "ln_cross_attn", dim)
    fill_norm(block.feed_forward_norm, state, "ln_2", dim)


def _check_tied(state: State, config: dict) -> None:
    """Older files hold the output layer again, which must be the embeddings."""
    key, sizes = "decoder.lm_head.weight", (config["vocab_size"], config["n_embd"])
    if key in state and not np.array_equal(
            state.take(key, *sizes), state.take("decoder.transformer.wte.weight", *sizes)):
        raise ValueError(explain(
            "the output layer of the checkpoint must be its table of embeddings", key=key,
            fix="use a model with tie_word_embeddings"))


def _tokens(*configs: dict) -> tuple[int, tuple[int, ...], int]:
    """The start token, the end tokens and the padding, as the first configuration tells each.

    As in transformers, the first token may also be `bos_token_id`, and the padding the end.
    """
    def find(*names: str) -> tuple[int, ...]:
        found = next((config[name] for name in names for config in configs
                      if config.get(name) is not None), None)
        found = found if isinstance(found, list) else [found]
        if not found or not all(isinstance(token, int) for token in found):
            raise ValueError(explain(
                f"the configuration must name `{names[0]}`", **{names[0]: found},
                fix="set it in generation_config.json"))
        return tuple(found)

    return (find("decoder_start_token_id", "bos_token_id")[0], find("eos_token_id"),
            find("pad_token_id", "eos_token_id")[0])


FAMILY = Family(
    "huggingface-encoder-decoder", load, configs=("config.json", "generation_config.json"),
    keys=(r"encoder\.encoder\.layer\.0\..*", r"decoder\.transformer\.h\.0\.crossattention\..*"))
