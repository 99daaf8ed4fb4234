"""The optimizers: steps that do not depend on how a batch is divided among devices."""

import contextlib

import keras
from keras import ops

from keras_seqattn.training.optimizer import schedules
from keras_seqattn.training.optimizer.layer_rates import rate_shares

# Names of the weights that decay would only harm: they do not multiply features.
UNDECAYED = {"bias", "gamma", "beta", "embeddings", "token"}


class _Whole:
    """Clips, decays and scales whole gradients, and keeps averages beside the weights.

    Under `tf.distribute`, Keras clips each replica's part of the gradient; here the whole gradient
    is clipped, so one device and many take the same step. Averages of the weights (`use_ema`) stay
    beside them: training never overwrites the weights with their averages.
    """

    def __init__(self, *, clip_norm, clip_all, decayed, shares, **kwargs):
        for name in ("clipnorm", "global_clipnorm"):  # what Keras' own configuration says of both
            kwargs.pop(name, None)
        super().__init__(**kwargs)
        self.clip_norm = clip_norm
        self.clip_all = clip_all
        self.decayed = None if decayed is None else set(decayed)
        self.shares = dict(shares or {})

    def build(self, variables):
        super().build(variables)
        self._paths = [variable.path for variable in variables]

    def _apply_weight_decay(self, variables):
        """Leaves to `update_step` what Keras does ahead of it, at one rate for all weights."""

    def _clip_gradients(self, gradients):
        whole = keras.backend.backend() != "tensorflow"  # there they are so after the reduction
        return self._clip_together(gradients) if whole else gradients

    def _all_reduce_sum_gradients(self, pairs):
        gradients, variables = zip(*super()._all_reduce_sum_gradients(pairs), strict=True)
        return list(zip(self._clip_together(gradients), variables, strict=True))

    def _clip_together(self, gradients):
        if self.clip_all is None:
            return gradients
        gradients = [ops.convert_to_tensor(each) for each in gradients]
        squares = [ops.sum(ops.square(ops.cast(each, "float32"))) for each in gradients]
        factor = self.clip_all / ops.maximum(ops.sqrt(sum(squares)), self.clip_all)
        return [each * ops.cast(factor, each.dtype) for each in gradients]

    def update_step(self, gradient, variable, learning_rate):
        path = self._paths[self._get_variable_index(variable)]
        gradient = ops.cast(ops.convert_to_tensor(gradient), variable.dtype)
        learning_rate = ops.cast(learning_rate, variable.dtype) * self.shares.get(path, 1.0)
        if self.clip_norm is not None:
            norm = ops.sqrt(ops.sum(ops.square(gradient)))
            gradient = gradient * (self.clip_norm / ops.maximum(norm, self.clip_norm))
        if self.weight_decay and (self.decayed is None or path in self.decayed):
            self.assign_sub(variable, ops.convert_to_tensor(variable)
                            * (learning_rate * self.weight_decay))
        super().update_step(gradient, variable, learning_rate)

    def finalize_variable_values(self, var_list):
        """Keeps the weights as they are; `fit` asks for the averages when it wants them."""

    @contextlib.contextmanager
    def averaged(self):
        """Puts the averages of the weights in their place as long as the block runs."""
        variables = self._trainable_variables
        own = [ops.convert_to_numpy(variable) for variable in variables]
        averages = [ops.convert_to_numpy(each) for each in self._model_variables_moving_average]
        _assign(variables, averages)
        try:
            yield
        finally:
            _assign(variables, own)

    def get_config(self):
        return {
            **super().get_config(),
            "clip_norm": self.clip_norm,
            "clip_all": self.clip_all,
            "decayed": None if self.decayed is None else sorted(self.decayed),
            "shares": self.shares,
        }


@keras.saving.register_keras_serializable(package="keras_seqattn")
class AdamW(_Whole, keras.optimizers.AdamW):
    """Keras' AdamW, with clipping, decay and a learning rate for each weight after the reduction.

    Args:
        learning_rate: Float or schedule, per step.
        weight_decay: Share of a decayed weight lost per step at learning rate 1.
        clip_norm: Largest norm of the gradient of each weight. `None` does not clip.
        clip_all: Largest norm of all gradients together. `None` does not clip.
        decayed: Paths of the weights that decay. `None` means all.
        shares: Path of a weight to the share of the learning rate, and of the decay, that it gets;
            1 where there is none.

    Paper: Loshchilov & Hutter 2019, algorithm 2; layer-wise rates: Bao et al. 2022, "BEiT",
    appendix H; averages: Polyak & Juditsky 1992.
    """

    def __init__(self, learning_rate=1e-3, weight_decay=0.0, clip_norm=None, clip_all=None,
                 decayed=None, shares=None, name="adamw", **kwargs):
        super().__init__(learning_rate=learning_rate, weight_decay=weight_decay, name=name,
                         clip_norm=clip_norm, clip_all=clip_all, decayed=decayed, shares=shares,
                         **kwargs)


class _Momentum(keras.optimizers.SGD):
    """Multiplies the sum of gradients by the learning rate, where Keras sums their products."""

    def update_step(self, gradient, variable, learning_rate):
        total = self.momentums[self._get_variable_index(variable)]
        self.assign(total, ops.convert_to_tensor(total) * self.momentum + gradient)
        self.assign_sub(variable, ops.convert_to_tensor(total) * learning_rate)


@keras.saving.register_keras_serializable(package="keras_seqattn")
class SGD(_Whole, _Momentum):
    """Gradient descent with momentum, and the other arguments of `AdamW`.

    The rate multiplies the sum of gradients, as in the code of Dosovitskiy et al. 2021. Keras sums
    gradients that each were multiplied by the rate of their step, which lags behind a schedule.

    Args:
        momentum: Share of the sum of gradients that stays from step to step, in `(0, 1)`.

    >>> weight, optimizer = keras.Variable([0.0]), SGD(0.5, momentum=0.5)
    >>> for _ in range(2):
    ...     optimizer.apply([ops.ones(1)], [weight])
    >>> float(weight[0])
    -1.25
    """

    def __init__(self, learning_rate=1e-2, momentum=0.9, weight_decay=0.0, clip_norm=None,
                 clip_all=None, decayed=None, shares=None, name="sgd", **kwargs):
        super().__init__(learning_rate=learning_rate, momentum=momentum,
                         weight_decay=weight_decay, name=name, clip_norm=clip_norm,
                         clip_all=clip_all, decayed=decayed, shares=shares, **kwargs)


def make(model, settings, num_steps):
    """Makes the optimizer of a recipe.

    Args:
        model: `keras.Model`.
        settings: The recipe's `TrainSection`.
        num_steps: Steps of the whole training, as for `schedules.make`.

    Returns:
        `AdamW` or `SGD`.
    """
    own = ({"beta_2": settings.beta_2} if settings.optimizer == "adamw"
           else {"momentum": settings.momentum})
    return OPTIMIZERS[settings.optimizer](
        schedules.make(settings, num_steps), weight_decay=settings.weight_decay,
        clip_norm=settings.clip_norm, clip_all=settings.clip_all,
        decayed=[w.path for w in model.trainable_weights if w.name not in UNDECAYED],
        shares=rate_shares(model, settings.layer_decay),
        gradient_accumulation_steps=settings.accumulate,
        use_ema=settings.average is not None, ema_momentum=settings.average or 0.0, **own)


OPTIMIZERS = {"adamw": AdamW, "sgd": SGD}


def averaged(model):
    """Context in which a compiled model holds the averages of its weights."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)  # under loss scaling
    return optimizer.averaged()


def _assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
