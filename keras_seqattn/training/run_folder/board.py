"""What TensorBoard shows of a training: curves, and pictures with what the model says of them."""

import importlib.util
import os
import typing

import keras
import numpy as np

from keras_seqattn.data.batches import scale
from keras_seqattn.training.run_folder.states import Position

SHOWN = 12


class Board:
    """Writes one run's TensorBoard logs, where TensorFlow and TensorBoard are installed.

    Args:
        folder: Folder of the logs.
    """

    def __init__(self, folder: os.PathLike | str):
        self._writer = None
        if importlib.util.find_spec("tensorboard") and importlib.util.find_spec("tensorflow"):
            import tensorflow as tf

            self._summary = tf.summary
            self._writer = tf.summary.create_file_writer(str(folder))

    def write(self, position: Position, model: keras.Model, pictures: typing.Any) -> None:
        """Writes the epoch that was finished last.

        Args:
            position: `states.Position`.
            model: `keras.Model`, whose answers are shown.
            pictures: Images of classes to show, as of `data.load`, or `None`.
        """
        if self._writer is None:
            return
        with self._writer.as_default(position.epoch):
            for name, values in position.history.items():
                self._summary.scalar(name, values[-1])
            if pictures is not None and importlib.util.find_spec("matplotlib"):
                self._summary.image("validation", _figure(model, pictures)[None])
        self._writer.flush()


def _figure(model: keras.Model, validation: typing.Any) -> np.ndarray:
    """Draws the first validation images with their class and the model's answer, as pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    images, labels = validation.read(np.arange(min(SHOWN, len(validation))))
    answers = np.asarray(model(scale(images), training=False)).argmax(-1)
    labels = labels if labels.ndim == 1 else labels.argmax(-1)
    figure = Figure(figsize=(9, 7), layout="constrained")
    for axes, image, label, answer in zip(
            figure.subplots(3, 4).flat, images, labels, answers, strict=False):
        axes.imshow(image if image.shape[-1] == 3 else image[..., 0], cmap="gray")
        axes.set_title(f"{validation.classes[answer]}\n({validation.classes[label]})",
                       fontsize=8, color="green" if answer == label else "red")
    for axes in figure.axes:
        axes.axis("off")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]
