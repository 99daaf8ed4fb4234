"""Heads that a training put in the place of torchvision's."""

import numpy as np
import pytest
from keras import ops
from tolerances import FLOAT32

from keras_seqattn import checkpoints
from keras_seqattn.testing import check_error

KERNEL, OWN = "heads.head.weight", ("heads.head.", "heads.pre_logits.")


def _replace(state, *heads):
    """Takes the head off and puts others there, dense layers of 12 inputs."""
    for key in [key for key in state if key.startswith(OWN)]:
        del state[key]
    rng = np.random.default_rng(11)
    for key, outputs in heads:
        state[f"{key}weight"] = rng.normal(size=(outputs, 12)).astype("float32")
        state[f"{key}bias"] = rng.normal(size=outputs).astype("float32")


@pytest.mark.parametrize("key", ["heads.", "heads.0.", "heads.head.", "heads.head.1."])
def test_a_replaced_head(recorded, key):
    folder, images, _ = recorded("torchvision/representation",
                                 lambda state, config: _replace(state))
    features = checkpoints.load_with_report(folder, num_heads=3)[0]
    kept = {}

    def put(state, config):
        _replace(state, (key, 7))
        kept.update(state)

    recorded("torchvision/representation", put)
    model, report = checkpoints.load_with_report(folder, num_heads=3)
    expected = ops.convert_to_numpy(features(images)) @ kept[f"{key}weight"].T + kept[f"{key}bias"]
    np.testing.assert_allclose(ops.convert_to_numpy(model(images)), expected, atol=FLOAT32)
    assert (report.missing, report.unused) == ([], [])


def test_a_head_of_several_layers(recorded):
    folder, *_ = recorded("torchvision/representation", lambda state, config: _replace(
        state, ("heads.head.0.", 12), ("heads.head.2.", 7)))
    check_error(lambda: checkpoints.load(folder, num_heads=3),
                keys=["heads.head.0.weight", "heads.head.2.weight"])
