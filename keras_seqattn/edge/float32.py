"""The precision that a model computes in, before any quantisation."""

import typing

if typing.TYPE_CHECKING:
    import keras

LOW = {"mixed_float16", "mixed_bfloat16", "float16", "bfloat16"}


def float32_copy(model: "keras.Model") -> "keras.Model":
    """Returns the model itself if all its layers compute in float32, else a copy that does.

    A graph traced in mixed precision becomes Flex ops, which LiteRT cannot run.

    Args:
        model: Built `keras.Model`, rebuilt from its config.

    Returns:
        `keras.Model` with the same weights.
    """
    layers = list(_layers(model))
    if not any(layer.compute_dtype in ("float16", "bfloat16") for layer in layers):
        return model
    custom = {type(layer).__name__: type(layer) for layer in layers}
    copy = type(model).from_config(_in_float32(model.get_config()), custom_objects=custom)
    copy.set_weights(model.get_weights())
    return copy


def _layers(model):
    for layer in model.layers:
        yield layer
        if hasattr(layer, "layers"):
            yield from _layers(layer)


def _in_float32(config):
    """Replaces every low or mixed dtype policy in a config, however deep."""
    if isinstance(config, str):
        return "float32" if config in LOW else config
    if isinstance(config, dict):
        return {key: _in_float32(value) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return type(config)(_in_float32(value) for value in config)
    return config
