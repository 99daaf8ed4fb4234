"""Examples to calibrate on, given by the user or taken from a source."""

import typing

import numpy as np

from keras_seqattn.edge.precisions import PRECISIONS
from keras_seqattn.errors import explain

if typing.TYPE_CHECKING:
    import keras

LEAST, MOST = 32, 512
USUAL = 128  # examples of a SOURCE
FEW = 16  # examples to verify with


def choose(model: "keras.Model", calibration: typing.Any, precision: str,
           ) -> dict[str, np.ndarray] | None:
    """Checks calibration examples, or takes them from a source.

    Of more than `MOST` examples `MOST` are taken, evenly spaced.

    Args:
        model: Built `keras.Model`.
        calibration: Array `(n, …)`, dictionary of arrays by input name, SOURCE or `None`.
        precision: A key of `PRECISIONS`.

    Returns:
        Dictionary of arrays by input name, or `None`.

    Raises:
        ValueError: no examples are given where they are needed, or too few. Their shapes are not
            those of the inputs. They are not finite.
    """
    if calibration is None:
        if PRECISIONS[precision].needs_calibration:
            raise ValueError(explain(
                "the ranges of activations must be found on examples", precision=precision,
                calibration=None, fix=f"pass calibration: {LEAST} to {MOST} training examples or a "
                "SOURCE such as sample:eurosat; or use dynamic_wi8_afp32, which needs none"))
        return None
    if isinstance(calibration, str):
        calibration = _from_source(calibration, model)
    if not isinstance(calibration, dict):
        calibration = {model.inputs[0].name: calibration}
    arrays = {name: np.asarray(array) for name, array in calibration.items()}
    shapes = {name: array.shape for name, array in arrays.items()}
    wanted = {each.name: tuple(each.shape) for each in model.inputs}
    if ({name: shape[1:] for name, shape in shapes.items()}
            != {name: shape[1:] for name, shape in wanted.items()}
            or len({shape[0] for shape in shapes.values()}) != 1):
        raise ValueError(explain(
            "calibration examples must have the model's inputs", calibration_shapes=shapes,
            input_shapes=wanted, fix="pass examples as the model takes them"))
    count = len(next(iter(arrays.values())))
    if count < LEAST:
        raise ValueError(explain(
            f"calibration needs {LEAST} examples at least", examples=count,
            fix="pass more examples, of all classes"))
    unfit = [name for name, array in arrays.items() if not np.isfinite(array).all()]
    if unfit:
        raise ValueError(explain("calibration examples must be finite", not_finite=unfit,
                                 fix="remove NaN and infinite values"))
    chosen = np.linspace(0, count - 1, min(count, MOST)).astype(int)
    return {each.name: arrays[each.name][chosen].astype(each.dtype) for each in model.inputs}


def few(examples: dict[str, np.ndarray] | None) -> typing.Any:
    """Returns `FEW` of the examples to verify with, since noise leaves the ranges of real inputs.

    Args:
        examples: What `choose` returned.

    Returns:
        Array of the only input, a dictionary of arrays of several inputs, or `None`.
    """
    if examples is None:
        return None
    first = {name: array[:FEW] for name, array in examples.items()}
    return first if len(first) > 1 else next(iter(first.values()))


def _from_source(source, model):
    from keras_seqattn import data
    from keras_seqattn.data.batches import scale

    examples = data.load(source, "train", tuple(model.inputs[0].shape[1:]))
    images, _ = examples.read(places(len(examples)))
    return scale(images)


def places(count: int) -> np.ndarray:
    """Which of a source's `count` training images calibrate: `USUAL` of them, evenly spaced."""
    return np.linspace(0, count - 1, min(count, USUAL)).astype(int)
