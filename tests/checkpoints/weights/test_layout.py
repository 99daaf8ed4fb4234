"""A layout is read in both directions: what a file has comes out of the model it made."""

import dataclasses

import drawn
import numpy as np
import pytest

from keras_seqattn import checkpoints
from keras_seqattn.checkpoints.families import (
    beit,
    clip,
    dinov2,
    huggingface_vit,
    siglip,
    timm,
    torchvision,
    vit_pytorch,
)
from keras_seqattn.checkpoints.weights.state import State

TOWER = "vision_model."
LAYOUTS = {
    "timm": timm.LAYOUT, "torchvision": torchvision.LAYOUT,
    "vit_pytorch/cls": dataclasses.replace(vit_pytorch.LAYOUT, position_rank=2, token_rank=2),
    "vit_pytorch/mean": dataclasses.replace(vit_pytorch.LAYOUT, position_rank=2, class_token=()),
    "huggingface/backbone": huggingface_vit.layout("", distilled=False),
    "huggingface/two_heads": huggingface_vit.layout("deit.", distilled=True),
    "huggingface/one_head": huggingface_vit.layout("deit.", distilled=False),
    "huggingface": huggingface_vit.layout("vit.", distilled=False),
    "dinov2/backbone": dinov2.layout("", gated=False),
    "dinov2/classifier": dinov2.layout("dinov2.", gated=False),
    "dinov2/gates": dinov2.layout("dinov2.", gated=True),
    "beit/average": dataclasses.replace(beit.layout("beit.", shared=False), positions=None),
    "beit/token": beit.layout("beit.", shared=True),
    "clip/tower": clip.layout("", None), "clip/classifier": clip.layout(TOWER, "classifier."),
    "clip": clip.layout(TOWER, "visual_projection."),
    "siglip/tower": siglip.layout(""), "siglip": siglip.layout(TOWER)}
# With registers, the position of the class token moves into the token. A BiT has no such layout.
ELSEWHERE = {"dinov2/registers", "dinov2/backbone_with_registers", "huggingface-bit/classifier",
             "huggingface-bit/backbone"}


@pytest.mark.parametrize("name", sorted(set(drawn.recorded()) - ELSEWHERE))
def test_the_arrays_of_a_model_are_those_of_its_file(recorded, name):
    folder, *_ = recorded(name)
    project = name.partition("/")[0]
    options = {"num_heads": 3} if project == "torchvision" else {}
    model, report = checkpoints.load_with_report(folder, **options)
    layout = LAYOUTS.get(name) or LAYOUTS[project]
    written = {}
    for link in layout.of(State(folder)).links(model):
        written |= link.read()
    expected = {key: array for key, array in drawn.state(
        drawn.recorded()[name]["shapes"]).items() if key not in report.unused}
    assert set(written) == set(expected)
    for key, array in expected.items():
        np.testing.assert_array_equal(written[key], array)
