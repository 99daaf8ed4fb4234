"""Recorded models of PyTorch's projects, drawn again from their shapes, and small models."""

import json

import drawn
import numpy as np
import pytest
from keras import ops
from safetensors.numpy import save_file

from keras_seqattn import layers, models


@pytest.fixture
def recorded(tmp_path):
    """Writes a recorded model as its project does; gives the folder, images and outputs."""
    def write(name, change=lambda state, config: None):
        described = drawn.recorded()[name]
        state, config = drawn.state(described["shapes"]), json.loads(
            json.dumps(described["config"]))
        change(state, config)
        save_file(state, tmp_path / "model.safetensors")
        (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
        return (tmp_path, drawn.images(*described["image_size"]),
                np.array(described["outputs"], "float32"))

    return write


@pytest.fixture
def google(rng):
    """The arrays of a ViT of google-research/vision_transformer: 3 × 5 patches of 2 × 2 pixels."""
    def make(**changes):
        dim, heads, inner = 6, 2, 7
        shapes = {"embedding/kernel": (2, 2, 3, dim), "embedding/bias": (dim,),
                  "cls": (1, 1, dim), "head/kernel": (dim, 11), "head/bias": (11,),
                  "Transformer/posembed_input/pos_embedding": (1, 16, dim),
                  "Transformer/encoder_norm/scale": (dim,),
                  "Transformer/encoder_norm/bias": (dim,)}
        block = "Transformer/encoderblock_0/"
        for part in ("query", "key", "value"):
            key = f"{block}MultiHeadDotProductAttention_1/{part}/"
            shapes |= {f"{key}kernel": (dim, heads, 3), f"{key}bias": (heads, 3)}
        out = f"{block}MultiHeadDotProductAttention_1/out/"
        shapes |= {f"{out}kernel": (heads, 3, dim), f"{out}bias": (dim,),
                   f"{block}MlpBlock_3/Dense_0/kernel": (dim, inner),
                   f"{block}MlpBlock_3/Dense_0/bias": (inner,),
                   f"{block}MlpBlock_3/Dense_1/kernel": (inner, dim),
                   f"{block}MlpBlock_3/Dense_1/bias": (dim,)}
        for norm in (0, 2):
            shapes |= {f"{block}LayerNorm_{norm}/{part}": (dim,) for part in ("scale", "bias")}
        shapes |= changes
        return {key: rng.normal(size=shape).astype("float32")
                for key, shape in shapes.items() if shape is not None}

    return make


@pytest.fixture
def small_vit():
    """Builds a ViT of 3 × 5 patches of 2 × 2 pixels, with drawn weights."""
    def make(**options):
        model = models.vit("nano", 2, (6, 10, 3), 5, num_layers=2, num_heads=2, embed_dim=6,
                           mlp_dim=7, **{"activation": layers.gelu_tanh, **options})
        rng = np.random.default_rng(3)
        for weight in model.weights:
            weight.assign(rng.normal(size=weight.shape))
        return model

    return make


@pytest.fixture
def check_same():
    """Checks that two models have the same weights and compute the same, bit for bit."""
    def check(one, other, inputs):
        for ours, theirs in zip(one.weights, other.weights, strict=True):
            assert (ours.name, ours.dtype) == (theirs.name, theirs.dtype)
            np.testing.assert_array_equal(
                ops.convert_to_numpy(ours), ops.convert_to_numpy(theirs))
        np.testing.assert_array_equal(ops.convert_to_numpy(one(inputs)),
                                      ops.convert_to_numpy(other(inputs)))

    return check
