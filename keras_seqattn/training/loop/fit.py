"""Training a recipe with `model.fit`, from fresh weights or a state on disk, to a run folder."""

import collections.abc
import csv
import os
import pathlib
import shutil
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
from keras_seqattn.training.loop.epochs import Epochs
from keras_seqattn.training.loop.progress import Progress
from keras_seqattn.training.loop.steps import Steps
from keras_seqattn.training.recipe.kinds import task_of
from keras_seqattn.training.recipe.recipe import AnyRecipe
from keras_seqattn.training.run_folder import journal, states


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
        skip_bad: bool = False, wait_s: float = 300.0, quiet: bool = False) -> Run:
    """Trains a recipe and writes a run folder.

    While it trains, the folder holds:

    - `recipe.yaml`, with every field.
    - `log.csv` and `curves.png`, and `logs/` where TensorBoard is installed.
    - `best.keras`, the model of the lowest validation loss so far.
    - `states/`, to go on from.

    At the end `states/` goes. `model.keras` (of the last epoch), `card.toml`, and `labels.txt` or
    `tokenizer.json` come. Models are saved without optimizer. With `train.average` they hold the
    averaged weights.

    Args:
        recipe: `Recipe`.
        out: Folder of the run; for several processes one that all of them see.
        strategy: Where to train, as for `training.strategy`.
        resume: Whether to go on from the newest whole state in the folder. The run ends with the
            same weights as if it had never stopped, on one CPU bit for bit. Without any state it
            starts. A finished run is returned as it is.
        skip_bad: Whether to leave examples out that cannot be read.
        wait_s: Longest wait for other processes, in seconds.
        quiet: Whether to print nothing.

    Returns:
        `Run`.

    Raises:
        ValueError: one of these:

            - The data, the recipe, the devices or the folder are not as they must be.
            - The folder holds an unfinished run and `resume` is false, or another recipe's run.
            - The loss is not finite.
            - The disk is full.
        Preempted: SIGTERM came and the state is saved, or another process was lost.
    """
    folder = output_folder(out)
    devices = choose_devices(strategy, wait_s)
    _check_folder(recipe, folder, resume)
    if resume and (folder / journal.CARD).is_file():
        return read_run(folder)
    epochs = _load(recipe, folder, devices, skip_bad)
    model = _build(epochs)
    arrays = _restore(epochs, model, resume)
    if devices.is_chief:
        (folder / journal.CARD).unlink(missing_ok=True)
        journal.write_recipe(recipe, folder)
    settings, position, length = recipe.train, epochs.position, epochs.steps_per_epoch
    progress = Progress(position, length, settings.epochs, settings.batch_size,
                        shown=devices.is_chief and not quiet)
    with Preemption() as preemption, progress.running(), devices.watched():
        epochs.run(model, Steps(
            position, folder / "states", settings.checkpoint_every, length, preemption, devices,
            arrays if position.step else None), progress)
    if not devices.is_chief:
        return _run(model, epochs.task.classes(epochs.training), position.history)
    _finish(epochs, model)
    return read_run(folder)


def _load(recipe: AnyRecipe, out: pathlib.Path, devices: Strategy, skip_bad: bool) -> Epochs:
    """Fixes the seed, and loads what is trained on."""
    keras.utils.set_random_seed(recipe.train.seed)
    task = task_of(recipe)
    training, validation = task.load(recipe, skip_bad)
    return Epochs(recipe, task, training, validation, devices, out, states.Position())


def _build(epochs: Epochs) -> keras.Model:
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


def _check_folder(recipe: AnyRecipe, out: pathlib.Path, resume: bool) -> None:
    unfinished = bool(states.files(out / "states"))
    if unfinished and not resume:
        raise ValueError(explain(
            "the folder must not hold an unfinished run", folder=str(out), resume=False,
            fix="pass --resume to go on with it, or another --out to start anew"))
    changes = journal.diff(recipe, out) if resume else []
    if changes:
        raise ValueError(explain(
            "a run goes on with the recipe it was started with", folder=str(out),
            changes=" ".join(changes),
            fix="take the changes back, or start anew with another --out"))


def _finish(epochs: Epochs, model: keras.Model) -> None:
    out, position, recipe = epochs.out, epochs.position, epochs.recipe
    with epochs.weights_to_keep(model):
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
    shutil.rmtree(out / "states")
