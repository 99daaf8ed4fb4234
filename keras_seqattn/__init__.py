"""Keras 3 layers for sequences and attention, with a road to the edge.

    import keras_seqattn
    from keras_seqattn import layers, models, training, edge

Each of these rooms is imported when it is asked for, so that running an exported file does not load
Keras. After `import keras_seqattn`, `keras.models.load_model` finds the package's classes. The
letters of the shapes are explained in `keras_seqattn.shapes`.
"""

import importlib
import types

from keras_seqattn.registry import install

__version__ = "0.1.0"

__all__ = ["checkpoints", "data", "decoding", "edge", "inspection", "layers", "models", "shapes",
           "testing", "training"]

install()
del install


def __getattr__(name: str) -> types.ModuleType:
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
