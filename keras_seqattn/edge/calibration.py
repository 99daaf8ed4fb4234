"""Examples to calibrate on: enough of them, and on the scale that the contract tells."""

import typing

import numpy as np

from keras_seqattn.edge import examples
from keras_seqattn.edge.precisions import PRECISIONS
from keras_seqattn.errors import explain

LEAST = 32
FEW = 16  # examples to verify with
FAR = 8  # times the contract's reach, or that part of it, is another scale
OVERSHOOT = 0.1  # resizing goes beyond the range of pixels by this share of it
PIXELS = (0, 255)


def choose(inputs: typing.Any, calibration: typing.Any, precision: str,
           mean: typing.Any = 127.5, std: typing.Any = 127.5) -> dict[str, np.ndarray] | None:
    """Checks calibration examples, or takes them from a source.

    Args:
        inputs: What `sizes.examples_of` or `structures.inputs_of` returns.
        calibration: Examples in any form of `examples.take`, or `None`.
        precision: A key of `PRECISIONS`.
        mean: Subtracted from 8-bit pixels before they enter the model, as the contract will say.
        std: Divides what remains.

    Returns:
        Dictionary of arrays by input name, or `None`.

    Raises:
        ValueError: no examples are given where they are needed, or too few. They do not fit the
            model's inputs. Images lie on another scale than `mean` and `std` say.
    """
    if calibration is None:
        if PRECISIONS[precision].needs_calibration:
            raise ValueError(explain(
                "the ranges of activations must be found on examples", precision=precision,
                calibration=None, fix=f"pass calibration: {LEAST} to {examples.MOST} training "
                "examples or a SOURCE such as sample:eurosat; or use dynamic_wi8_afp32, which "
                "needs none"))
        return None
    arrays = examples.take(inputs, calibration, mean, std)
    count = len(next(iter(arrays.values())))
    if count < LEAST:
        raise ValueError(explain(
            f"calibration needs {LEAST} examples at least", examples=count,
            fix="pass more examples, of all classes"))
    for name, array in arrays.items():
        if holds_images(array):
            _check_scale(name, array, mean, std)
    return arrays


def few(chosen: dict[str, np.ndarray] | None) -> dict[str, np.ndarray] | None:
    """Returns `FEW` of the examples to verify with, since noise leaves the ranges of real inputs.

    Args:
        chosen: What `choose` returned.
    """
    return None if chosen is None else {name: array[:FEW] for name, array in chosen.items()}


def holds_images(array: np.ndarray) -> bool:
    """Whether an array of examples holds images in floats: `(n, height, width, 1 or 3)`."""
    return array.ndim == 4 and array.shape[-1] in (1, 3) and array.dtype.kind == "f"


def scaled_otherwise(array: np.ndarray, mean: typing.Any, std: typing.Any) -> str | None:
    """Says how images differ from the scale that a contract tells.

    Args:
        array: Images in floats, `(n, height, width, channels)`.
        mean: The contract's.
        std: The contract's.

    Returns:
        A sentence; `None` where the images lie within the range of scaled pixels and fill more than
        half of it.

    >>> scaled_otherwise(np.linspace(-1, 1, 12).reshape(1, 2, 2, 3), 127.5, 127.5) is None
    True
    >>> scaled_otherwise(np.linspace(0, 1, 12).reshape(1, 2, 2, 3), 127.5, 127.5)
    'the examples reach from 0 to 1, images scaled by `mean` and `std` from -1 to 1'
    """
    (least, most), (low, high) = (float(array.min()), float(array.max())), _limits(mean, std)
    allowed = OVERSHOOT * (high - low)
    if low - allowed <= least and most <= high + allowed and most - least > (high - low) / 2:
        return None
    return (f"the examples reach from {least:.3g} to {most:.3g}, images scaled by `mean` and "
            f"`std` from {low:.3g} to {high:.3g}")


def _check_scale(name, array, mean, std):
    """Refuses pixels that were not scaled, and scaled images where the model takes pixels."""
    reach, limit = float(np.abs(array).max()), max(map(abs, _limits(mean, std)))
    if not limit / FAR <= reach <= limit * FAR:
        raise ValueError(explain(
            "images to calibrate on must be scaled as `mean` and `std` say", input=name,
            calibration_range=_range(array.min(), array.max()),
            contract_range=_range(*_limits(mean, std)), mean=mean, std=std,
            fix="scale them as in training, or pass the mean and std of the training"))


def _limits(mean, std):
    """The least and the greatest number that pixels become."""
    ends = [(end - np.asarray(mean, "float64")) / np.asarray(std, "float64") for end in PIXELS]
    return float(np.min(ends)), float(np.max(ends))


def _range(least, most):
    return float(f"{least:.4g}"), float(f"{most:.4g}")
