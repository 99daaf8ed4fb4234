"""`keras_seqattn.models.distillation`."""

import numpy as np
from arrays import array
from tolerances import GOLDEN

from keras_seqattn import models
from keras_seqattn.testing import check_error


def test_both_heads_of_a_distilled_model_average(rng):
    model = models.vit("nano", 8, (24, 16, 3), 5, distillation=True, num_layers=1)
    model.set_weights([rng.normal(size=w.shape) for w in model.weights])
    images = rng.uniform(-1, 1, size=(2, 24, 16, 3)).astype("float32")
    heads = models.distillation_heads(model)(images)
    assert set(heads) == {"logits", "distillation_logits"}
    both = [array(each) for each in heads.values()]
    assert np.abs(both[0] - both[1]).max() > 0.1
    np.testing.assert_allclose(array(model(images)), np.mean(both, axis=0), rtol=1e-5, atol=GOLDEN)


def test_a_model_without_a_second_head():
    plain = models.vit("nano", 8, (8, 8, 3), num_layers=1)
    check_error(lambda: models.distillation_heads(plain), model="vit")
