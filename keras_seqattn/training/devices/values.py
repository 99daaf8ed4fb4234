"""Values of variables that lie on the devices of several processes.

To a variable that lies on devices of others, Keras on JAX assigns a value only with all processes
together, which compare what each has. A process that assigns alone would wait for ever, or take
another comparison for its own. Here no process waits for another.
"""

import collections.abc
import contextlib

import keras
import numpy as np

from keras_seqattn.training.devices import loans


def assign(variable: keras.Variable, value: np.ndarray) -> None:
    """Gives a variable a value that all its processes have.

    Args:
        variable: `keras.Variable`.
        value: NumPy array of its shape, whole. It is not compared between the processes.
    """
    if not _is_shared(variable):
        variable.assign(value)
        return
    import jax

    value = value.astype(variable.dtype)
    variable.assign(jax.make_array_from_callback(
        value.shape, variable.value.sharding, lambda part: value[part]))


@contextlib.contextmanager
def of_this_process(model: keras.Model) -> collections.abc.Iterator[None]:
    """Lets this process compute with a model without the others, as long as the block runs.

    Its variables hold what lies on the first device of this process, and new variables lie there.

    Args:
        model: `keras.Model`, whose variables lie whole on each device.
    """
    shared = [variable for variable in model.variables if _is_shared(variable)]
    if not shared:
        yield
        return
    distribution = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        with loans.holding(shared, [each.value.addressable_data(0) for each in shared]):
            yield
    finally:
        keras.distribution.set_distribution(distribution)


def _is_shared(variable: keras.Variable) -> bool:
    """Whether a variable lies on devices of other processes too."""
    return (keras.backend.backend() == "jax"
            and not variable.value.sharding.is_fully_addressable)
