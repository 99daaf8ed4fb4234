"""Images and configurations of BEiT that are not built here."""

import pytest

from keras_seqattn import checkpoints
from keras_seqattn.testing import check_error


@pytest.mark.parametrize("entry", [
    {"image_size": [8, 12]}, {"model_type": "data2vec-vision"}, {"hidden_act": "selu"}])
def test_configurations_of_another_kind(recorded, entry):
    folder, *_ = recorded("beit/average", lambda state, config: config.update(entry))
    check_error(lambda: checkpoints.load(folder), **entry)


def test_a_table_of_steps_is_not_resized(recorded):
    folder, *_ = recorded("beit/average")
    check_error(lambda: checkpoints.load(folder, image_shape=(16, 16, 3)), shape=(28, 3),
                expected=(52, 3))
    check_error(lambda: checkpoints.load(folder, image_shape=(None, None, 3)))


def test_the_table_tells_the_size_of_the_images(recorded):
    folder, *_ = recorded("beit/average")
    (folder / "config.json").unlink()
    model, _ = checkpoints.load_with_report(folder, num_heads=3)
    assert model.input_shape == (None, 12, 12, 3)
