"""An exported file as a function. NumPy and the runtime suffice, and Pillow for pictures."""

import os
import pathlib
import typing

import numpy as np

from keras_seqattn.data.images import decode
from keras_seqattn.edge import formats
from keras_seqattn.edge.contract.pixels import normalise
from keras_seqattn.errors import check_count, explain


class Runner:
    """An exported model as a function.

    Args:
        file: Path of the file.
        threads: CPU threads to run on.

    Attributes:
        file: The path.
        backend: What runs the file, a `formats.Session`.
        contract: What the file says of itself; empty if it is another program's.
        inputs: Name of each input to its `"shape"` and `"dtype"`.
        outputs: The same of the outputs.

    Raises:
        ValueError: the file is missing, damaged or of another kind.
    """

    def __init__(self, file: os.PathLike | str, threads: int = 2):
        check_count(threads=threads)
        self.file = pathlib.Path(file)
        self.backend = formats.of(self.file).session(self.file, threads)
        self.contract = self.backend.contract
        self.inputs = self.backend.inputs
        self.outputs = self.backend.outputs

    @property
    def interpreter(self) -> typing.Any:
        """LiteRT's interpreter, of a `.tflite` file."""
        return typing.cast(typing.Any, self.backend).interpreter

    def __call__(self, inputs: typing.Any) -> typing.Any:
        """Runs examples one after the other.

        Quantised inputs take floats, which are quantised, or their own integers. Quantised outputs
        are given in floats.

        Args:
            inputs: Array `(B, …)`, or a dictionary of them by input name.

        Returns:
            Array `(B, …)`, or a dictionary of them if the file has several outputs.

        Raises:
            ValueError: no example, a name or shape that the file does not have, or a value that
                its input cannot hold.
        """
        if not isinstance(inputs, dict):
            inputs = dict.fromkeys(self.inputs, inputs) if len(self.inputs) == 1 else {"": inputs}
        arrays = {name: np.asarray(array) for name, array in inputs.items()}
        self._check(arrays)
        arrays = {name: _quantised(name, array, self.inputs[name])
                  for name, array in arrays.items()}
        count = len(next(iter(arrays.values())))
        rows = [self.backend.run(**{name: array[i:i + 1] for name, array in arrays.items()})
                for i in range(count)]
        outputs = {name: _dequantised(np.concatenate([row[name] for row in rows]), detail)
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

    def classify(self, image: os.PathLike | str | bytes, top: int = 5,
                 ) -> list[tuple[str, float]]:
        """Names what is on a picture, from the picture's file to words.

        Args:
            image: Path of a picture file, or its bytes.
            top: How many classes to return.

        Returns:
            `(label, probability)` of the likeliest classes, likeliest first.

        Raises:
            ValueError: the file does not turn one image into logits, or `image` is no picture.
        """
        check_count(top=top)
        _, (height, width, channels) = self._image()
        output = self._logits()
        outputs = self(self.normalise(decode(image, (height, width), channels)[None]))
        logits = outputs[output] if isinstance(outputs, dict) else outputs
        logits = logits[0].astype("float64")
        probabilities = np.exp(logits - logits.max())
        probabilities /= probabilities.sum()
        labels = self.contract.get("labels") or [str(i) for i in range(len(logits))]
        order = np.argsort(-probabilities, kind="stable")[:top]
        return [(labels[i], float(probabilities[i])) for i in order]

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

    def _logits(self):
        """Name of the output with the logits: the contract's, or the first of rank 2."""
        named = [each["name"] for each in self.contract.get("outputs", ())
                 if each["content"] == "logits"]
        flat = [name for name, each in self.outputs.items() if len(each["shape"]) == 2]
        if not named + flat:
            raise ValueError(explain(
                "the file must give logits, `(1, classes)`", file=str(self.file),
                outputs={name: tuple(map(int, each["shape"]))
                         for name, each in self.outputs.items()},
                fix="use a file exported from a classifier"))
        return (named + flat)[0]

    def _check(self, arrays):
        got = {name: array.shape[1:] for name, array in arrays.items()}
        wanted = {name: tuple(map(int, detail["shape"][1:]))
                  for name, detail in self.inputs.items()}
        counts = {array.shape[:1] for array in arrays.values()}
        if got != wanted or len(counts) != 1 or counts & {(), (0,)}:
            raise ValueError(explain(
                "the inputs must have the file's names and shapes, after one batch axis",
                inputs={name: array.shape for name, array in arrays.items()}, file_inputs=wanted,
                fix="convert the inputs"))


def _quantised(name, array, detail):
    """An input in its tensor's dtype, or an error where that changes a value."""
    dtype, (scale, zero) = np.dtype(detail["dtype"]), detail.get("quantization", (0.0, 0))
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        _refuse(name, array, ~np.isfinite(array), "finite")
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            typed = array.astype(dtype)
        wrong = ~np.isfinite(typed)
    elif scale and array.dtype.kind == "f":
        limits = np.iinfo(dtype)
        return np.clip(np.round(array / scale) + zero, limits.min, limits.max).astype(dtype)
    else:
        with np.errstate(invalid="ignore"):
            typed = array.astype(dtype)
        wrong = typed != array
    if wrong.any():
        _refuse(name, array, wrong, f"a value that {dtype.name} can hold")
    return typed


def _refuse(name, array, wrong, rule):
    raise ValueError(explain(
        f"every value of an input must be {rule}", input=name, value=array[wrong].flat[0].item(),
        place=tuple(map(int, np.argwhere(wrong)[0])), values=int(wrong.sum()),
        fix="look for what made it"))


def _dequantised(array, detail):
    scale, zero = detail.get("quantization", (0.0, 0))
    return ((array.astype("float32") - zero) * scale).astype("float32") if scale else array
