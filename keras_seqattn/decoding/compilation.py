"""A decoding loop compiled as a whole, on every backend that compiles."""

from collections.abc import Callable, Sequence

import keras


def compiled(function: Callable, variables: Sequence[keras.Variable] = (),
             xla: bool = False) -> Callable:
    """Compiles a function of tensors, so that its loops run without Python.

    Args:
        function: Function of tensors and nests of them. It may read `variables` and no others.
        variables: Variables that the function reads. Changes of their values are seen.
        xla: Whether TensorFlow compiles with XLA, as JAX always does. XLA compiles once for each
            set of shapes. The first call takes longer then, and all later calls less.

    Returns:
        The function, compiled by `tf.function` or `jax.jit`. On PyTorch the function as it is.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(
            function, jit_compile=xla, reduce_retracing=not xla, autograph=False)
    if backend == "jax":
        import jax

        @jax.jit
        def stateless(values, *arguments):
            with keras.StatelessScope(state_mapping=zip(variables, values, strict=True)):
                return function(*arguments)

        return lambda *arguments: stateless([each.value for each in variables], *arguments)
    return function
