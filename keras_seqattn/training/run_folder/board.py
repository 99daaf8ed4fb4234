"""What TensorBoard shows of a training: curves, and pictures with what the model says of them."""

import collections.abc
import importlib.util
import os
import pathlib
import typing

import keras
import numpy as np

from keras_seqattn.data.batches import scale
from keras_seqattn.training.run_folder.states import Position

SHOWN = 12
POINTS = 20   # of an epoch, while it runs


class Board(keras.callbacks.Callback):
    """Writes one run's TensorBoard logs, where TensorFlow and TensorBoard are installed.

    The runs `train` and `validation` share the names of their curves, so that one chart shows both.
    What they are drawn over is the step of the whole training.

    Args:
        folder: Folder of the logs.
        position: `states.Position`.
        steps_per_epoch: Steps of a whole epoch.
        rate: Function of a step that returns the learning rate.
    """

    def __init__(self, folder: os.PathLike | str, position: Position, steps_per_epoch: int,
                 rate: collections.abc.Callable[[int], typing.Any]):
        super().__init__()
        self._position = position
        self._steps_per_epoch = steps_per_epoch
        self._rate = rate
        self._every = max(steps_per_epoch // POINTS, 1)
        self._runs: dict[str, typing.Any] = {}
        if importlib.util.find_spec("tensorboard") and importlib.util.find_spec("tensorflow"):
            import tensorflow as tf

            self._summary = tf.summary
            self._runs = {run: tf.summary.create_file_writer(str(pathlib.Path(folder) / run))
                          for run in ("train", "validation")}

    def on_train_batch_end(self, batch: int, logs: dict[str, typing.Any]) -> None:
        """Writes the rate, and the metrics of the epoch so far, at some of the steps."""
        step = self._position.step
        if self._runs and (step % self._every == 0 or step == self._steps_per_epoch):
            with self._runs["train"].as_default(self._step()):
                self._summary.scalar("learning_rate", float(self._rate(self._step())))
                for name, value in logs.items():
                    self._summary.scalar(name, float(value))

    def _step(self) -> int:
        return self._position.epoch * self._steps_per_epoch + self._position.step

    def epoch_done(self, model: keras.Model, pictures: typing.Any) -> None:
        """Writes the epoch that was finished last.

        Args:
            model: `keras.Model`, whose answers are shown.
            pictures: Images of classes to show, as of `data.load`, or `None`.
        """
        if not self._runs:
            return
        for name, values in self._position.history.items():
            run = "validation" if name.startswith("val_") else "train"
            with self._runs[run].as_default(self._step()):
                self._summary.scalar(name.removeprefix("val_"), values[-1])
        if pictures is not None and importlib.util.find_spec("matplotlib"):
            with self._runs["validation"].as_default(self._step()):
                self._summary.image("pictures", _figure(model, pictures)[None])
        for writer in self._runs.values():
            writer.flush()


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
