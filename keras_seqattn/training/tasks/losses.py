"""Loss and accuracy of predicted tokens, padding left out."""

import typing

import keras
from keras import ops

from keras_seqattn.shapes import Tensor

PAD = 0


@keras.saving.register_keras_serializable(package="keras_seqattn")
class TokenCrossentropy(keras.losses.Loss):
    """Cross-entropy of each token, averaged over the tokens that are real.

    Args:
        label_smoothing: Share of each label spread evenly over all tokens, in `[0, 1)`.

    Call arguments:
        y_true: Integer, `(B, T)`; 0 is padding.
        y_pred: Logits, `(B, T, V)`.
        sample_weight: Float, `(B, T)`. By default padding weighs 0 and every other token the same.
            The result is then the mean over the real tokens, or 0 where there is none. With one
            number for each example, `(B,)`, each token weighs as much as its example.

    Padding is known by its label. A mask that the output carries changes nothing. Replicas of one
    batch count its real tokens together, so their step is that of one device.

    Paper: Szegedy et al. 2016, section 7 (label smoothing).
    """

    def __init__(self, label_smoothing: float = 0.0, name: str = "token_crossentropy",
                 **kwargs: typing.Any):
        super().__init__(name=name, **kwargs)
        self.label_smoothing = label_smoothing

    def __call__(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
                 ) -> Tensor:
        if sample_weight is None or len(sample_weight.shape) < 2:
            real = ops.cast(ops.not_equal(y_true, PAD), "float32")
            count, replicas = over_replicas(ops.sum(real))
            # Keras will divide by these positions, and by the replicas.
            positions = ops.sum(ops.ones_like(real)) * replicas
            given = 1.0 if sample_weight is None else ops.reshape(
                ops.cast(sample_weight, "float32"), (-1, 1))
            sample_weight = real * given * positions / ops.maximum(count, 1.0)
        # Keras would normalise once more by a mask that hangs on the output. A copy has none.
        return super().__call__(y_true, ops.copy(y_pred), sample_weight)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        y_pred = ops.cast(y_pred, "float32")
        right = ops.take_along_axis(
            y_pred, ops.expand_dims(ops.cast(y_true, "int32"), -1), axis=-1)     # (B, T, 1)
        target = (1.0 - self.label_smoothing) * ops.squeeze(right, -1)
        if self.label_smoothing:
            target = target + self.label_smoothing * ops.mean(y_pred, axis=-1)
        return ops.logsumexp(y_pred, axis=-1) - target

    def get_config(self) -> dict[str, typing.Any]:
        return {**super().get_config(), "label_smoothing": self.label_smoothing}


def over_replicas(value: Tensor) -> tuple[Tensor, int]:
    """Sums a value over the replicas that share a batch.

    On JAX each array spans all devices, so a sum of its values is already one over all of them.

    Args:
        value: Tensor on each replica.

    Returns:
        The sum, and the number of replicas.
    """
    if keras.backend.backend() != "tensorflow":
        return value, 1
    import tensorflow as tf

    replica = tf.distribute.get_replica_context()
    if replica is None or replica.num_replicas_in_sync == 1:
        return value, 1
    total = replica.all_reduce(tf.distribute.ReduceOp.SUM, value)
    return total, replica.num_replicas_in_sync


@keras.saving.register_keras_serializable(package="keras_seqattn")
class TokenAccuracy(keras.metrics.SparseCategoricalAccuracy):
    """Share of tokens that were predicted right, each real one counted once."""

    def __init__(self, name: str = "accuracy", **kwargs: typing.Any):
        super().__init__(name=name, **kwargs)

    def update_state(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
                     ) -> None:
        real = ops.not_equal(y_true, PAD)
        if sample_weight is not None and len(sample_weight.shape) < 2:
            real = ops.logical_and(real, ops.reshape(sample_weight, (-1, 1)) > 0)
        elif sample_weight is not None:
            real = sample_weight > 0
        super().update_state(y_true, y_pred, ops.cast(real, self.dtype))
