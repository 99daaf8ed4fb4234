"""A classifier named on the command line, whatever runs it."""

import pathlib
import typing

from keras_seqattn.cli import shapes
from keras_seqattn.errors import explain

if typing.TYPE_CHECKING:
    import keras
    import numpy


class Classifier(typing.NamedTuple):
    """A model or a file that tells the classes of pictures apart.

    Attributes:
        image_shape: `(height, width, channels)` that it takes, in pixels. Sizes that it does not
            fix are `None`.
        labels: Names of the classes, or that of yes alone; `None` if they have none.
        probabilities: Function from 8-bit images, `(n, height, width, channels)`, to
            probabilities, `(n, num_classes)`.
    """

    image_shape: tuple[int | None, int | None, int]
    labels: list[str] | None
    probabilities: "typing.Callable[[numpy.ndarray], numpy.ndarray]"

    def classify(self, image: str, top: int) -> list[tuple[str, float]]:
        """Names what is on a picture: `(label, probability)`, likeliest first."""
        from keras_seqattn.data.images import decode
        from keras_seqattn.edge.contract import classes

        height, width, channels = self.image_shape
        size = None if height is None or width is None else (height, width)
        pixels = decode(image, size, channels)[None]
        return classes.named(self.probabilities(pixels)[0], self.labels)[:top]


def of_file(runner: typing.Any) -> Classifier:
    """The classifier that an exported file holds.

    Args:
        runner: `edge.Runner`.

    Raises:
        ValueError: it takes no image.
    """
    shapes_taken = {name: tuple(map(int, each["shape"])) for name, each in runner.inputs.items()}
    if [len(shape) for shape in shapes_taken.values()] != [4]:
        raise ValueError(explain("the file must take one image", file=str(runner.file),
                                 inputs=shapes_taken, fix="pass an image classifier"))
    _, height, width, channels = next(iter(shapes_taken.values()))
    return Classifier((height, width, channels), runner.labels,
                      lambda pixels: runner.probabilities(runner.normalise(pixels)))


def of_model(name: str, model: "keras.Model") -> Classifier:
    """The classifier that a Keras model is.

    Args:
        name: Name of the model.
        model: The model.

    Raises:
        ValueError: it takes no image, or gives several outputs.
    """
    from keras_seqattn import models
    from keras_seqattn.data.batches import scale
    from keras_seqattn.edge.contract import classes, content

    if len(model.inputs) != 1 or len(model.inputs[0].shape) != 4:
        raise ValueError(explain(
            "the model must take one image", model=name,
            inputs={each.name: tuple(each.shape) for each in model.inputs},
            fix="pass an image classifier"))
    known = _content(model)

    def probabilities(pixels):
        values = model.predict_on_batch(scale(pixels))
        kind = content.PROBABILITIES if content.sums_to_one(values) else content.LOGITS
        return classes.probabilities(values, known or kind)

    return Classifier(tuple(model.inputs[0].shape[1:]), models.labels(name), probabilities)


def _content(model: "keras.Model") -> str | None:
    """What the output of a Keras model is, `None` where only its values tell."""
    from keras_seqattn.edge.contract import content
    from keras_seqattn.edge.lower.trace import lower

    if len(model.outputs) != 1:
        raise ValueError(explain(
            "a Keras model must have one output to be measured", outputs=model.output_names,
            fix="export the model with labels, and use the file"))
    if not shapes.are_known(model):
        return None
    found, = content.find(lower(model)).values()
    return found.content


def is_exported(name: str) -> bool:
    """Whether a name is that of an exported file."""
    return pathlib.Path(name).suffix in (".tflite", ".onnx")
