"""Single layers, filled from arrays that are named as PyTorch names them.

The arrays of a layer are `name.weight` and `name.bias`.
"""

import keras
import numpy as np

from keras_seqattn.checkpoints.weights.filling import hand_over
from keras_seqattn.checkpoints.weights.state import State


def linear(state: State, name: str, inputs: int, outputs: int, use_bias: bool = True,
           transposed: bool = True) -> tuple[np.ndarray, np.ndarray | None]:
    """Takes the arrays of a dense layer.

    Args:
        state: `State` of the arrays.
        name: Name of the layer.
        inputs: Width of its input.
        outputs: Width of its output.
        use_bias: Whether the layer has a bias.
        transposed: Whether the file has the kernel as `(outputs, inputs)`, as PyTorch does.

    Returns:
        The kernel, float32 `(inputs, outputs)`, and the bias, float32 `(outputs,)`. Without a bias
        the second is `None`.

    Raises:
        ValueError: as for `State.take`.
    """
    shape = (outputs, inputs) if transposed else (inputs, outputs)
    kernel = state.take(f"{name}.weight", *shape)
    return (kernel.T if transposed else kernel,
            state.take(f"{name}.bias", outputs) if use_bias else None)


def fill(dense: keras.Layer, kernel: np.ndarray, bias: np.ndarray | None = None) -> None:
    """Sets a `Dense` or an `EinsumDense`, whose axes may be split into heads."""
    hand_over(dense.kernel, np.reshape(kernel, dense.kernel.shape))
    if bias is not None:
        hand_over(dense.bias, np.reshape(bias, dense.bias.shape))


def fill_side_by_side(denses: tuple, state: State, name: str, width: int) -> None:
    """Sets several layers whose kernels lie side by side in one, as in GPT-2.

    Args:
        denses: Layers, each of `width` inputs and as many outputs.
        state: `State` of the arrays.
        name: Name of the layer in the file. Its kernel is `(width, len(denses)·width)`.
        width: Width of the input.

    Raises:
        ValueError: as for `State.take`.
    """
    count = len(denses)
    kernels = np.split(state.take(f"{name}.weight", width, count * width), count, axis=1)
    biases = np.split(state.take(f"{name}.bias", count * width), count)
    for dense, kernel, bias in zip(denses, kernels, biases, strict=True):
        fill(dense, kernel, bias)


def fill_norm(norm: keras.Layer, state: State, name: str, width: int,
              use_bias: bool = True) -> None:
    """Sets a `LayerNormalization`.

    Args:
        norm: The layer.
        state: `State` of the arrays.
        name: Name of the layer in the file.
        width: Size of its last axis.
        use_bias: Whether the file has a bias.

    Raises:
        ValueError: as for `State.take`.
    """
    hand_over(norm.gamma, state.take(f"{name}.weight", width))
    if use_bias:
        hand_over(norm.beta, state.take(f"{name}.bias", width))
