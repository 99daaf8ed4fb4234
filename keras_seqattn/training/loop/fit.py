"""Training a recipe with `model.fit`, from fresh weights or a state on disk, to a run folder."""

import collections.abc
import csv
import os
import pathlib
import typing
import warnings

import keras
import numpy as np

from keras_seqattn import models
from keras_seqattn.errors import explain
from keras_seqattn.files import output_folder
from keras_seqattn.training.devices.preemption import Preemption
from keras_seqattn.training.devices.strategy import Strategy
from keras_seqattn.training.devices.strategy import strategy as choose_devices
from keras_seqattn.training.devices.values import of_this_process
from keras_seqattn.training.loop.epochs import Epochs
from keras_seqattn.training.loop.progress import Progress
from keras_seqattn.training.loop.steps import Steps
from keras_seqattn.training.recipe.kinds import task_of
from keras_seqattn.training.recipe.recipe import AnyRecipe
from keras_seqattn.training.run_folder import claim, journal, states


class Run(typing.NamedTuple):
    """What a training run leaves.

    Attributes:
        model: The `keras.Model` to use: the best epoch's, without validation the last one's.
        classes: Names of the classes, in the order of the logits; none if it is no classifier.
        history: Name of each curve to its values, one per epoch. Two curves are no metrics:
            `seconds` (with validation and checkpoints) and `examples_per_s`.
        seconds: Duration of all epochs.
        examples_per_s: Training examples per second over all of it.
    """

    model: keras.Model
    classes: tuple[str, ...]
    history: dict[str, list[float]]
    seconds: float
    examples_per_s: float


def fit(recipe: AnyRecipe, out: os.PathLike | str, strategy: str = "auto", resume: bool = False,
        skip_bad: bool = False, wait_s: float = 300.0, quiet: bool = False,
        overwrite: bool = False) -> Run:
    """Trains a recipe and writes a run folder.

    While it trains, the folder holds:

    - `recipe.yaml`, with every field.
    - `log.csv` and `curves.png`, and `logs/` where TensorBoard is installed.
    - `best.keras`, the model of the lowest validation loss so far.
    - `states/`, to go on from.

    At the end `states/` keeps the last state alone. `model.keras` (of the last epoch), `card.toml`,
    and `labels.txt` or `tokenizer.json` come. Models are saved without optimizer. With
    `train.average` they hold the averaged weights.

    Args:
        recipe: `Recipe`.
        out: Folder of the run; for several processes one that all of them see.
        strategy: Where to train, as for `training.strategy`.
        resume: Whether to go on from the newest whole state in the folder. The run ends with the
            same weights as if it had never stopped, on one CPU bit for bit. Without any state it
            starts. A finished run is returned as it is, unless the recipe has more epochs than
            before. Then it goes on, at the learning rate of the longer recipe.
        skip_bad: Whether to leave examples out that cannot be read.
        wait_s: Longest wait for other processes, in seconds.
        quiet: Whether to print nothing.
        overwrite: Whether to write a run anew over the one that the folder holds. That one is
            removed once the data are loaded and the model is built.

    Returns:
        `Run`.

    Raises:
        ValueError: one of these:

            - The data, the recipe, the devices or the folder are not as they must be.
            - The folder holds a run, and neither `resume` nor `overwrite` is true. Or it holds
              another recipe's run and `resume` is true.
            - A batch is larger than the training set.
            - The loss is not finite.
            - The disk is full.
        Preempted: SIGTERM or Ctrl-C came and the state is saved, or another process was lost.
    """
    folder = output_folder(out)
    longer = claim.check(recipe, folder, resume, overwrite)
    devices = choose_devices(strategy, wait_s)
    if resume and not longer and claim.is_finished(folder):
        return read_run(folder)
    epochs = load(recipe, folder, devices, skip_bad)
    model = build(epochs)
    if overwrite and not resume and devices.is_chief:
        claim.clear(folder)
    arrays = _restore(epochs, model, resume)
    devices.agree(recipe=journal.text_of(recipe), position=str(epochs.position))
    if longer:
        _check_longer(epochs)
    if devices.is_chief:
        (folder / journal.CARD).unlink(missing_ok=True)
        journal.write_recipe(recipe, folder)
    settings, position, length = recipe.train, epochs.position, epochs.steps_per_epoch
    progress = Progress(position, length, settings.epochs, settings.batch_size,
                        shown=devices.is_chief and not quiet)
    progress.tell(epochs.overview().lines())
    with Preemption() as preemption, progress.running(), devices.running():
        epochs.run(model, Steps(
            position, folder / "states", settings.checkpoint_every, length, preemption, devices,
            arrays if position.step else None), progress)
    if not devices.is_chief:
        return _run(model, epochs.task.classes(epochs.training), position.history)
    _finish(epochs, model)
    return read_run(folder)


def load(recipe: AnyRecipe, out: pathlib.Path, devices: Strategy, skip_bad: bool) -> Epochs:
    """Fixes the seed, and loads what is trained on.

    Raises:
        ValueError: the data cannot be read, or the devices and the data do not fit the recipe.
    """
    settings = recipe.train
    if settings.accumulate and not devices.accumulates:
        raise ValueError(explain(
            "replicas of TensorFlow cannot accumulate gradients", strategy=devices.name,
            accumulate=settings.accumulate, replicas=devices.num_replicas,
            fix="leave train.accumulate out, take one device with strategy none, or Keras on JAX"))
    keras.utils.set_random_seed(settings.seed)
    task = task_of(recipe)
    training, validation = task.load(recipe, skip_bad)
    if settings.batch_size > len(training):
        raise ValueError(explain(
            "a batch must not be larger than the training set", batch_size=settings.batch_size,
            training_examples=len(training),
            fix=f"use train.batch_size={max(len(training), 1)} or less"))
    return Epochs(recipe, task, training, validation, devices, out, states.Position())


def build(epochs: Epochs) -> keras.Model:
    """Builds the model on its devices, with every variable of its training."""
    task, recipe, devices = epochs.task, epochs.recipe, epochs.devices
    with devices.scope():
        model = task.build(recipe, epochs.training)
        task.compile_model(model, recipe.train, epochs.steps_per_epoch * recipe.train.epochs)
        task.build_state(model, epochs.batches((0, devices.num_replicas))[0])
    devices.adapt(model)
    return model


def _restore(epochs: Epochs, model: keras.Model, resume: bool
             ) -> dict[str, np.ndarray] | None:
    """Goes to the position and weights of the newest state; returns its arrays, if there is one."""
    position, arrays, damaged = (states.read(epochs.out / "states") if resume
                                 else (None, None, []))
    for name in damaged:
        warnings.warn(f"the damaged checkpoint {name} was passed over", stacklevel=3)
    if position is None or arrays is None:
        return None
    epochs.position = position
    states.restore(model, arrays, ("model", "optimizer"))
    return arrays


def read_run(out: os.PathLike | str) -> Run:
    """Reads a finished run from its folder, as `fit` returned it."""
    with open(pathlib.Path(out) / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    history = {name: [float(row[name]) for row in rows] for name in rows[0] if name != "epoch"}
    return _run(models.load(out), models.labels(out) or (), history)


def _run(model: keras.Model, classes: collections.abc.Iterable[str],
         history: dict[str, list[float]]) -> Run:
    seconds = sum(history["seconds"])
    examples = sum(speed * spent for speed, spent in
                   zip(history["examples_per_s"], history["seconds"], strict=True))
    return Run(model, tuple(classes), history, seconds, examples / seconds)


def _check_longer(epochs: Epochs) -> None:
    """Checks that a finished run can go on for more epochs: from a state, and with patience."""
    position, out = epochs.position, str(epochs.out)
    if not position.epoch and not position.step:
        raise ValueError(explain(
            "only a run with its last state can go on", folder=out, states=0,
            fix="set train.start to this folder, and train in another one"))
    if epochs.is_patience_over():
        raise ValueError(explain(
            "the patience of this run is over", folder=out, patience=epochs.recipe.train.patience,
            best_epoch=position.best + 1, epochs=position.epoch,
            fix="raise train.patience too, or set it to null"))


def _finish(epochs: Epochs, model: keras.Model) -> None:
    out, position, recipe = epochs.out, epochs.position, epochs.recipe
    with epochs.weights_to_keep(model), of_this_process(model):
        journal.save_model(model, out / "model.keras")
    journal.write_curves(position.history, out)
    curves = {name: values for name, values in position.history.items()
              if name not in ("seconds", "examples_per_s")}
    results = {f"last_{name}": values[-1] for name, values in curves.items()}
    if position.best >= 0:
        results |= {f"best_{name}": values[position.best] for name, values in curves.items()}
    journal.write_card(
        out, **epochs.task.finish(recipe, epochs.training, model, out),
        training={"epochs": position.epoch, "best_epoch": position.best + 1,
                  "seconds": round(position.seconds, 1), **results},
        versions=journal.versions())
    states.keep(out / "states", 1)
