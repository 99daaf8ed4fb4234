"""Layers whose weights take memory once: when they are filled, not when they are built."""

import keras


class Filling(keras.StatelessScope):
    """A scope in which what is assigned to new weights becomes their first value.

    Outside, building a layer draws random numbers for each weight, and filling it writes over
    them, which takes longer than reading the file that they come from. Only weights that are made
    inside may be assigned inside; what is not assigned is initialised when the scope ends.

    Example:

    >>> with Filling():
    ...     dense = keras.layers.Dense(1)
    ...     dense.build((None, 1))
    ...     dense.kernel.assign([[7.0]]) is not None
    True
    >>> float(dense.kernel[0, 0]), float(dense.bias[0])
    (7.0, 0.0)
    """

    def add_update(self, update):
        """Called by Keras for each assignment, which it would otherwise forget."""
        variable, value = update
        variable._initializer = lambda *_, **__: value
        super().add_update(update)
