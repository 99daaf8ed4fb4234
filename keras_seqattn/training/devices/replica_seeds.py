"""Random numbers under `tf.distribute`: each replica draws its own.

The states of Keras' generators are alike on all replicas, so each would drop the same units of its
share of a batch. Here the number of the replica is added to the seed at each drawing. The states
themselves stay as they are, and with them what is saved of a training.
"""

import typing

import keras

from keras_seqattn import borrowed

# An odd number far from all small ones: seeds of neighbouring replicas have nothing in common.
STRIDE = 0x9E3779B1 % 2 ** 31


def adapt(model: keras.Model) -> None:
    """Lets each replica draw other random numbers in a model.

    Args:
        model: `keras.Model`, built under the strategy.
    """
    for generator in borrowed.seed_generators(model):
        generator.next = _apart(generator.next)


def _apart(draw: typing.Callable) -> typing.Callable:
    import tensorflow as tf

    def of_this_replica(ordered: bool = True) -> typing.Any:
        seed, replica = draw(ordered), tf.distribute.get_replica_context()
        if replica is None:
            return seed
        number = tf.cast(replica.replica_id_in_sync_group, seed.dtype)
        return seed + number * tf.constant([STRIDE, 0], seed.dtype)
    return of_this_replica
