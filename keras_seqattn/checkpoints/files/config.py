"""What a checkpoint's own `config.json` says, as far as it is needed."""

import json
import pathlib

from keras_seqattn.errors import explain, nearest
from keras_seqattn.layers import gelu_tanh, quick_gelu

# Names of transformers and timm.
ACTIVATIONS = {"gelu": "gelu", "gelu_erf": "gelu", "gelu_new": gelu_tanh,
               "gelu_pytorch_tanh": gelu_tanh, "gelu_tanh": gelu_tanh,
               "quick_gelu": quick_gelu, "relu": "relu", "silu": "silu"}


def read_config(path):
    """Reads a JSON object.

    Args:
        path: Its file.

    Returns:
        Dictionary.

    Raises:
        ValueError: the file is missing or is no JSON object.
    """
    path = pathlib.Path(path)
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(config, dict):
            raise ValueError("no object")
    except (OSError, ValueError) as error:
        raise ValueError(explain(
            "the folder must hold this file, as JSON", file=str(path), error=str(error),
            fix="pass a folder that save_pretrained wrote")) from error
    return config


def need(config, *names):
    """A configuration, if it has all of these entries.

    Raises:
        ValueError: one is missing.
    """
    missing = [name for name in names if name not in config]
    if missing:
        raise ValueError(explain(
            "the configuration must have these entries", missing=missing,
            fix="pass a folder that save_pretrained wrote"))
    return config


def check(config, **wanted):
    """Refuses a configuration that asks for what is not built here; what it omits is usual.

    Raises:
        ValueError: an entry is another.
    """
    for name, value in wanted.items():
        if config.get(name, value) != value:
            raise ValueError(explain(
                f"`{name}` of the configuration must be {value!r}", **{name: config[name]},
                fix="load a model of this kind"))


def activation(config, name, usual):
    """The function that an entry of a configuration names.

    Raises:
        ValueError: it is not known here.
    """
    value = config.get(name, usual)
    if value not in ACTIVATIONS:
        raise ValueError(explain(f"`{name}` is not known", **{name: value},
                                 fix=nearest(value, ACTIVATIONS)))
    return ACTIVATIONS[value]


def class_names(config):
    """Names of the classes in order, from `id2label` or `label_names`; `None` without them."""
    names = config.get("id2label")
    if isinstance(names, dict) and all(str(key).isdigit() for key in names):
        names = [names[key] for key in sorted(names, key=int)]
    else:
        names = config.get("label_names")
    return [str(name) for name in names] if isinstance(names, list) and names else None
