"""Loss scaling, without which small gradients vanish in float16."""

import typing

import keras
from keras import ops

from keras_seqattn.shapes import Tensor

ON_TENSORFLOW = keras.backend.backend() == "tensorflow"


@keras.saving.register_keras_serializable(package="keras_seqattn")
class LossScale(keras.optimizers.LossScaleOptimizer):
    """Keras' loss scaling, where replicas agree on whether the gradients are finite.

    Keras asks the first replica alone, whose gradients are only its own part. An overflow on
    another replica would then reach the weights of all. Here every replica skips such a step.

    Args:
        inner_optimizer: Optimizer that takes the steps.

    Paper: Micikevicius et al. 2018, section 3.2.
    """

    def apply(self, grads: list[Tensor], trainable_variables: typing.Any = None) -> None:
        if ON_TENSORFLOW:
            grads = self._agreed(list(grads))
        super().apply(grads, trainable_variables)

    def _agreed(self, grads):
        """Gradients that are finite on all replicas or on none."""
        import tensorflow as tf

        replica = tf.distribute.get_replica_context()
        if replica is None or replica.num_replicas_in_sync == 1:
            return grads
        overflow = ops.cast(ops.logical_not(self.check_finite(grads)), "float32")
        anywhere = replica.all_reduce(tf.distribute.ReduceOp.SUM, overflow) > 0
        return [None if each is None else
                ops.where(anywhere, ops.cast(float("nan"), each.dtype), each) for each in grads]


def computes_in_float16(model: keras.Model) -> bool:
    """Whether a layer of a model computes in float16."""
    return any(layer.compute_dtype == "float16" for layer in model.layers)
