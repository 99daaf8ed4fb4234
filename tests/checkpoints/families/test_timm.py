"""Architectures of timm as timm computes them, and what of timm is not built here."""

import json
import pathlib

import drawn
import numpy as np
import pytest
from keras import ops
from tolerances import FLOAT32

from keras_seqattn import checkpoints
from keras_seqattn.checkpoints.families import timm
from keras_seqattn.checkpoints.weights.state import State
from keras_seqattn.testing import check_error

GOLDEN = pathlib.Path(__file__).parents[2] / "golden" / "timm_models.json"
MODELS = json.loads(GOLDEN.read_text(encoding="utf-8"))


def _load(name, **changes):
    """The model of a recorded architecture, and how far its outputs are from the recorded ones."""
    made = MODELS[name]
    model = timm.load(State(drawn.state(made["shapes"])), {**made["config"], **changes})
    outputs = ops.convert_to_numpy(model(drawn.images(*made["image_size"])))
    return model, np.abs(outputs - np.array(made["outputs"])).max()


@pytest.mark.parametrize("name", MODELS)
def test_architectures_compute_what_timms_do(name):
    model, error = _load(name)
    assert model.output_shape == (None, 5)
    assert error <= FLOAT32


@pytest.mark.parametrize("name", [
    "vit_so400m_patch16_siglip_256", "vit_base_patch32_clip_quickgelu_224",
    "vit_base_patch16_rpn_224", "vit_base_patch16_radio_v3"])
def test_an_architecture_of_another_name_computes_something_else(name):
    """What the name says is in no array, so that another name is another model or an error."""
    try:
        _, error = _load(name, architecture="vit_tiny_patch16_224")
    except ValueError:
        return
    assert error > 5 * FLOAT32


def test_heads_of_an_architecture_are_those_of_its_width():
    assert _load("test_vit")[0].get_layer("block_0").num_heads == 2
    made = MODELS["vit_base_patch16_rpn_224"]
    config = {"architecture": "vit_base_patch16_rpn_224", "model_args": {"img_size": [8, 12]}}
    state = State(drawn.state(made["shapes"]))
    check_error(lambda: timm.load(state, config), num_heads=None, embed_dim=12)
    assert timm.load(state, config, num_heads=2).get_layer("block_0").num_heads == 2


def test_registers_are_not_read_by_attention_pooling():
    model, _ = _load("vit_so150m_patch16_reg4_map_256")
    assert model.get_layer("pool").input.shape == (None, 6, 12)


@pytest.mark.parametrize(("name", "received"), [
    ("vit_base_patch16_xp_224", {"block_fn": "ParallelScalingBlock", "norm_layer": "RmsNorm"}),
    ("vit_small_patch16_18x2_224.fb_in1k", {"block_fn": "ParallelThingsBlock"}),
    ("vit_dwee_patch16_reg1_gap_256", {"attn_layer": "diff"}),
    ("beit3_base_patch16_224", {"scale_attn_norm": True, "scale_mlp_norm": True}),
    ("aimv2_large_patch14_224", {"mlp_layer": "SwiGLU", "embed_norm_layer": "RmsNorm"}),
    ("test_vit3", {"pool_include_prefix": True}),
    ("test_vit4", {"norm_layer": "rmsnorm"}),
])
def test_architectures_that_are_not_built_are_refused_by_name(name, received):
    state = State(drawn.state(MODELS["vit_base_patch16_rpn_224"]["shapes"]))
    check_error(lambda: timm.load(state, {"architecture": name}),
                architecture=name.partition(".")[0], **received)


@pytest.mark.parametrize("key", [
    "blocks.0.attn.norm.weight", "rope.freqs", "patch_embed.norm.weight"])
def test_parts_of_timm_that_change_the_numbers_are_refused(recorded, key):
    folder, *_ = recorded("timm/registers", lambda state, config: state.update(
        {key: np.ones(3, "float32")}))
    check_error(lambda: checkpoints.load(folder), keys=[key], number=1)


@pytest.mark.parametrize(("change", "received"), [
    (lambda config: config["model_args"].update(act_layer="selu"), {"act_layer": "selu"}),
    (lambda config: config.update(global_pool="max"), {}),
    (lambda config: config["model_args"].update(global_pool="max"), {"global_pool": "max"}),
    (lambda config: config["model_args"].update(norm_layer="rmsnorm"),
     {"norm_layer": "rmsnorm"}),
])
def test_configurations_of_another_kind(recorded, change, received):
    folder, *_ = recorded("timm/registers", lambda state, config: change(config))
    check_error(lambda: checkpoints.load(folder), **received)
