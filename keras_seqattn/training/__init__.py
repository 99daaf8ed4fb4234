"""Training: recipes and the devices for them, and `fit`, which runs them with `model.fit`."""

from keras_seqattn.training.devices.preemption import EXIT_INTERRUPTED, EXIT_PREEMPTED, Preempted
from keras_seqattn.training.devices.strategy import Strategy, strategy
from keras_seqattn.training.loop.fit import Run, fit, read_run
from keras_seqattn.training.loop.rehearsal import rehearse
from keras_seqattn.training.recipe.reading import read
from keras_seqattn.training.recipe.recipe import Recipe

__all__ = ["EXIT_INTERRUPTED", "EXIT_PREEMPTED", "Preempted", "Recipe", "Run", "Strategy", "fit",
           "read", "read_run", "rehearse", "strategy"]
