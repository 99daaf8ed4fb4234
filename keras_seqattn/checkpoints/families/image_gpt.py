"""ImageGPT of Hugging Face's transformers: `ImageGPTForCausalImageModeling`.

Its kernels are `(inputs, outputs)`. Query, key and value lie side by side in one kernel.
"""

import keras

from keras_seqattn import models
from keras_seqattn.checkpoints.families.family import Family
from keras_seqattn.checkpoints.files.config import activation, check, need
from keras_seqattn.checkpoints.weights.filling import hand_over
from keras_seqattn.checkpoints.weights.layers import fill, fill_side_by_side, linear
from keras_seqattn.checkpoints.weights.state import State

# What the model is computed with where the configuration does not say.
_USUAL = {"layer_norm_epsilon": 1e-5, "resid_pdrop": 0.1, "attn_pdrop": 0.1}
# What would change the numbers and is not built here.
_BUILT = {"model_type": "imagegpt", "add_cross_attention": False, "scale_attn_weights": True,
          "scale_attn_by_inverse_layer_idx": False, "tie_word_embeddings": False}
# Masks kept as buffers in older files, from which nothing is computed.
UNUSED = r"transformer\.h\.\d+\.attn\.(masked_)?bias"


def load(state: State, config: dict) -> keras.Model:
    """Loads an ImageGPT.

    Args:
        state: `State` of the file.
        config: Content of `config.json`, of which only `n_head` is needed. Sizes are those of the
            arrays. What else is omitted has its usual value.

    Returns:
        Model as of `models.image_gpt`. Called with `tokens`, int32 `(B, T)` with the start token in
        front, it returns the logits. `generate(tokens[:, 1:], max_length=n)` writes the next `n`
        colours, as transformers does with `max_new_tokens=n`.

    Raises:
        ValueError: the configuration lacks `n_head` or asks for what is not built here. Or an array
            is missing, has no place or has another shape.
    """
    check(config, **_BUILT)
    config = {**_USUAL, **need(config, "n_head")}
    inside = state.under("transformer.")
    vocab_size, dim = inside.shape("wte.weight", 2)
    length, inner = (inside.shape(key, 2)[axis] for key, axis in (
        ("wpe.weight", 0), ("h.0.mlp.c_fc.weight", 1)))
    num_layers = inside.count("h.")
    model = models.image_gpt(
        "nano", vocab_size, length, num_layers, config["n_head"], dim, inner,
        activation=activation(config, "activation_function", "quick_gelu"),
        epsilon=config["layer_norm_epsilon"], dropout=config["resid_pdrop"],
        attention_dropout=config["attn_pdrop"])
    hand_over(model.get_layer("embedding").embeddings, inside.take("wte.weight", vocab_size, dim))
    hand_over(model.get_layer("position").embeddings, inside.take("wpe.weight", length, dim))
    for i in range(num_layers):
        _fill_block(model.get_layer(f"decoder_{i}"), inside.under(f"h.{i}."), dim, inner)
    hand_over(model.get_layer("norm").scale, inside.take("ln_f.weight", dim))
    fill(model.get_layer("logits"), state.take("lm_head.weight", vocab_size - 1, dim).T)
    state.finish(UNUSED)
    return model


def _fill_block(block: keras.Layer, state: State, dim: int, inner: int) -> None:
    attention, feed_forward = block.self_attention, block.feed_forward
    fill_side_by_side((attention.query_dense, attention.key_dense, attention.value_dense),
                      state, "attn.c_attn", dim)
    for dense, name, inputs, outputs in (
            (attention.output_dense, "attn.c_proj", dim, dim),
            (feed_forward.hidden_dense, "mlp.c_fc", dim, inner),
            (feed_forward.output_dense, "mlp.c_proj", inner, dim)):
        fill(dense, *linear(state, name, inputs, outputs, transposed=False))
    hand_over(block.self_attention_norm.scale, state.take("ln_1.weight", dim))
    hand_over(block.feed_forward_norm.scale, state.take("ln_2.weight", dim))


FAMILY = Family("imagegpt", load, keys=(
    r"transformer\.wte\.weight", r"transformer\.h\.0\.attn\.c_attn\.weight", r"lm_head\.weight"))
