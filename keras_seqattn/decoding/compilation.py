"""A decoding loop compiled as a whole, on every backend that compiles."""

import keras


def compiled(function, variables=(), xla=False):
    """Compiles a function of tensors, so that its loops run without Python.

    Args:
        function: Function of tensors and nests of them; it may read `variables` and no others.
        variables: `keras.Variable`s that it reads; changes of their values are seen.
        xla: Whether TensorFlow compiles it with XLA, once for each set of shapes: it takes longer
            at first and runs faster then. JAX always does.

    Returns:
        The function, compiled by `tf.function` or `jax.jit`; on PyTorch as it is.
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
