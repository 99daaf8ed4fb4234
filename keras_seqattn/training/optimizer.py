"""The optimizer: AdamW whose steps do not depend on how a batch is divided among devices."""

import contextlib

import keras
from keras import ops

from keras_seqattn.training import transfer

# Names of the weights that decay would only harm: they do not multiply features.
UNDECAYED = {"bias", "gamma", "beta", "embeddings", "token"}


@keras.saving.register_keras_serializable(package="keras_seqattn")
class AdamW(keras.optimizers.AdamW):
    """Keras' AdamW, with clipping, decay and a learning rate for each weight after the reduction.

    Under `tf.distribute`, Keras clips each replica's part of the gradient; here the whole gradient
    is clipped, so one device and many take the same step. Averages of the weights (`use_ema`) stay
    beside them: training never overwrites the weights with their averages.

    Args:
        learning_rate: Float or schedule, per step.
        weight_decay: Share of a decayed weight lost per step at learning rate 1.
        clip_norm: Largest norm of the gradient of each weight. `None` does not clip.
        decayed: Paths of the weights that decay. `None` means all.
        shares: Path of a weight to the share of the learning rate, and of the decay, that it gets;
            1 where there is none.

    Paper: Loshchilov & Hutter 2019, algorithm 2; layer-wise rates: Bao et al. 2022, "BEiT",
    appendix H; averages: Polyak & Juditsky 1992.
    """

    def __init__(self, learning_rate=1e-3, weight_decay=0.0, clip_norm=None, decayed=None,
                 shares=None, name="adamw", **kwargs):
        kwargs.pop("clipnorm", None)  # what Keras' own configuration says of the same idea
        super().__init__(learning_rate, weight_decay=weight_decay, name=name, **kwargs)
        self.clip_norm = clip_norm
        self.decayed = None if decayed is None else set(decayed)
        self.shares = dict(shares or {})

    def build(self, variables):
        super().build(variables)
        self._paths = [variable.path for variable in variables]

    def _apply_weight_decay(self, variables):
        """Leaves to `update_step` what Keras does ahead of it, at one rate for all weights."""

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
            "decayed": None if self.decayed is None else sorted(self.decayed),
            "shares": self.shares,
        }


@keras.saving.register_keras_serializable(package="keras_seqattn")
class InverseSqrt(keras.optimizers.schedules.LearningRateSchedule):
    """Rises in a line to its peak, then falls with one over the square root of the step.

    Args:
        peak: Learning rate at its highest, per step; the paper's is `(D · warmup_steps)^-0.5`.
        warmup_steps: Steps until then.

    >>> rate = InverseSqrt(0.5, warmup_steps=4)
    >>> [round(float(rate(step)), 3) for step in (1, 3, 15)]
    [0.25, 0.5, 0.25]

    Paper: Vaswani et al. 2017, section 5.3, equation 3.
    """

    def __init__(self, peak, warmup_steps):
        super().__init__()
        self.peak = peak
        self.warmup_steps = warmup_steps

    def __call__(self, step):
        step = ops.cast(step, "float32") + 1.0
        warmup_steps = float(max(self.warmup_steps, 1))
        return self.peak * ops.minimum(step / warmup_steps, ops.sqrt(warmup_steps / step))

    def get_config(self):
        return {"peak": self.peak, "warmup_steps": self.warmup_steps}


def make(model, settings, num_steps):
    """Makes the optimizer of a recipe.

    Args:
        model: `keras.Model`.
        settings: The recipe's `TrainSection`.
        num_steps: Steps of the whole training: the learning rate rises for their first `warmup`
            share and then falls as `schedule` says.

    Returns:
        `AdamW`.
    """
    warmup = int(num_steps * settings.warmup)
    if settings.schedule == "inverse_sqrt":
        learning_rate = InverseSqrt(settings.learning_rate, warmup)
    else:
        learning_rate = keras.optimizers.schedules.CosineDecay(
            0.0 if warmup else settings.learning_rate, max(num_steps - warmup, 1),
            warmup_target=settings.learning_rate if warmup else None, warmup_steps=warmup)
    return AdamW(
        learning_rate, weight_decay=settings.weight_decay, beta_2=settings.beta_2,
        clip_norm=settings.clip_norm,
        decayed=[w.path for w in model.trainable_weights if w.name not in UNDECAYED],
        shares=transfer.rate_shares(model, settings.layer_decay),
        gradient_accumulation_steps=settings.accumulate,
        use_ema=settings.average is not None, ema_momentum=settings.average or 0.0)


def averaged(model):
    """Context in which a compiled model holds the averages of its weights."""
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)  # under loss scaling
    return optimizer.averaged()


def _assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
