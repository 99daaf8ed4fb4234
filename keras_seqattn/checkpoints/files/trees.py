"""The trees of weights that one file holds, and the one that people mean.

A training writes more than its weights: averages of them, and what its optimiser keeps of each.
"""

import re
import typing

from keras_seqattn.errors import explain

# An average is what a training is measured by. timm too reads it first.
AVERAGE = "ema"
# Names of trees, those first that are meant before others.
USUAL = ("state_dict", "model", "model_state_dict", "model_state", "net", "module", "params",
         "target", "img", "teacher")
# What wraps a module in PyTorch has its name anywhere in a key, but for that of DataParallel.
WRAPPERS = re.compile(r"^module\.|\b(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
# An optimiser has trees of the same keys. The first Flax kept the weights inside it.
OPTIMIZER = re.compile(r"opt(_\w+|im\w*)?[./](?!target\b).*")


def choose(names: typing.Iterable[str], weights: str | None) -> str:
    """Returns the name of the tree that is meant.

    Args:
        names: Names of all trees, such as `"params/img"`.
        weights: What the caller asks for: a name, or a word or the last part of one. `None` is
            what people mean: an average if there is one, or the usual name.

    Raises:
        ValueError: there is none of this name, or several may be meant.

    >>> choose(["state_dict", "state_dict_ema"], None), choose(["params/img", "params/txt"], "txt")
    ('state_dict_ema', 'params/txt')
    """
    names = list(names)
    if weights is None:
        usual = [each for last in USUAL for each in names if re.split(r"[./]", each)[-1] == last]
        found = [each for each in names if is_called(each, AVERAGE)] or usual[:1] or names
    else:
        found = [each for each in names if each == weights] or [
            each for each in names if is_called(each, weights)]
    if len(found) != 1:
        raise ValueError(explain(
            "the file holds several trees of weights, of which one must be meant",
            weights=weights, trees=names, fix="pass weights= with one of these names"))
    return found[0]


def is_called(name: str, weights: str) -> bool:
    """Whether a tree has this name, or this word or last part in it.

    >>> is_called("params/img", "img"), is_called("model_ema", "ema"), is_called("schema", "ema")
    (True, True, False)
    """
    return (name == weights or name.endswith((f"/{weights}", f".{weights}"))
            or weights in re.split(r"[./_]", name))


def unwrapped(key: str) -> str:
    """Returns the key that an array has without the wrappers of PyTorch.

    >>> unwrapped("module._orig_mod.head.weight")
    'head.weight'
    """
    while WRAPPERS.search(key):
        key = WRAPPERS.sub("", key)
    return key
