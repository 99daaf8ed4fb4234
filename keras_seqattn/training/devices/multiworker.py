"""What Keras' `fit` lacks under `MultiWorkerMirroredStrategy`, for one model at a time.

Two calls of Keras 3.15's TensorFlow trainer fail with several workers: it reduces a whole batch
that is spread over the workers only to learn its shapes, and it averages scalar results along an
axis they do not have (keras#20585). The first is not needed for a model that is built; the second
works when the results have one axis. Nothing of Keras itself is changed, so other models are not
affected, and where Keras no longer makes the second call this file does nothing.
"""

import inspect

import keras
from keras import tree

from keras_seqattn.errors import explain

TESTED = ("3.15.0", "3.15.1")


def adapt(model):
    """Lets a built and compiled model train with several workers.

    Args:
        model: `keras.Model`, built and compiled under the strategy.

    Raises:
        ValueError: this version of Keras has the fault, but was never tested with the remedy.
    """
    import tensorflow as tf

    if not has_fault():
        return
    if keras.__version__ not in TESTED:
        raise ValueError(explain(
            "training with several workers needs a version of Keras it was tested with",
            keras=keras.__version__, fix=f"install keras=={TESTED[-1]}"))
    for name in ("train_step", "test_step"):
        setattr(model, name, _with_axis(getattr(model, name), tf))
    model._maybe_symbolic_build = lambda **_: None


def _with_axis(step, tf):
    def step_with_axis(data):
        return tree.map_structure(lambda value: tf.expand_dims(value, 0), step(data))
    return step_with_axis


def has_fault():
    """Whether this Keras averages scalars of several workers along an axis."""
    from keras.src.backend.tensorflow import trainer

    return 'strategy.reduce("MEAN", v, axis=0)' in inspect.getsource(trainer.reduce_per_replica)
