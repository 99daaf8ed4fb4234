"""`keras_seqattn.training.optimizer.layer_rates`."""

from keras_seqattn import models
from keras_seqattn.training.optimizer.layer_rates import rate_shares


def _vit(num_layers=1):
    return models.vit("nano", 8, (16, 16, 3), 5, num_layers=num_layers, num_heads=2, embed_dim=12,
                      mlp_dim=17)


def test_rate_shares_by_hand():
    model = _vit(num_layers=3)
    shares = rate_shares(model, 0.5)
    assert shares.keys() == {weight.path for weight in model.trainable_weights}
    by_layer = {path.split("/")[0]: set() for path in shares}
    for path, share in shares.items():
        by_layer[path.split("/")[0]].add(share)
    assert by_layer == {
        "patches": {1 / 16}, "class_token": {1 / 16}, "positions": {1 / 16}, "block_0": {1 / 8},
        "block_1": {1 / 4}, "block_2": {1 / 2}, "norm": {1.0}, "logits": {1.0}}


def test_without_decay_every_weight_has_the_whole_rate():
    assert set(rate_shares(_vit(), 1.0).values()) == {1.0}


def test_what_is_frozen_has_no_share():
    model = _vit()
    model.get_layer("patches").trainable = False
    assert not any(path.startswith("patches/") for path in rate_shares(model, 0.5))
