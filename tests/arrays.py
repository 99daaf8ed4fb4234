"""Arrays for tests are drawn, brought to NumPy from any backend and compared."""

import numpy as np
from keras import ops
from tolerances import FLOAT32


def normal(rng, *shape):
    """Draws float32 numbers from a normal distribution."""
    return rng.normal(size=shape).astype("float32")


def array(tensor):
    """Brings a tensor of any backend and dtype to a NumPy array that may be changed."""
    tensor = ops.convert_to_tensor(tensor)
    is_low = "float16" in str(tensor.dtype)
    return np.array(ops.convert_to_numpy(ops.cast(tensor, "float32") if is_low else tensor))


def assert_close(actual, expected, atol=FLOAT32):
    """Holds two tensors against each other by their largest difference."""
    np.testing.assert_allclose(array(actual), array(expected), atol=atol, rtol=0)
