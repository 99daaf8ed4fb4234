"""Training: recipes, the devices to run them on, and `fit`, which runs them with `model.fit`."""

from keras_seqattn.training.fit import Run, fit, read_run
from keras_seqattn.training.preemption import EXIT_PREEMPTED, Preempted
from keras_seqattn.training.recipe import Recipe, read
from keras_seqattn.training.strategy import Strategy, strategy

__all__ = ["EXIT_PREEMPTED", "Preempted", "Recipe", "Run", "Strategy", "fit", "read",
           "read_run", "strategy"]
