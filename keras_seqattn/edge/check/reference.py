"""What a file is held against: the outputs of the Keras model, or of any function."""

import collections.abc
import time
import typing

import numpy as np

from keras_seqattn.edge import examples, structures
from keras_seqattn.edge.check.drawn import Reading, draw
from keras_seqattn.edge.float32 import ROUNDING, leaving
from keras_seqattn.edge.precisions import ALL_PRECISIONS
from keras_seqattn.edge.run import tensors
from keras_seqattn.edge.run.runner import Runner
from keras_seqattn.edge.structures import Port

BATCH, LARGE_BATCH = 8, 256
FEW = 3  # examples that are drawn for a large model
LARGE = 1 << 26  # weights of a model that is run one example at a time, for its activations
EAGER = 64  # examples up to which compiling the model takes longer than running it uncompiled
SHAKES = 8  # a value that rounding decides stays the same in all of them once in 256 times
Arrays: typing.TypeAlias = dict[str, np.ndarray]
Outputs: typing.TypeAlias = dict[str | int, np.ndarray]


class Reference:
    """What a file is held against, on examples by the names of the file's inputs.

    Where the file takes 8-bit pixels and the model does not, both see the same pixels, the model as
    `(pixel - mean) / std`. Where an output has no axis of examples, such as a mean over all, the
    model runs one example at a time, as the file does.

    Args:
        model: The Keras model, or any function from inputs to outputs.
        runner: `Runner` of the file.
        mean: Subtracted from pixels that the file scales itself.
        std: Divides what remains.

    Attributes:
        inputs: The model's inputs as it was made with them; `None` of a function.
        dtypes: The dtype that each input of the model has in a file, by its name there; empty where
            it is not asked for.
        readings: What the model reads of each input, by the file's names.
        rounding: What the model rounds of an output by the output's dtype, by the model's own names
            of those that have run.
    """

    def __init__(self, model: typing.Any, runner: Runner, mean: typing.Any, std: typing.Any):
        self._model = model
        self._scaling = mean, std
        self.inputs = structures.inputs_of(model) if getattr(model, "inputs", None) else None
        named = {} if self.inputs is None else structures.inputs_by_name(model)
        ports = list(named.values())
        own, left = [port.name for port in ports], list(named)
        alike = next((each for each in (left, own) if set(each) == set(runner.inputs)), None)
        ordered = runner.inputs if len(own) == len(runner.inputs) else left
        self._files = dict(zip(own, alike or ordered, strict=True))
        found = {name: np.dtype(each["dtype"]).name for name, each in runner.inputs.items()}
        self._pixels = [port.dtype for port in ports] == ["float32"] and list(
            found.values()) == ["uint8"]
        if not self._pixels:  # a quantised input takes the model's floats
            found |= {self._files[port.name]: leaving(port.dtype) for port in ports}
        self.dtypes = {} if self._pixels else {
            name: leaving(port.dtype) for name, port in zip(alike or left, ports, strict=True)}
        self._ports = [Port(name, tuple(map(int, each["shape"])), found[name])
                       for name, each in runner.inputs.items()]
        size = structures.batch_size(runner.inputs)
        self._apart = not all(
            tensors.has_examples(each, size) for each in runner.outputs.values())
        self._own_dtypes = {self._files[port.name]: port.dtype for port in ports}
        self.readings: dict[str, Reading] = {}
        self.rounding: dict[str | int, float] = {}
        if ports and not self._pixels:
            from keras_seqattn.edge.check.readings import readings

            self.readings = {self._files[name]: each for name, each in readings(model).items()}

    def taken(self, given: typing.Any, targets: typing.Any = None) -> Arrays:
        """Examples that the user gave, all of them with targets, by the names of the file."""
        if self.inputs is None:
            return {name: np.asarray(each) for name, each in (
                given if isinstance(given, dict) else
                dict.fromkeys((port.name for port in self._ports), given)).items()}
        arrays = examples.take(self.inputs, given, *self._scaling, targets)
        if self._pixels:
            from keras_seqattn.edge.graph import ports

            arrays = ports.as_pixels(arrays, *self._scaling)
        return self._rounded({self._files[name]: each for name, each in arrays.items()})

    def drawn(self, seed: int = 0) -> Arrays:
        """Examples drawn for the model, fewer for a large one, by the names of the file."""
        arrays = self._rounded(draw(self._ports, self.readings, seed))
        return {name: each[:FEW] for name, each in arrays.items()} if self._is_large else arrays

    @property
    def _is_large(self):
        return self.inputs is not None and self._model.count_params() > LARGE

    def _rounded(self, arrays):
        """Arrays of floats with values that the model's own inputs can hold."""
        return {name: each.astype(self._own_dtypes[name]).astype("float32")
                if self._own_dtypes.get(name) in ROUNDING else each
                for name, each in arrays.items()}

    def outputs(self, arrays: Arrays, patience: float = float("inf")) -> Outputs:
        """Computes the outputs, at least of one batch, until `patience` seconds have passed.

        Up to `EAGER` examples a Keras model runs uncompiled where its backend does so quickly.

        Args:
            arrays: Arrays `(n, …)` by the names of the file's inputs.
            patience: Seconds.

        Returns:
            Arrays by the model's own names, or by their places if they have none.
        """
        count = len(next(iter(arrays.values())))
        batch = BATCH if count <= EAGER else LARGE_BATCH
        if self.inputs is None:
            batch = count
        elif self._apart or self._is_large:
            batch = 1
        start, made = time.perf_counter(), []
        for first in range(0, count, batch):
            size = min(batch, count - first)
            outputs = self._batch({name: each[first:first + size]
                                   for name, each in arrays.items()}, count <= EAGER)
            if size > 1 and self.inputs is not None and any(
                    np.shape(each)[:1] != (size,) for each in outputs.values()):
                self._apart = True
                return self.outputs(arrays, patience)
            made.append((outputs, size, size))
            if time.perf_counter() - start > patience:
                break
        return typing.cast(Outputs, tensors.joined(made))

    def near_ties(self, arrays: Arrays, name: str | int, values: np.ndarray) -> np.ndarray:
        """Where rounding decides an output: weights off by float32's errors give other values.

        The weights are shaken for the time of the call, and are afterwards what they were.

        Args:
            arrays: Arrays `(n, …)` by the names of the file's inputs.
            name: Name or place of the output.
            values: What `outputs` returned for it.

        Returns:
            Booleans in the shape of `values`.
        """
        near = np.zeros(values.shape, "bool")
        if not hasattr(self._model, "set_weights"):
            return near
        weights = self._model.get_weights()
        rng, share = np.random.default_rng(0), ALL_PRECISIONS["float32"].tolerance
        try:
            for _ in range(SHAKES):
                self._model.set_weights([
                    (each * (1 + share * rng.normal(size=each.shape))).astype(each.dtype)
                    if each.dtype.kind == "f" else each for each in weights])
                near |= self.outputs(arrays)[name] != values
        finally:
            self._model.set_weights(weights)
        return near

    def _batch(self, arrays, eagerly):
        if self._pixels:
            mean, std = (np.asarray(each, "float64") for each in self._scaling)
            arrays = {name: ((each - mean) / std).astype("float32")
                      for name, each in arrays.items()}
        if self.inputs is None:
            call = getattr(self._model, "predict_on_batch", self._model)
            return _flat(call(arrays if len(arrays) > 1 else next(iter(arrays.values()))))
        import keras

        given = structures.as_made(self.inputs, {
            name: arrays[file] for name, file in self._files.items()})
        if eagerly and keras.backend.backend() != "jax":
            outputs = keras.tree.map_structure(
                keras.ops.convert_to_numpy, self._model(given, training=False))
        elif self._apart:
            outputs = self._model.predict_on_batch(given)
        else:
            outputs = self._model.predict(given, verbose=0, batch_size=LARGE_BATCH)
        named = {name: np.asarray(each) for name, each in
                 structures.outputs_by_name(self._model, outputs).items()}
        self.rounding = {name: ROUNDING.get(each.dtype.name, 0.0) for name, each in named.items()}
        return {name: each.astype(leaving(each.dtype.name)) for name, each in named.items()}


def _flat(outputs: typing.Any) -> Outputs:
    """The outputs of a function, which may have names or not."""
    if not isinstance(outputs, collections.abc.Mapping):
        outputs = dict(enumerate(outputs if isinstance(outputs, (list, tuple)) else [outputs]))
    return {name: np.asarray(each) for name, each in outputs.items()}
