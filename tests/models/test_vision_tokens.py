"""`keras_seqattn.models.vision_tokens`."""

import numpy as np
from arrays import array, normal
from tolerances import FLOAT32

from keras_seqattn import models
from keras_seqattn.testing import check_error

SMALL = {"num_layers": 2, "num_heads": 2, "embed_dim": 6, "mlp_dim": 7}


def _filled(rng, **options):
    model = models.vit("nano", 2, (4, 6, 3), 5, **SMALL, **options)
    for weight in model.weights:
        weight.assign(normal(rng, *weight.shape))
    return model


def test_without_positions_the_order_of_the_patches_does_not_matter(rng):
    x = normal(rng, 2, 4, 6, 3)
    turned = np.concatenate([x[:, 2:], x[:, :2]], axis=1)
    model = _filled(rng, position="none")
    np.testing.assert_allclose(array(model(x)), array(model(turned)), atol=FLOAT32)
    for options in ({}, {"position": "none", "relative_positions": True}):
        model = _filled(rng, **options)
        assert np.abs(array(model(x)) - array(model(turned))).max() > 1e-3


def test_images_of_any_size_need_learned_positions():
    for options in ({"position": "none"}, {"relative_positions": True}):
        check_error(lambda options=options: models.vit(
            "nano", 2, (None, None, 3), 5, grid=(2, 3), **SMALL, **options),
            image_shape=(None, None, 3), **options)
