"""Writes families/timm.json: what timm's architectures imply that no array of their files tells.

Needs timm and torch, which the tests do not. Run by hand, for another version of timm:

    python tests/golden/make_timm_architectures.py

No model is built: what each registered function passes on is caught. Architectures of equal
arguments share a row.
"""

import functools
import json
import pathlib

import timm
from timm.models import deit, vision_transformer

PLACE = pathlib.Path(__file__).parents[2] / "keras_seqattn/checkpoints/families/timm.json"
# What the shapes of the arrays tell, what only training needs and what never changes a number.
TOLD = {"patch_size", "img_size", "depth", "mlp_ratio", "reg_tokens", "init_values", "proj_bias",
        "qk_norm", "fc_norm", "dynamic_img_size", "weight_init", "fix_init",
        "pretrained_filter_fn", "pretrained_strict", "feature_cfg"}


def implied(module, name):
    """Arguments of the class that an architecture passes, without what is usual or told."""
    caught = {}
    module.build_model_with_cfg = lambda kind, *_, **arguments: caught.update(arguments)
    getattr(module, name)()
    plain = {}
    for key, value in caught.items():
        if key not in TOLD:
            if isinstance(value, functools.partial) and set(value.keywords) == {"eps"}:
                plain["epsilon"], value = value.keywords["eps"], value.func
            named = {id(each): name for name, each in vars(module).items() if callable(each)}
            plain[key] = named.get(id(value), getattr(value, "__name__", value))
    if plain.get("act_layer") == "SiLU":
        plain["act_layer"] = "silu"
    return plain


if __name__ == "__main__":
    rows = {}
    for module in (vision_transformer, deit):
        for name in timm.list_models(module=module.__name__.rpartition(".")[2]):
            row = json.dumps(implied(module, name), sort_keys=True)
            rows.setdefault(row, []).append(name)
    text = ",\n".join(f"[{row},\n {json.dumps(' '.join(names))}]" for row, names in rows.items())
    PLACE.write_text(f'{{"timm": "{timm.__version__}", "architectures": [\n{text}\n]}}\n',
                     encoding="utf-8")
