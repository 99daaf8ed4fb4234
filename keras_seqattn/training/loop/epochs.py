"""The epochs of a training: steps and validation, and what is written after each."""

import collections.abc
import contextlib
import dataclasses
import math
import pathlib
import time
import typing

import keras

from keras_seqattn.training.devices.strategy import Strategy
from keras_seqattn.training.devices.values import of_this_process
from keras_seqattn.training.loop.overview import Overview
from keras_seqattn.training.loop.progress import Progress
from keras_seqattn.training.loop.steps import Steps
from keras_seqattn.training.optimizer import schedules
from keras_seqattn.training.optimizer.optimizer import averaged
from keras_seqattn.training.recipe.recipe import AnyRecipe
from keras_seqattn.training.run_folder import journal
from keras_seqattn.training.run_folder.board import Board
from keras_seqattn.training.run_folder.states import Position
from keras_seqattn.training.tasks.task import Examples, Task

BETWEEN_PICTURES_S = 30.0  # drawing takes a second, which short epochs would feel


@dataclasses.dataclass
class Epochs:
    """The epochs of one training, from where it stands to their end.

    Attributes:
        recipe: `Recipe`.
        task: Task of the recipe.
        training: Examples to train on.
        validation: Examples to validate on, or `None`.
        devices: Where the model lives.
        out: The run folder.
        position: Where the training stands; counted on in place.
    """

    recipe: AnyRecipe
    task: Task
    training: Examples
    validation: Examples | None
    devices: Strategy
    out: pathlib.Path
    position: Position

    def __post_init__(self):
        settings, one_pass = self.recipe.train, self.batches()
        if settings.steps is None:
            self.steps_per_epoch, self.examples = one_pass.steps_per_epoch, len(self.training)
        else:
            self.steps_per_epoch = settings.steps // settings.epochs
            self.examples = self.steps_per_epoch * settings.batch_size
        self._drawn = -math.inf

    def batches(self, share: tuple[int, int] = (0, 1), step: int = 0) -> keras.utils.PyDataset:
        """Returns the training batches from a step on; arguments are as for `Task.batches`."""
        return self.task.batches(self.recipe, self.training, step=step, share=share)

    def overview(self) -> Overview:
        """Returns the training in numbers."""
        settings, skipped = self.recipe.train, self.training.skipped
        return Overview(
            len(self.training), 0 if self.validation is None else len(self.validation), skipped,
            self.task.counts(self.training), settings.epochs, self.steps_per_epoch,
            settings.batch_size)

    def run(self, model: keras.Model, steps: Steps, progress: Progress) -> None:
        """Trains a built and compiled model, until the recipe's last epoch or its patience ends.

        Args:
            model: `keras.Model` on the devices.
            steps: Callback that counts and saves.
            progress: Callback that shows how far the training is.
        """
        position = self.position
        settings, length = self.recipe.train, self.steps_per_epoch
        rate = schedules.make(settings, length * settings.epochs)
        board = (Board(self.out / "logs", position, length, rate)
                 if self.devices.is_chief else None)
        callbacks = [steps, progress, *([] if board is None else [board])]
        while position.epoch < settings.epochs and not self.is_patience_over():
            values = self._train(model, callbacks)
            with self.weights_to_keep(model):
                values |= self._validate(model)
                steps.tick()
                self._close(values)
                if board is not None:
                    with of_this_process(model):
                        self._write(model, board)
            steps.save()
            progress.epoch_done()

    def weights_to_keep(self, model: keras.Model) -> contextlib.AbstractContextManager[None]:
        """Returns a context in which the model holds what is validated and saved."""
        return averaged(model) if self.recipe.train.average else contextlib.nullcontext()

    def is_patience_over(self) -> bool:
        """Whether the validation loss has not fallen for as many epochs as the recipe waits."""
        patience, position = self.recipe.train.patience, self.position
        return (patience is not None and position.best >= 0
                and position.epoch - 1 - position.best >= patience)

    def _train(self, model: keras.Model, callbacks: list) -> dict[str, float]:
        """Runs the rest of one epoch; returns its loss and metrics."""
        position = self.position
        done = position.epoch * self.steps_per_epoch + position.step
        left = self.steps_per_epoch - position.step
        if not left:  # SIGTERM came after the last step, before the validation
            for callback in callbacks:
                callback.set_model(model)
                callback.on_epoch_begin(position.epoch)
            return {name: float(value) for name, value in model.get_metrics_result().items()}
        history = model.fit(
            self.devices.feed(lambda share: self.batches(share, done)), steps_per_epoch=left,
            verbose=0, shuffle=False, initial_epoch=position.epoch, epochs=position.epoch + 1,
            callbacks=callbacks)
        return {name: values[-1] for name, values in history.history.items()}

    def _validate(self, model: keras.Model) -> dict[str, float]:
        if self.validation is None:
            return {}

        def batches(share: tuple[int, int]) -> keras.utils.PyDataset:
            return self.task.batches(self.recipe, self.validation, training=False, share=share)

        result = model.evaluate(self.devices.feed(batches), return_dict=True, verbose=0,
                                steps=batches((0, 1)).steps_per_epoch)
        return {f"val_{name}": value for name, value in result.items()}

    def _close(self, values: collections.abc.Mapping[str, typing.Any]) -> None:
        """Adds the values of an epoch to the history and counts it."""
        position = self.position
        seconds = position.seconds - sum(position.history.get("seconds", []))
        values = {**values, "seconds": seconds, "examples_per_s": self.examples / seconds}
        for name, value in values.items():
            position.history.setdefault(name, []).append(float(value))
        watched = position.history.get("val_loss", [])
        if watched and watched.index(min(watched)) == len(watched) - 1:
            position.best = position.epoch
        position.epoch += 1
        position.step = 0

    def _write(self, model: keras.Model, board: Board) -> None:
        """Writes the curves in all their forms, and the model if the epoch is the best so far."""
        position, shown = self.position, None
        journal.write_log(position.history, self.out)
        if time.monotonic() - self._drawn > BETWEEN_PICTURES_S:
            journal.write_curves(position.history, self.out)
            self._drawn = time.monotonic()
            shown = self.validation if self.task.classes(self.training) else None
        board.epoch_done(model, shown)
        if position.best == position.epoch - 1:
            journal.save_model(model, self.out / "best.keras")
