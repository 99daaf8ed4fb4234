"""Keras finds the classes of this package by their registered names, before anyone imported them.

`keras.models.load_model` looks a name such as `keras_seqattn>ClassToken` up in Keras' registry. The
registry that `install` puts there imports this package's classes when it is first asked for one.
So `import keras_seqattn` is enough for loading, and imports neither Keras nor a layer.
"""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types

PACKAGE = "keras_seqattn"
PREFIX = f"{PACKAGE}>"
# What registers classes with Keras, the likeliest first.
MODULES = ("layers", "models", "training.optimizer.optimizer", "training.optimizer.schedules",
           "training.tasks.classifier", "training.tasks.losses")
KERAS_REGISTRY = "keras.src.saving.object_registration"
LOAN = "GLOBAL_CUSTOM_OBJECTS"


class Registry(dict):
    """Keras' custom objects by name; those of this package appear when they are asked for."""

    def __contains__(self, name: object) -> bool:
        if super().__contains__(name):
            return True
        if isinstance(name, str) and name.startswith(PREFIX):
            for module in MODULES:
                importlib.import_module(f"{PACKAGE}.{module}")
                if super().__contains__(name):
                    return True
        return False


def install() -> None:
    """Gives Keras the registry, now or as soon as Keras is imported."""
    loaded = sys.modules.get(KERAS_REGISTRY)
    if loaded is None:
        sys.meta_path.insert(0, _WhenImported())
    else:
        _replace(loaded)


def _replace(module: types.ModuleType) -> None:
    """Puts the registry in the place of Keras' dictionary.

    A Keras without that dictionary keeps what it has: its classes must then be imported before a
    model is loaded, as Keras' own error says.
    """
    if isinstance(getattr(module, LOAN, None), dict):
        setattr(module, LOAN, Registry(getattr(module, LOAN)))


class _WhenImported(importlib.abc.MetaPathFinder):
    """Replaces Keras' dictionary right after the module that holds it has run."""

    def find_spec(self, fullname: str, path: object = None, target: object = None,
                  ) -> importlib.machinery.ModuleSpec | None:
        if fullname != KERAS_REGISTRY:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: types.ModuleType) -> None:
                execute(module)
                _replace(module)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec
