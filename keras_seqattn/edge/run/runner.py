"""An exported file as a function. NumPy and the runtime suffice, and Pillow for pictures."""

from __future__ import annotations

import copy
import os
import pathlib
import typing

import numpy as np

from keras_seqattn.data.images import decode
from keras_seqattn.edge import formats
from keras_seqattn.edge.contract import classes, content
from keras_seqattn.edge.contract.contract import current
from keras_seqattn.edge.contract.pixels import normalise
from keras_seqattn.edge.run import tensors
from keras_seqattn.edge.structures import batch_size
from keras_seqattn.errors import check_count, explain


class _Variant(typing.NamedTuple):
    """What runs inputs of one shape.

    Attributes:
        session: A `formats.Session`.
        inputs: Name of each input to its `"shape"` and `"dtype"`, in the model's order.
        outputs: The same of the outputs.
    """

    session: formats.Session
    inputs: dict[str, dict]
    outputs: dict[str, dict]


class Runner:
    """An exported model as a function.

    A file may have several signatures, for inputs of several shapes or several examples at a time.
    Each call takes those that fit.

    Args:
        file: Path of the file.
        threads: CPU threads to run on.

    Attributes:
        file: The path.
        backend: What runs the file, a `formats.Session`.
        contract: What the file says of itself; empty if it is another program's.
        inputs: Name of each input to its `"shape"` and `"dtype"`, in the model's order. Of several
            signatures those of the main one.
        outputs: The same of the outputs.

    Raises:
        ValueError: the file is missing, damaged or of another kind.
    """

    def __init__(self, file: os.PathLike | str, threads: int = 2):
        check_count(threads=threads)
        self.file = pathlib.Path(file)
        self.backend = formats.of(self.file).session(self.file, threads)
        self.contract = current(self.backend.contract, self.file)
        self._variants = {each.get("name", ""): _variant(session, each)
                            for session, each in self._sessions()}
        self.inputs, self.outputs = next(iter(self._variants.values()))[1:]

    def _sessions(self):
        """What runs each signature, with what the contract says of it."""
        said = self.contract.get("signatures") or [
            {key: self.contract.get(key, ()) for key in ("inputs", "outputs")}]
        backend = typing.cast(typing.Any, self.backend)
        return [(self.backend, said[0]), *((backend.of(each["name"]), each) for each in said[1:])]

    @property
    def signatures(self) -> dict[str, Runner]:
        """A runner of each signature alone, by its name; the main one first.

        Of a file of one signature it is this runner, whose name is empty.
        """
        if len(self._variants) == 1:
            return dict.fromkeys(self._variants, self)
        return {name: self._only(name) for name in self._variants}

    def _only(self, name):
        alone = copy.copy(self)
        alone._variants = {name: self._variants[name]}
        alone.backend, alone.inputs, alone.outputs = self._variants[name]
        return alone

    @property
    def batch_size(self) -> int:
        """How many examples a run takes; of several signatures the main one."""
        return batch_size(self.inputs)

    @property
    def interpreter(self) -> typing.Any:
        """LiteRT's interpreter, of a `.tflite` file."""
        return typing.cast(typing.Any, self.backend).interpreter

    @property
    def labels(self) -> list[str] | None:
        """Names of the classes of the output that `probabilities` reads, as the contract says."""
        return (classes.answer(self.contract.get("outputs", ())) or {}).get("labels")

    def __call__(self, inputs: typing.Any) -> typing.Any:
        """Runs examples, as many at a time as the file takes.

        The last run is filled up with copies of the last example, which do not come back.
        Quantised inputs take floats, which are quantised, or their own integers. Quantised outputs
        are given in floats.

        Args:
            inputs: Array `(B, …)`. Or several as `model.predict` takes them: a list in the order of
                `inputs`, or a dictionary by input name.

        Returns:
            Array `(B, …)`, or a dictionary of them if the file has several outputs. Of an output
            without an axis of examples, such as a mean over all, one value for each run.

        Raises:
            ValueError: there is no example. The file has no inputs of such names, number or shapes.
                An input cannot hold a value.
        """
        known = list(self._variants.values())
        arrays, places = tensors.taken(inputs, [each.inputs for each in known])
        fitting = {batch_size(known[place].inputs): known[place] for place in places}
        count, first = len(next(iter(arrays.values()))), 0
        runs = []
        while first < count:
            size = max((each for each in fitting if each <= count - first), default=min(fitting))
            rows = np.minimum(np.arange(first, first + size), count - 1)
            made = fitting[size].session.run(**{
                name: array[rows] for name, array in arrays.items()})
            runs.append((made, size, min(size, count - first)))
            first += size
        joined = tensors.joined(runs)
        outputs = {name: tensors.given(joined[name], detail)
                   for name, detail in self.outputs.items()}
        return next(iter(outputs.values())) if len(outputs) == 1 else outputs

    def normalise(self, pixels: np.ndarray) -> np.ndarray:
        """Brings 8-bit pixels to the scale that the file's image input takes.

        Args:
            pixels: NumPy uint8, `(B, height, width, channels)`.

        Returns:
            NumPy float32 of the same shape; the pixels themselves for an input of 8-bit pixels.

        Raises:
            ValueError: the file does not take one image.
        """
        name, _ = self._image()
        if np.dtype(self.inputs[name]["dtype"]) == "uint8":
            return pixels
        facts: dict = next(
            (each for each in self.contract.get("inputs", ()) if each["name"] == name), {})
        return normalise(pixels, facts.get("mean", 127.5), facts.get("std", 127.5))

    def probabilities(self, inputs: typing.Any, output: str | None = None) -> np.ndarray:
        """Says how likely each class of each example is, as the contract says what an output is.

        A softmax is taken of logits only. Independent probabilities need not sum to 1. An output
        of one value gives the probabilities of no and of yes.

        Args:
            inputs: As for a call.
            output: Name of the output with the classes. Defaults to the first with labels, or else
                to the first with classes.

        Returns:
            Float64, `(B, K)`; of an output of one value `(B, 2)`.

        Raises:
            ValueError: the file has no output with classes, or `inputs` do not fit.
        """
        facts = self._answer(output)
        outputs = self(inputs)
        values = outputs[facts["name"]] if isinstance(outputs, dict) else outputs
        if (kind := facts["content"]) is None:  # of another program's file only values tell
            kind = content.PROBABILITIES if content.sums_to_one(values) else content.LOGITS
        return classes.probabilities(values, kind)

    def classify(self, image: os.PathLike | str | bytes, top: int = 5,
                 output: str | None = None) -> list[tuple[str, float]]:
        """Names what is on a picture, from the picture's file to words.

        Of an output of one value with two labels both are returned, that of no and that of yes.
        One label alone is that of yes. It is returned with its probability, even a small one.

        Args:
            image: Path of a picture file, or its bytes.
            top: How many classes to return.
            output: As for `probabilities`.

        Returns:
            `(label, probability)` of the likeliest classes, likeliest first.

        Raises:
            ValueError: the file does not turn one image into classes, or `image` is no picture.
        """
        check_count(top=top)
        _, (height, width, channels) = self._image()
        labels = self._answer(output).get("labels")
        pixels = decode(image, (height, width), channels)[None]
        shares = self.probabilities(self.normalise(pixels), output)[0]
        return classes.named(shares, labels)[:top]

    def _image(self):
        """Name of the one input, an image, and its `(height, width, channels)`."""
        shapes = {name: tuple(map(int, each["shape"])) for name, each in self.inputs.items()}
        (name, shape), *others = shapes.items()
        if others or len(shape) != 4 or shape[-1] not in (1, 3):
            raise ValueError(explain(
                "the file must take one image", file=str(self.file),
                input_shapes=list(shapes.values()),
                fix="use a file exported from an image classifier"))
        return name, shape[1:]

    def _answer(self, output):
        """What the contract says of the output with the classes."""
        said = self.contract.get("outputs") or [
            {"name": name, "shape": shape, "content": None}
            for name, shape in self._output_shapes().items() if len(shape) == 2][:1]
        if output is not None:
            said = [each for each in said if each["name"] == output]
        facts = classes.answer(said)
        if facts is None:
            raise ValueError(explain(
                "the file must have an output of classes, `(1, classes)`", file=str(self.file),
                output=output, outputs=self._output_shapes(),
                contents=[each["content"] for each in said],
                fix="say what the output is, as in edge.export(outputs='logits'), or name another "
                    "output"))
        return facts

    def _output_shapes(self):
        return {name: tuple(map(int, each["shape"])) for name, each in self.outputs.items()}


def _variant(session, said):
    return _Variant(session, _in_order(session.inputs, said.get("inputs", ())),
                      _in_order(session.outputs, said.get("outputs", ())))


def _in_order(details, said):
    """Inputs or outputs in the order of the contract, which is the model's."""
    names = [each["name"] for each in said if each["name"] in details]
    return {name: details[name] for name in dict.fromkeys((*names, *details))}
