"""The product behind every projection of attention."""

import math

from keras import ops


def project(dense, x, num_read=1):
    """Applies an `EinsumDense` to all positions of all examples as one matrix product.

    Args:
        dense: Built `keras.layers.EinsumDense` whose kernel has first what it reads.
        x: Float, whose last `num_read` axes are read.
        num_read: Number of those axes: 1 for features, 2 for heads and their features.

    Returns:
        What `dense(x)` returns, up to rounding.
    """
    if dense.quantization_mode or dense.activity_regularizer:
        return dense(x)
    dtype, shape, free = dense.compute_dtype, dense.kernel.shape, ops.shape(x)[:-num_read]
    kernel = ops.reshape(dense.kernel, (math.prod(shape[:num_read]), -1))
    if all(size == 1 for size in x.shape[:-num_read]):
        # XLA pulls the reshape of a kernel into the product with one row, which then takes it
        # twenty times as long on TensorFlow. This changes no number, and stands between.
        kernel = ops.maximum(kernel, -1e38)
    y = ops.matmul(ops.cast(ops.reshape(x, (-1, kernel.shape[0])), dtype),
                   ops.cast(kernel, dtype))
    y = ops.reshape(y, (*free, *shape[num_read:]))
    return dense.activation(y if dense.bias is None else y + ops.cast(dense.bias, dtype))
