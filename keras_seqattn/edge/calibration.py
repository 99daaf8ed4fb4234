"""Examples to calibrate on: the user's, checked, or those of a source."""

import numpy as np

from keras_seqattn.edge.precisions import PRECISIONS
from keras_seqattn.errors import explain

LEAST, MOST = 32, 512
USUAL = 128  # examples of a SOURCE


def choose(model, calibration, precision):
    """Checks calibration examples, or takes them from a source; at most `MOST`, evenly spaced.

    Args:
        model: Built `keras.Model`.
        calibration: Array `(n, …)`, dictionary of arrays by input name, SOURCE or `None`.
        precision: A key of `PRECISIONS`.

    Returns:
        Dictionary of arrays by input name, or `None`.

    Raises:
        ValueError: none are given where they are needed, too few, of other shapes, not finite.
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


def _from_source(source, model):
    from keras_seqattn import data
    from keras_seqattn.data.batches import scale

    examples = data.load(source, "train", tuple(model.inputs[0].shape[1:]))
    images, _ = examples.read(places(len(examples)))
    return scale(images)


def places(count):
    """Which of a source's `count` training images calibrate: `USUAL` of them, evenly spaced."""
    return np.linspace(0, count - 1, min(count, USUAL)).astype(int)
