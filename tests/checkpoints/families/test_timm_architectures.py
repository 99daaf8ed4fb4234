"""The table of timm's architectures, and what published models share."""

import pytest

from keras_seqattn.checkpoints.families.timm_architectures import (
    BUILT,
    UNTOLD,
    architectures,
    not_built,
    settle,
)
from keras_seqattn.testing import check_error

KIND = {"embed_dim": 192, "class_token": True, "pre_norm": False, "qkv_bias": True}


def test_the_table_names_each_architecture_once_with_its_heads():
    """The figures are those of the papers."""
    table = architectures()
    assert {name: (table[name]["embed_dim"], table[name]["num_heads"]) for name in (
        "vit_tiny_patch16_224", "deit_small_distilled_patch16_224", "vit_base_patch16_224",
        "vit_large_patch16_siglip_256", "vit_base_patch16_gap_224", "test_vit")} == {
            "vit_tiny_patch16_224": (192, 3), "deit_small_distilled_patch16_224": (384, 6),
            "vit_base_patch16_224": (768, 12), "vit_large_patch16_siglip_256": (1024, 16),
            "vit_base_patch16_gap_224": (768, 16), "test_vit": (64, 2)}
    assert all(each["embed_dim"] % each["num_heads"] == 0 for each in table.values())


def test_each_part_that_is_not_built_is_one_of_some_architecture():
    """So no entry stands in the list of parts without a reason."""
    refused = {part for each in architectures().values() for part in not_built(each)}
    assert refused | {"embed_layer"} == set(BUILT)


def test_what_all_published_models_share_is_taken():
    assert settle({}, KIND) == {
        "num_heads": 3, "act_layer": "gelu", "epsilon": 1e-6, "block_fn": "Block"}
    assert settle({"num_heads": 2}, KIND)["num_heads"] == 2
    wide = {**KIND, "embed_dim": 896, "pre_norm": True}
    assert settle({}, wide)["epsilon"] == 1e-5


@pytest.mark.parametrize(("kind", "name", "published"), [
    ({"embed_dim": 384}, "num_heads", [6, 12]),
    ({"embed_dim": 768, "class_token": False}, "num_heads", [12, 16]),
    ({"embed_dim": 768, "pre_norm": True}, "act_layer", ["gelu", "quick_gelu"]),
    ({"embed_dim": 1024, "class_token": False}, "act_layer", ["gelu", "gelu_tanh"]),
    ({"embed_dim": 64}, "num_heads", []),
])
def test_what_they_do_not_share_is_asked_for(kind, name, published):
    kind = {**KIND, **kind}
    check_error(lambda: settle({}, kind), published=published, **{name: None}, **kind)


def test_a_width_that_nobody_published_has_what_is_usual():
    assert settle({"num_heads": 5}, {**KIND, "embed_dim": 35}) == {
        "num_heads": 5, **{name: value for name, value in settle({}, KIND).items()
                           if name != "num_heads"}}
    assert set(UNTOLD) == set(settle({}, KIND))
