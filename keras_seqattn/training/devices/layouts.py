"""Where the weights of a Transformer lie when one device is too small for all of them.

Each layout is a set of rules for `keras.distribution.LayoutMap`: a pattern of a weight's path, and
the axis of the mesh along which each of its sides is divided, or `None`.

Papers: Shoeybi et al. 2019, "Megatron-LM", section 3; Rajbhandari et al. 2020, "ZeRO", section 5.
"""

import re
import typing

import keras

from keras_seqattn.errors import explain, nearest

Axes: typing.TypeAlias = tuple[str | None, ...]
BATCH, MODEL = "batch", "model"

LAYOUTS: dict[str, dict[str, Axes]] = {
    # The heads of attention and the inner features of the MLP; a block exchanges two sums.
    "heads": {
        r"/(query|key|value)/kernel$": (None, MODEL, None),
        r"/(query|key|value)/bias$": (MODEL, None),
        r"/attention_output/kernel$": (MODEL, None, None),
        r"/feed_forward/hidden/kernel$": (None, MODEL),
        r"/feed_forward/hidden/bias$": (MODEL,),
        r"/feed_forward/output/kernel$": (MODEL, None)},
    # Each device keeps a part of each matrix, and gathers the whole one when it is read.
    "parts": {
        r"/(query|key|value)/kernel$": (BATCH, None, None),
        r"/attention_output/kernel$": (None, None, BATCH),
        r"/feed_forward/hidden/kernel$": (BATCH, None),
        r"/feed_forward/output/kernel$": (None, BATCH)},
}


def rules(name: str) -> dict[str, Axes]:
    """Returns the rules of a layout.

    Raises:
        ValueError: there is no such layout.
    """
    if name not in LAYOUTS:
        raise ValueError(explain("the layout is not known", layout=name,
                                 fix=nearest(name, LAYOUTS)))
    return LAYOUTS[name]


def axes_of(path: str, shape: tuple[int, ...], layout: dict[str, Axes], sizes: dict[str, int]
            ) -> Axes:
    """Returns the axis along which each side of a weight is divided.

    Args:
        path: Path of the weight.
        shape: Its sides. One that the devices do not divide stays whole.
        layout: As of `rules`.
        sizes: Axis of the mesh to its number of devices.

    >>> axes_of("block_0/attention/query/kernel", (128, 4, 32), rules("heads"), {"model": 2})
    (None, 'model', None)
    """
    for pattern, axes in layout.items():
        if re.search(pattern, path):
            return tuple(axis if axis is not None and not side % sizes[axis] else None
                         for side, axis in zip(shape, axes, strict=True))
    return ()


def model_parallel(name: str, devices: typing.Sequence[str], per_model: int
                   ) -> keras.distribution.ModelParallel:
    """Returns the distribution of a layout, for Keras on JAX.

    Args:
        name: Key of `LAYOUTS`.
        devices: Names of the devices, as of `keras.distribution.list_devices`.
        per_model: Devices that share one model. It divides their number.

    Raises:
        ValueError: there is no such layout, or `per_model` does not divide the devices.
    """
    layout = rules(name)
    if len(devices) % per_model:
        raise ValueError(explain("`per_model` must divide the devices", per_model=per_model,
                                 devices=len(devices), fix="pass a divisor"))
    mesh = keras.distribution.DeviceMesh(
        (len(devices) // per_model, per_model), (BATCH, MODEL), list(devices))
    laid = keras.distribution.LayoutMap(mesh)
    for pattern, axes in layout.items():
        laid[pattern] = axes
    return keras.distribution.ModelParallel(layout_map=laid, batch_dim_name=BATCH)
