"""Configurations of Hugging Face's BiT that are not built here."""

import pytest

from keras_seqattn import checkpoints
from keras_seqattn.testing import check_error


@pytest.mark.parametrize("entry", [
    {"layer_type": "bottleneck"}, {"global_padding": "same"}, {"hidden_act": "gelu"},
    {"embedding_dynamic_padding": True}, {"output_stride": 4}])
def test_configurations_of_another_kind(recorded, entry):
    folder, *_ = recorded("huggingface-bit/classifier",
                          lambda state, config: config.update(entry))
    check_error(lambda: checkpoints.load(folder), **entry)


def test_a_fixed_size_of_the_images(recorded):
    folder, *_ = recorded("huggingface-bit/classifier")
    assert checkpoints.load(folder).input_shape == (None, None, None, 3)
    assert checkpoints.load(folder, image_shape=(12, 20, 3)).input_shape == (None, 12, 20, 3)
