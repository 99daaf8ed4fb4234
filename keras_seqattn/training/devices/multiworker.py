"""What Keras' `fit` lacks under `MultiWorkerMirroredStrategy`, for one model at a time.

Two calls of the TensorFlow trainer of Keras 3.15 fail with several workers:

- The trainer reduces a whole batch that is spread over the workers, only to learn its shapes. A
  model that is built does not need this.
- The trainer averages scalar results along an axis that scalars do not have (keras#20585). Results
  with one axis are averaged rightly.

Nothing of Keras itself is changed, so other models are not affected.
"""

import typing

import keras
from keras import tree

from keras_seqattn import borrowed
from keras_seqattn.errors import explain

TESTED = ("3.15.0", "3.15.1")


def adapt(model: keras.Model) -> None:
    """Lets a built and compiled model train with several workers.

    Args:
        model: `keras.Model`, built and compiled under the strategy.

    Raises:
        ValueError: this version of Keras was never tested with several workers.
    """
    if keras.__version__ not in TESTED:
        raise ValueError(explain(
            "training with several workers needs a version of Keras that was tested with them",
            keras=keras.__version__, fix=f"install keras=={TESTED[-1]}"))
    borrowed.leave_build_out(model)
    if borrowed.averages_along_an_axis():
        for name in ("train_step", "test_step"):
            setattr(model, name, _with_axis(getattr(model, name)))


def _with_axis(step: typing.Callable) -> typing.Callable:
    import tensorflow as tf

    def step_with_axis(data):
        return tree.map_structure(lambda value: tf.expand_dims(value, 0), step(data))
    return step_with_axis
