"""What every layer promises, as checks for our layers and for yours."""

import inspect
import pathlib
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from keras_seqattn import borrowed


def check_error(call: Callable[[], object], kind: type[Exception] = ValueError,
                **received: object) -> None:
    """Checks that a call fails, and that its message tells the values and the remedy.

    Args:
        call: Function without arguments. It must fail.
        kind: Class of the error.
        **received: Values that the message must print under these names.

    Raises:
        AssertionError: The call succeeds. The message lacks a value or the remedy.

    >>> from keras_seqattn.layers import FeedForward
    >>> check_error(lambda: FeedForward(mlp_dim=0), mlp_dim=0)
    """
    try:
        call()
    except kind as error:
        for name, value in received.items():
            assert f"{name}={value!r}" in str(error), str(error)
        assert "To fix:" in str(error), str(error)
        return
    raise AssertionError(f"{kind.__name__} was not raised")


def check_layer(layer_cls: type[keras.Layer], kwargs: dict[str, Any], input_shape: tuple[int, ...],
                output_shape: tuple[int, ...], num_weights: int, *, num_inputs: int = 1,
                keeps_mask: bool = True, unmoved: Sequence[str] = ()) -> None:
    """Holds a layer to what every layer promises. The first broken promise raises.

    - Its config holds exactly the arguments of the constructor, and rebuilds the layer.
    - Symbolic, told and eager shapes agree.
    - A `.keras` file of it gives the same outputs.
    - One training step moves every weight.
    - In mixed precision it computes in float16 over float32 weights.
    - A mask is passed on.

    Args:
        layer_cls: Class of the layer.
        kwargs: Arguments of its constructor.
        input_shape: Shape of an input with its batch axis, distinct primes if possible.
        output_shape: Shape of the output, with its batch axis.
        num_weights: Number of trainable weight tensors.
        num_inputs: Number of such inputs that the layer is called with.
        keeps_mask: Whether a mask of shape `input_shape[:-1]` must reach the output.
        unmoved: Ends of the paths of weights whose gradient is known to be zero.

    Raises:
        AssertionError: A promise is broken.

    >>> from keras_seqattn.layers import FeedForward
    >>> check_layer(FeedForward, {"mlp_dim": 7}, (2, 5, 3), (2, 5, 3), num_weights=4)
    """
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=input_shape).astype("float32") for _ in range(num_inputs)]
    layer = layer_cls(**kwargs)
    _check_config(layer)
    _check_shapes(layer, arrays, output_shape)
    assert len(layer.trainable_weights) == num_weights, [w.path for w in layer.trainable_weights]

    inputs = [keras.Input(input_shape[1:]) for _ in arrays]
    model = keras.Model(inputs, layer(*inputs))
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "layer.keras"
        model.save(path)
        again = keras.saving.load_model(path)
    np.testing.assert_array_equal(_array(model(arrays)), _array(again(arrays)))
    if num_weights:
        _check_training(model, arrays, output_shape, unmoved)
    _check_mixed_precision(layer_cls, kwargs, arrays)
    if keeps_mask:
        _check_mask(layer_cls, kwargs, input_shape, output_shape, num_inputs)


def _check_config(layer):
    config = layer.get_config()
    inherited = set(keras.layers.Layer().get_config())
    own = set(config) - inherited
    wanted = set(inspect.signature(type(layer).__init__).parameters) - {"self", "kwargs"}
    assert own == wanted - inherited, f"config {sorted(own)} != arguments {sorted(wanted)}"
    assert type(layer).from_config(config).get_config() == config


def _check_shapes(layer, arrays, output_shape):
    eager = layer(*arrays)
    symbolic = layer(*(keras.KerasTensor((None, *array.shape[1:])) for array in arrays))
    assert tuple(eager.shape) == output_shape, tuple(eager.shape)
    assert tuple(symbolic.shape)[1:] == output_shape[1:], tuple(symbolic.shape)
    told = layer.compute_output_shape(*(array.shape for array in arrays))
    assert tuple(told) == output_shape, told


def _check_training(model, arrays, output_shape, unmoved):
    before = [_array(weight) for weight in model.trainable_weights]
    model.compile("sgd", "mse")
    target = np.random.default_rng(1).normal(size=output_shape).astype("float32")
    model.fit(arrays, target, verbose=0)
    still = [weight.path for weight, old in zip(model.trainable_weights, before, strict=True)
             if np.array_equal(_array(weight), old) and not weight.path.endswith(tuple(unmoved))]
    assert not still, f"one training step left these unchanged: {still}"


def _check_mixed_precision(layer_cls, kwargs, arrays):
    mixed = layer_cls(**{**kwargs, "dtype": "mixed_float16"})
    assert keras.backend.standardize_dtype(mixed(*arrays).dtype) == "float16"
    dtypes = {keras.backend.standardize_dtype(w.dtype) for w in mixed.trainable_weights}
    assert dtypes <= {"float32"}, dtypes


def _check_mask(layer_cls, kwargs, input_shape, output_shape, num_inputs):
    first = keras.Input(input_shape[1:])
    masked = keras.layers.Masking()(first)
    rest = [keras.Input(input_shape[1:]) for _ in range(num_inputs - 1)]
    output = layer_cls(**kwargs)(masked, *rest)
    mask = borrowed.mask_of(output)
    assert mask is not None, "the mask of the first input does not reach the output"
    assert len(mask.shape) == len(output_shape) - 1, mask.shape


def _array(tensor):
    return np.array(keras.ops.convert_to_numpy(tensor))
