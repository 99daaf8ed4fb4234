"""What a DINOv2 with registers tells, and configurations that are not built here."""

import numpy as np
from keras import ops

from keras_seqattn import checkpoints
from keras_seqattn.testing import check_error


def test_the_position_of_the_class_token_lies_in_the_token(recorded):
    folder, *_ = recorded("dinov2/registers")
    model, report = checkpoints.load_with_report(folder)
    table = "dinov2_with_registers.embeddings.position_embeddings"
    assert report.reshaped == {table: ((1, 10, 12), (1, 9, 12))}
    assert model.get_layer("positions").num_prefix == 0
    larger, _ = checkpoints.load_with_report(folder, image_shape=(16, 20, 3))
    np.testing.assert_array_equal(*(
        ops.convert_to_numpy(each.get_layer("class_token").token) for each in (model, larger)))


def test_configurations_of_another_kind(recorded):
    folder, *_ = recorded("dinov2/classifier",
                          lambda state, config: config.update(model_type="dinov3_vit"))
    check_error(lambda: checkpoints.load(folder), model_type="dinov3_vit")
