"""What the configurations beside a checkpoint say, as far as it is needed."""

import json
import os
import pathlib
import typing

from keras_seqattn.errors import explain, nearest
from keras_seqattn.layers import gelu_tanh, quick_gelu

Activation: typing.TypeAlias = str | typing.Callable[[typing.Any], typing.Any]
# Names of transformers and timm.
ACTIVATIONS: dict[str, Activation] = {
    "gelu": "gelu", "gelu_erf": "gelu", "gelu_new": gelu_tanh, "gelu_pytorch_tanh": gelu_tanh,
    "gelu_tanh": gelu_tanh, "quick_gelu": quick_gelu, "relu": "relu", "silu": "silu"}


def read_config(path: os.PathLike | str) -> dict:
    """Reads a configuration.

    Args:
        path: A JSON file.

    Returns:
        Its dictionary, empty if there is no such file.

    Raises:
        ValueError: the file cannot be read, or is no JSON object.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        return {}
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(config, dict):
            raise ValueError("no object")
    except (OSError, ValueError) as error:
        raise ValueError(explain(
            "the file beside the weights must be a JSON object", file=str(path), error=str(error),
            fix="get the file again")) from error
    return config


def need(config: dict, *names: str) -> dict:
    """Returns a configuration, if it has all of these entries.

    Raises:
        ValueError: one is missing.
    """
    missing = [name for name in names if name not in config]
    if missing:
        raise ValueError(explain(
            "the configuration must have these entries", missing=missing,
            fix="keep the config.json of the checkpoint beside its weights"))
    return config


def check(config: dict, **wanted: typing.Any) -> None:
    """Refuses a configuration that asks for what is not built here.

    Args:
        config: The configuration.
        **wanted: Values of entries. An entry that the configuration omits has this value.

    Raises:
        ValueError: an entry has another value.
    """
    for name, value in wanted.items():
        if config.get(name, value) != value:
            raise ValueError(explain(
                f"`{name}` of the configuration must be {value!r}", **{name: config[name]},
                fix="load a model of this kind"))


def activation(config: dict, name: str, usual: str) -> Activation:
    """Returns the function that an entry of a configuration names.

    Args:
        config: The configuration.
        name: Name of the entry.
        usual: What the entry says where it is omitted.

    Raises:
        ValueError: the function is not known here.
    """
    value = config.get(name, usual)
    if value not in ACTIVATIONS:
        raise ValueError(explain(f"`{name}` is not known", **{name: value},
                                 fix=nearest(value, ACTIVATIONS)))
    return ACTIVATIONS[value]


def class_names(*configs: dict) -> list[str] | None:
    """Returns the names of the classes in order.

    They are `id2label` or `label_names` of the first configuration that has one of them. Without
    any it is `None`.
    """
    for config in configs:
        names = config.get("id2label")
        if isinstance(names, dict) and all(str(key).isdigit() for key in names):
            names = [names[key] for key in sorted(names, key=int)]
        else:
            names = config.get("label_names")
        if isinstance(names, list) and names:
            return [str(name) for name in names]
    return None
