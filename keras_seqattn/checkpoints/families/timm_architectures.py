"""What the architectures of timm imply that no array of their files tells.

`timm.json` is that table, of `vision_transformer` and `deit`. It names the version of timm that
`tests/golden/make_timm_architectures.py` wrote it from.
"""

import functools
import importlib.resources
import json

from keras_seqattn.errors import explain

# Arguments of which other values ask for parts that are not built here. `None` is what is usual.
BUILT: dict[str, tuple] = {
    "block_fn": (None, "Block", "ResPostBlock"), "mlp_layer": (None, "Mlp", "SwiGLUPacked"),
    "attn_layer": (None, "Attention"), "embed_layer": (None, "PatchEmbed"),
    "norm_layer": (None, "LayerNorm", "layernorm"), "embed_norm_layer": (None,),
    "scale_attn_norm": (None, False), "scale_mlp_norm": (None, False),
    "pool_include_prefix": (None, False)}
USUAL = {"act_layer": "gelu", "epsilon": 1e-6, "block_fn": "Block", "class_token": True,
         "pre_norm": False, "qkv_bias": True}
# What the arrays tell of an architecture, and what it must tell besides.
KIND = ("embed_dim", "class_token", "pre_norm", "qkv_bias")
UNTOLD = ("num_heads", "act_layer", "epsilon", "block_fn")
# MoCo v3's ViT-S, Chen et al. 2021, table 1. timm has no name for it.
MOCO = {"embed_dim": 384, "num_heads": 12}


@functools.cache
def architectures() -> dict[str, dict]:
    """Returns the table: dictionary from names to arguments that are not timm's usual ones."""
    place = importlib.resources.files(__package__) / "timm.json"
    table = json.loads(place.read_text(encoding="utf-8"))["architectures"]
    return {name: arguments for arguments, names in table for name in names.split()}


def not_built(arguments: dict) -> dict:
    """Returns those of the arguments that ask for a part that is not built here.

    >>> not_built({"block_fn": "ParallelScalingBlock", "norm_layer": "LayerNorm"})
    {'block_fn': 'ParallelScalingBlock'}
    """
    return {name: arguments[name] for name, values in BUILT.items()
            if name in arguments and arguments[name] not in values}


def settle(arguments: dict, kind: dict) -> dict:
    """Adds to arguments what all published models of such arrays have.

    Args:
        arguments: Arguments of timm's class, of a model of which no architecture is known.
        kind: What the arrays tell: a value for each name of `KIND`.

    Returns:
        The arguments, with a value for each name of `UNTOLD`.

    Raises:
        ValueError: the published models differ, or there are none to tell the number of heads.

    >>> kind = {"embed_dim": 192, "class_token": True, "pre_norm": False, "qkv_bias": True}
    >>> settle({}, kind)
    {'num_heads': 3, 'act_layer': 'gelu', 'epsilon': 1e-06, 'block_fn': 'Block'}
    """
    known = [{**USUAL, **each} for name, each in architectures().items()
             if not name.startswith("test_") and not not_built(each)] + [{**USUAL, **MOCO}]
    alike = [each for each in known if all(each[name] == kind[name] for name in KIND)] or [
        each for each in known if each["embed_dim"] == kind["embed_dim"]]
    settled = {}
    for name in UNTOLD:
        values = {each[name] for each in alike} or {USUAL.get(name)}
        value = arguments[name] if name in arguments else values.pop()
        if name not in arguments and (values or value is None):
            raise ValueError(explain(
                f"`{name}` of the model must be told, as neither an array nor its width does",
                **{name: None}, **kind,
                published=sorted({value, *values} - {None}),
                fix=("pass num_heads=n, or " if name == "num_heads" else "")
                + 'put its config.json beside the weights, such as {"architecture": '
                '"vit_base_patch16_224"}'))
        settled[name] = value
    return {**arguments, **settled}
