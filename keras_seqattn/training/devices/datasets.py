"""Batches as TensorFlow takes them: a `tf.data.Dataset`."""

import collections.abc
import typing

import keras

Share: typing.TypeAlias = tuple[int, int]
Feed: typing.TypeAlias = collections.abc.Callable[[Share], keras.utils.PyDataset]


def of_one_process(make: Feed, context: typing.Any) -> typing.Any:
    """Returns the batches of the replicas of one process, in their order.

    Args:
        make: Function of a share `(index, count)` that returns batches.
        context: `tf.distribute.InputContext`.

    Returns:
        `tf.data.Dataset`.
    """
    replicas = context.num_replicas_in_sync
    local = replicas // context.num_input_pipelines
    first = context.input_pipeline_id * local
    return in_turn([make((first + replica, replicas)) for replica in range(local)])


def in_turn(parts: list[keras.utils.PyDataset]) -> typing.Any:
    """Returns the batches of each step of several parts, one part after the other.

    Returns:
        `tf.data.Dataset`.
    """
    import tensorflow as tf

    def generate():
        step = 0
        while parts[0].num_batches is None or step < parts[0].num_batches:
            yield from (part[step] for part in parts)
            step += 1

    dataset = tf.data.Dataset.from_generator(generate, output_signature=_signature(parts[0]))
    return dataset.prefetch(tf.data.AUTOTUNE)


def _signature(batches: keras.utils.PyDataset) -> tuple:
    import tensorflow as tf

    if hasattr(batches, "signature"):
        inputs, *others = batches.signature
        return ({name: tf.TensorSpec(*each) for name, each in inputs.items()},
                *(tf.TensorSpec(*each) for each in others))
    return tuple(tf.TensorSpec(array.shape, array.dtype) for array in batches[0])
