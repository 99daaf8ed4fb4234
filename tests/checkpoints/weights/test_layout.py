"""A layout is read in both directions: what a file has comes out of the model it made."""

import drawn
import numpy as np
import pytest

from keras_seqattn import checkpoints
from keras_seqattn.checkpoints.families import huggingface_vit, timm, torchvision
from keras_seqattn.checkpoints.weights.state import State

LAYOUTS = {"timm": timm.LAYOUT, "torchvision": torchvision.LAYOUT}


@pytest.mark.parametrize("name", drawn.recorded())
def test_the_arrays_of_a_model_are_those_of_its_file(recorded, name):
    folder, *_ = recorded(name)
    project, kind = name.split("/")
    options = {"num_heads": 3} if project == "torchvision" else {}
    model = checkpoints.load_with_report(folder, **options)[0]
    layout = LAYOUTS.get(project) or huggingface_vit.layout(
        {"backbone": "", "no_bias": "vit."}.get(kind, "deit."), distilled=kind == "two_heads")
    written = {}
    for link in layout.of(State(folder)).links(model):
        written |= link.read()
    expected = {key: array for key, array in drawn.state(
        drawn.recorded()[name]["shapes"]).items() if not key.startswith("pooler")}
    assert set(written) == set(expected)
    for key, array in expected.items():
        np.testing.assert_array_equal(written[key], array)
