"""Small models of many kinds, with weights as wide as trained ones, for the tests of `edge`."""

import keras
import numpy as np

from keras_seqattn import layers, models

SIZE = {"num_layers": 2, "num_heads": 2, "embed_dim": 22, "mlp_dim": 37}


def fill(model, seed=3):
    """Draws weights such that outputs differ between inputs, and no scale is 1 or offset 0."""
    rng = np.random.default_rng(seed)
    model.set_weights([
        1 + 0.3 * rng.normal(size=w.shape) if w.name in ("gamma", "scale") else
        rng.normal(scale=1 / np.sqrt(np.prod(w.shape[:-1]) or 1), size=w.shape)
        for w in model.weights])
    return model


def draw(model, count, seed=1):
    """Inputs of a model by name."""
    rng = np.random.default_rng(seed)
    return {each.name: rng.integers(1, 11, (count, *each.shape[1:])).astype("int32")
            if "int" in each.dtype else rng.normal(size=(count, *each.shape[1:])).astype("float32")
            for each in model.inputs}


def vit(**kwargs):
    return models.vit("nano", 8, (24, 16, 3), 5, **{**SIZE, **kwargs})


def hybrid():
    x = keras.Input((16, 24, 3), name="x")
    y = layers.ResidualStem(8, 22, num_layers=(1, 1), width=6, num_groups=3)(x)
    y = layers.TransformerEncoderBlock(2, 37)(y)
    y = keras.layers.GlobalAveragePooling1D()(y)
    return keras.Model(x, keras.layers.Dense(3, name="logits")(y))


def post_norm():
    x = y = keras.Input((7, 12), name="x")
    for i in range(2):
        y = layers.TransformerEncoderBlock(3, 17, norm="post", name=f"block_{i}")(y)
    return keras.Model(x, keras.layers.Dense(3, name="logits")(y))


def grouped_causal():
    x = keras.Input((7, 11), name="x")
    y = keras.layers.Dense(12)(x)
    for _ in range(2):
        y = layers.TransformerEncoderBlock(4, 17, num_kv_heads=2, key_dim=5)(
            y, use_causal_mask=True)
    y = keras.layers.LayerNormalization()(y)
    return keras.Model(x, keras.layers.Dense(3, name="logits")(y))


def rms():
    """RMS norms in two blocks and a last LayerNorm, all of which read one stream."""
    x = keras.Input((7, 11), name="x")
    y = keras.layers.Dense(12)(x)
    for _ in range(2):
        y = layers.TransformerEncoderBlock(3, 17, normalization="rms")(y)
    y = keras.layers.LayerNormalization()(y)
    return keras.Model(x, keras.layers.Dense(3, name="logits")(y))


def keras_only():
    """Keras' own layers, in the way its users write a Transformer."""
    x = keras.Input((7, 12), name="x")
    y = keras.layers.Dense(13)(x)
    for _ in range(2):
        normed = keras.layers.LayerNormalization()(y)
        y = y + keras.layers.MultiHeadAttention(3, 5)(normed, normed)
        normed = keras.layers.LayerNormalization()(y)
        y = keras.layers.Add()([y, keras.layers.Dense(13)(
            keras.layers.Dense(29, activation="gelu")(normed))])
    y = keras.layers.GlobalAveragePooling1D()(keras.layers.LayerNormalization()(y))
    return keras.Model(x, keras.layers.Dense(3, name="logits")(y))


def masked():
    ids = keras.Input((7,), dtype="int32", name="ids")
    y = keras.layers.Embedding(11, 12, mask_zero=True)(ids)
    y = layers.TransformerEncoderBlock(3, 17)(y)
    y = keras.layers.GlobalAveragePooling1D()(y)
    return keras.Model(ids, keras.layers.Dense(3, name="logits")(y))


def nested():
    inner = keras.Sequential([
        keras.Input((7, 12)), keras.layers.Dense(5, activation="relu"), keras.layers.Dense(4)])
    x = keras.Input((7, 12), name="x")
    return keras.Model(x, keras.layers.Flatten()(inner(x)))


def cross():
    """Attention between two inputs, with scores: two outputs."""
    query, value = keras.Input((5, 8), name="query"), keras.Input((7, 8), name="value")
    layer = layers.MultiHeadAttention(2, 4, name="read")
    output, scores = layer(query, value, return_attention_scores=True)
    other = layers.MultiHeadAttention(2, 3, value_dim=5, name="again")(query, value=value)
    return keras.Model([query, value], {"read": output, "scores": scores, "again": other})


MODELS = {
    "mean": lambda: vit(pooling="mean"),
    "token": lambda: vit(pooling="token"),
    "conv": lambda: vit(stem="conv", embed_dim=24, pixel_mean=[.1, .2, .3], pixel_std=[.5, .6, .7]),
    "sinusoidal": lambda: vit(position="sinusoidal", embed_dim=24, pooling="mean"),
    "registers": lambda: vit(pooling="mean", class_token=True, num_registers=3, layer_scale=0.3,
                             use_qkv_bias=False, norm_after_pooling=True),
    "map": lambda: vit(pooling="map", activation=layers.gelu_tanh, representation_dim=7),
    "distilled": lambda: vit(distillation=True, grid=(2, 4), prefix_positions=False),
    "hybrid": hybrid,
    "bit": lambda: models.bit("r50x1", (21, 16, 3), 5, num_layers=(1, 2), width=6, num_groups=3,
                              pixel_mean=[.1, .2, .3], pixel_std=[.5, .6, .7]),
    "post": post_norm,
    "grouped": grouped_causal,
    "rms": rms,
    "keras": keras_only,
    "masked": masked,
    "nested": nested,
    "cross": cross,
}
