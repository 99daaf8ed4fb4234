"""Running an exported file with nothing but NumPy and LiteRT (and Pillow for pictures)."""

import pathlib

import numpy as np

from keras_seqattn.data.images import decode
from keras_seqattn.edge import metadata
from keras_seqattn.errors import explain


def load(file, threads=2):
    """Loads a `.tflite` file.

    Args:
        file: Path of the file.
        threads: CPU threads to run on.

    Returns:
        `Runner`.

    Raises:
        ValueError: the file is missing or is no whole `.tflite` file.
    """
    return Runner(file, threads)


class Runner:
    """An exported model as a function.

    Args:
        file: Path of the `.tflite` file.
        threads: CPU threads to run on.

    Attributes:
        file: The path.
        contract: What the file says of itself: labels, normalisation, precision.
        interpreter: LiteRT's interpreter.
    """

    def __init__(self, file, threads=2):
        from ai_edge_litert.interpreter import Interpreter

        self.file = pathlib.Path(file)
        _check_file(self.file)
        try:
            self.contract = metadata.read(self.file)
            self.interpreter = Interpreter(str(self.file), num_threads=threads)
            self._run = self.interpreter.get_signature_runner()
        except (ValueError, RuntimeError, OSError) as error:
            raise ValueError(explain(
                "`file` must be a .tflite file that LiteRT can run", file=str(file),
                error=" ".join(str(error).split()), fix="export it again")) from error
        self.inputs = self._run.get_input_details()
        self.outputs = self._run.get_output_details()

    def __call__(self, inputs):
        """Runs examples one after the other.

        Args:
            inputs: Array `(B, …)`, or a dictionary of them by input name.

        Returns:
            Array `(B, …)`, or a dictionary of them if the file has several outputs.

        Raises:
            ValueError: a name or shape that the file does not have.
        """
        if not isinstance(inputs, dict):
            inputs = dict.fromkeys(self.inputs, inputs) if len(self.inputs) == 1 else {"": inputs}
        self._check(inputs)
        typed = {name: np.asarray(array, self.inputs[name]["dtype"])
                 for name, array in inputs.items()}
        count = len(next(iter(typed.values())))
        rows = [self._run(**{name: array[i:i + 1] for name, array in typed.items()})
                for i in range(count)]
        outputs = {name: np.concatenate([row[name] for row in rows]) for name in self.outputs}
        return next(iter(outputs.values())) if len(outputs) == 1 else outputs

    def normalise(self, pixels):
        """Brings 8-bit pixels to the scale that the file was exported for.

        Args:
            pixels: NumPy uint8, `(B, height, width, channels)`.

        Returns:
            NumPy float32 of the same shape.
        """
        mean, std = self.contract.get("mean", 127.5), self.contract.get("std", 127.5)
        return ((pixels.astype("float32") - mean) / std).astype("float32")

    def classify(self, image, top=5):
        """Names what is on a picture, from the picture's file to words.

        Args:
            image: Path of a picture file, or its bytes.
            top: How many classes to return.

        Returns:
            `(label, probability)` of the likeliest classes, likeliest first.

        Raises:
            ValueError: the file's input is no image, or `image` no picture.
        """
        shapes = [tuple(map(int, detail["shape"])) for detail in self.inputs.values()]
        if len(shapes) != 1 or len(shapes[0]) != 4:
            raise ValueError(explain(
                "the file must take one image", file=str(self.file), input_shapes=shapes,
                fix="use a file exported from an image classifier"))
        _, height, width, channels = shapes[0]
        pixels = decode(image, (height, width), channels)
        logits = self(self.normalise(pixels[None]))[0].astype("float64")
        probabilities = np.exp(logits - logits.max())
        probabilities /= probabilities.sum()
        labels = self.contract.get("labels") or [str(i) for i in range(len(logits))]
        order = np.argsort(-probabilities)[:top]
        return [(labels[i], float(probabilities[i])) for i in order]

    def _check(self, inputs):
        got = {name: tuple(np.shape(array)[1:]) for name, array in inputs.items()}
        wanted = {name: tuple(map(int, detail["shape"][1:]))
                  for name, detail in self.inputs.items()}
        if got != wanted or len({len(array) for array in inputs.values()}) != 1:
            raise ValueError(explain(
                "the inputs must have the file's names and shapes, after one batch axis",
                inputs=got, file_inputs=wanted, fix="convert the inputs"))


def _check_file(file):
    """Refuses what is no whole flatbuffer before LiteRT's parser would read beyond its end."""
    try:
        with open(file, "rb") as stream:
            head = stream.read(8)
    except OSError as error:
        raise ValueError(explain(
            "`file` must be a readable .tflite file", file=str(file), error=error.strerror,
            fix="pass the path of an exported file")) from error
    if head[4:8] != b"TFL3":
        raise ValueError(explain(
            "`file` must be a .tflite file, which has TFL3 in its bytes 4 to 7", file=str(file),
            bytes=head[4:8], fix="pass the path of an exported file"))
