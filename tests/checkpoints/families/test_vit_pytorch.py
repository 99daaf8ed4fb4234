"""What no array of vit-pytorch tells, and older files."""

import numpy as np
from keras import ops
from tolerances import FLOAT32

from keras_seqattn import checkpoints
from keras_seqattn.testing import check_error


def test_heads_are_asked_for(recorded):
    folder, images, outputs = recorded("vit_pytorch/cls")
    (folder / "config.json").unlink()
    check_error(lambda: checkpoints.load(folder), num_heads=None, rows_of_to_qkv=45)
    model = checkpoints.load(folder, num_heads=3, image_shape=(8, 12, 3))
    np.testing.assert_allclose(ops.convert_to_numpy(model(images)), outputs, atol=FLOAT32)


def test_tables_with_axes_of_size_1(recorded):
    """As older versions have them."""
    def widen(state, config):
        state["pos_embedding"] = state["pos_embedding"][None]
        state["cls_token"] = state["cls_token"][None]

    folder, images, outputs = recorded("vit_pytorch/cls", widen)
    model = checkpoints.load(folder)
    np.testing.assert_allclose(ops.convert_to_numpy(model(images)), outputs, atol=FLOAT32)


def test_an_average_that_counts_the_class_token_is_refused(recorded):
    folder, *_ = recorded("vit_pytorch/cls", lambda state, config: config.update(pool="mean"))
    check_error(lambda: checkpoints.load(folder), pool="mean")


def test_other_channels(recorded):
    folder, *_ = recorded("vit_pytorch/cls", lambda state, config: config.update(channels=5))
    check_error(lambda: checkpoints.load(folder), channels=5, shape=(12, 48))
