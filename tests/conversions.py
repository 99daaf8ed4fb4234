"""Conversions in the process of the tests, each graph once.

Importing TensorFlow anew and converting the same graph for each precision would take most of the
tests' time. What is remembered is the converter's float32 file of an equal graph: the same nodes,
weights and settings under the same names.
"""

import hashlib
import importlib
import numbers
import subprocess
import traceback
import warnings

CONVERTER = "keras_seqattn.edge.tflite.converter.convert"


class Conversions:
    """Takes the place of `saved_model.write`, of the converter's process and of its first step."""

    def __init__(self, write, float32):
        self._write, self._float32 = write, float32
        self._pending = {}  # folder: the key of its graph, and how to write it
        self._files = {}    # key: bytes of the float32 file
        self._key = None    # of the graph that is being converted

    def write(self, graph, inputs, folder):
        """Writes a SavedModel when somebody needs it."""
        self._pending[str(folder)] = (
            key_of(graph, inputs), lambda: self._write(graph, inputs, folder))

    def run(self, module, folder, *arguments):
        """Converts, and tells of an error as a process does."""
        try:
            with warnings.catch_warnings():  # what converters say of themselves, nobody reads there
                warnings.simplefilter("ignore")
                key, write = self._pending.pop(str(folder), (None, lambda: None))
                if module != CONVERTER or key not in self._files:
                    write()
                self._key = key
                importlib.import_module(module).convert(str(folder), *map(str, arguments))
        except Exception:
            return subprocess.CompletedProcess([module], 1, "", traceback.format_exc())
        finally:
            self._key = None
        return subprocess.CompletedProcess([module], 0, "", "")

    def float32(self, folder):
        """The converter's float32 file of a SavedModel."""
        if self._key is None:
            return self._float32(folder)
        if self._key not in self._files:
            self._files[self._key] = self._float32(folder)
        return self._files[self._key]


def key_of(graph, inputs):
    """A hash of all that a graph's file depends on; `None` if it calls what has no value."""
    digest = hashlib.sha256(repr((
        sorted(graph.inputs.items()), list(graph.outputs.items()),
        [(each.name, each.shape, each.dtype) for each in inputs])).encode())
    for node in graph.nodes:
        settings = [(name, _value(each)) for name, each in sorted(node.settings.items())]
        if any(value is None for _, value in settings):
            return None
        digest.update(repr((node.kind, node.name, node.inputs, node.outputs, settings)).encode())
        for name, array in sorted(node.weights.items()):
            digest.update(f"{name} {array.shape} {array.dtype}".encode() + array.tobytes())
    return digest.hexdigest()


def _value(setting):
    """A text that is the same for equal settings, `None` where only the object itself is."""
    if setting is None or isinstance(setting, (str, numbers.Number)):
        return repr(setting)
    if isinstance(setting, (list, tuple)):
        values = [_value(each) for each in setting]
        return None if None in values else repr(values)
    name = getattr(setting, "__qualname__", "<>")
    return None if "<" in name else f"{setting.__module__}.{name}"
