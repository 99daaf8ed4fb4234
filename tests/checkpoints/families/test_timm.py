"""Parts and configurations of timm that are not built here."""

import numpy as np
import pytest

from keras_seqattn import checkpoints
from keras_seqattn.testing import check_error


@pytest.mark.parametrize("key", [
    "blocks.0.attn.q_norm.weight", "norm_pre.weight", "rope.freqs", "patch_embed.norm.weight"])
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
