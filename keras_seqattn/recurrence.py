"""A recurrence over a sequence, whose gradient every backend compiles."""

import typing

import keras
from keras import ops

from keras_seqattn.shapes import Tensor

Tensors: typing.TypeAlias = dict[str, Tensor]


def states(step: typing.Callable[[Tensors, Tensors], Tensors], first: Tensors,
           sequence: Tensors) -> Tensors:
    """Reads a sequence element by element, and returns the states in which that leaves.

    On TensorFlow this is no `keras.ops.scan`, whose gradient XLA refuses: what a gradient reads is
    kept in arrays as long as the loop, and Keras does not tell the loop how long it is.

    Args:
        step: Function of a state and an element, which returns the next state. Its tensors have
            the names, shapes and dtypes of those of `first`.
        first: The state before the first element: tensors by name.
        sequence: Tensors by name, each with `T` as its first axis. An element has them without it.
            `T` may be unknown before the call.

    Returns:
        The states after each element: for each tensor of the state one with `T` as its first axis.

    Example:

    >>> sums = states(lambda state, new: {"sum": state["sum"] + new["x"]},
    ...               {"sum": ops.zeros(())}, {"x": ops.array([2.0, 3.0, 5.0])})
    >>> ops.convert_to_numpy(sums["sum"]).tolist()
    [2.0, 5.0, 10.0]
    """
    symbolic = any(isinstance(each, keras.KerasTensor) for each in sequence.values())
    if keras.backend.backend() == "tensorflow" and not symbolic:
        return _on_tensorflow(step, first, sequence)

    def twice(state, element):
        state = step(state, element)
        return state, state

    return ops.scan(twice, first, sequence)[1]


def _on_tensorflow(step, first, sequence):
    import tensorflow as tf

    one = next(iter(sequence.values()))
    length = ops.shape(one)[0]
    elements = {name: tf.TensorArray(each.dtype, length, element_shape=each.shape[1:]).unstack(each)
                for name, each in sequence.items()}
    stacks = {name: tf.TensorArray(each.dtype, length, element_shape=each.shape)
              for name, each in first.items()}

    def turn(index, state, stacks):
        state = step(state, {name: each.read(index) for name, each in elements.items()})
        return index + 1, state, {
            name: stack.write(index, state[name]) for name, stack in stacks.items()}

    *_, stacks = tf.while_loop(lambda index, *_: index < length, turn, (0, first, stacks),
                               maximum_iterations=length)
    return {name: tf.ensure_shape(stack.stack(), (one.shape[0], *first[name].shape))
            for name, stack in stacks.items()}
