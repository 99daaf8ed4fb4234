"""Training: recipes and the devices for them, and `fit`, which runs them with `model.fit`.

Each name is imported when it is asked for: reading a recipe loads neither Keras nor TensorFlow.
"""

import importlib
import typing

if typing.TYPE_CHECKING:
    from keras_seqattn.training.devices.preemption import (
        EXIT_INTERRUPTED,
        EXIT_PREEMPTED,
        Preempted,
    )
    from keras_seqattn.training.devices.strategy import Strategy, strategy
    from keras_seqattn.training.loop.fit import Run, fit, read_run
    from keras_seqattn.training.loop.rehearsal import rehearse
    from keras_seqattn.training.recipe.reading import read
    from keras_seqattn.training.recipe.recipe import Recipe

__all__ = ["EXIT_INTERRUPTED", "EXIT_PREEMPTED", "Preempted", "Recipe", "Run", "Strategy", "fit",
           "read", "read_run", "rehearse", "strategy"]
PLACES = {
    "devices.preemption": ("EXIT_INTERRUPTED", "EXIT_PREEMPTED", "Preempted"),
    "devices.strategy": ("Strategy", "strategy"), "loop.fit": ("Run", "fit", "read_run"),
    "loop.rehearsal": ("rehearse",), "recipe.reading": ("read",), "recipe.recipe": ("Recipe",)}


def __getattr__(name: str) -> typing.Any:
    for module, names in PLACES.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
