"""Configurations of Hugging Face's ViT that are not built here."""

import pytest

from keras_seqattn import checkpoints
from keras_seqattn.testing import check_error


@pytest.mark.parametrize("entry", [{"hidden_act": "selu"}, {"model_type": "beit"}])
def test_configurations_of_another_kind(recorded, entry):
    folder, *_ = recorded("huggingface/no_bias", lambda state, config: config.update(entry))
    check_error(lambda: checkpoints.load(folder), **entry)
