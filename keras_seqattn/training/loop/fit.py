"""Training a recipe with `model.fit`, from fresh weights or a state on disk, to a run folder."""

import contextlib
import csv
import math
import shutil
import time
import typing
import warnings

import keras

from keras_seqattn import models
from keras_seqattn.errors import explain
from keras_seqattn.files import output_folder
from keras_seqattn.training.devices.preemption import Preemption
from keras_seqattn.training.devices.strategy import strategy as choose_devices
from keras_seqattn.training.loop.progress import Progress
from keras_seqattn.training.loop.steps import Steps
from keras_seqattn.training.optimizer.optimizer import averaged
from keras_seqattn.training.run_folder import journal, states
from keras_seqattn.training.run_folder.board import Board
from keras_seqattn.training.tasks import captioning, classifier, translation

# architecture: the module that knows its data, model, loss and card
TASKS = {"vit": classifier, "bit": classifier, "trained": classifier, "transformer": translation,
         "seq2seq": translation, "captioner": captioning}
BETWEEN_PICTURES_S = 30.0  # drawing takes a second, which short epochs would feel


class Run(typing.NamedTuple):
    """What a training run leaves.

    Attributes:
        model: The `keras.Model` to use: the best epoch's, without validation the last one's.
        classes: Names of the classes, in the order of the logits; none if it is no classifier.
        history: Name of each curve to its values, one per epoch; among them `seconds`, with
            validation and checkpoints, and `examples_per_s`.
        seconds: Duration of all epochs.
        examples_per_s: Training examples per second over all of it.
    """

    model: keras.Model
    classes: tuple
    history: dict
    seconds: float
    examples_per_s: float


def fit(recipe, out, strategy="auto", resume=False, skip_bad=False, wait_s=300.0, quiet=False):
    """Trains a recipe and writes a run folder.

    While it trains, the folder holds `recipe.yaml` with every field, `log.csv`, `curves.png`,
    `best.keras` (lowest validation loss so far), `states/` to go on from and, where TensorBoard is
    installed, `logs/`. At the end `model.keras` (the last epoch), `labels.txt` or
    `tokenizer.json`, and `card.toml` join them and `states/` goes. Models are saved without
    optimizer; with `train.average` they hold the averaged weights.

    Args:
        recipe: `Recipe`.
        out: Folder of the run; for several processes one that all of them see.
        strategy: Where to train, as for `training.strategy`.
        resume: Whether to go on from the newest whole state in the folder. The run ends with the
            same weights as if it had never stopped, on one CPU bit for bit. Without any state it
            starts; a finished run is returned as it is.
        skip_bad: Whether to leave unreadable pictures out.
        wait_s: Longest wait for other processes, in seconds.
        quiet: Whether to print nothing.

    Returns:
        `Run`.

    Raises:
        ValueError: the data, the recipe, the devices or the folder are not as they must be; the
            folder holds an unfinished run and `resume` is false, or another recipe's; the loss is
            not finite; the disk is full.
        Preempted: SIGTERM came and the state is saved, or another process was lost.
    """
    out = output_folder(out)
    devices = choose_devices(strategy, wait_s)
    _check_folder(recipe, out, resume)
    if resume and (out / journal.CARD).is_file():
        return read_run(out)
    settings = recipe.train
    keras.utils.set_random_seed(settings.seed)
    task = TASKS[recipe.model.architecture]
    training, validation = task.load(recipe, skip_bad)

    def batches(share, step=0):
        return task.batches(recipe, training, step=step, share=share)

    def validation_batches(share):
        return task.batches(recipe, validation, training=False, share=share)

    steps_per_epoch, examples = _length_of_epoch(settings, batches((0, 1)), training)
    with devices.scope():
        model = task.build(recipe, training)
        task.compile_model(model, settings, steps_per_epoch * settings.epochs)
        classifier.build_state(model, batches((0, devices.num_replicas))[0])
    devices.adapt(model)
    position, arrays = _state(out / "states", resume)
    if arrays is not None:
        states.restore(model, arrays, ("model", "optimizer"))
    if devices.is_chief:
        (out / journal.CARD).unlink(missing_ok=True)
        journal.write_recipe(recipe, out)
    board = Board(out / "logs") if devices.is_chief else None
    progress = Progress(position, steps_per_epoch, settings.epochs, settings.batch_size,
                        shown=devices.is_chief and not quiet)
    drawn = -math.inf
    with Preemption() as preemption, progress.running(), devices.watched():
        steps = Steps(position, out / "states", settings.checkpoint_every, steps_per_epoch,
                      preemption, devices, arrays if position.step else None)
        while position.epoch < settings.epochs and not _should_stop(position, settings):
            epoch = position.epoch
            values = _train(model, devices, batches, position, steps_per_epoch, [steps, progress])
            with averaged(model) if settings.average else contextlib.nullcontext():
                if validation is not None:
                    result = model.evaluate(
                        devices.feed(validation_batches), return_dict=True, verbose=0,
                        steps=validation_batches((0, 1)).steps_per_epoch)
                    values.update({f"val_{name}": value for name, value in result.items()})
                steps.tick()
                _close_epoch(position, values, examples)
                if devices.is_chief:
                    journal.write_log(position.history, out)
                    due = time.monotonic() - drawn > BETWEEN_PICTURES_S
                    if due:
                        journal.write_curves(position.history, out)
                        drawn = time.monotonic()
                    board.write(position, model, validation if due and training.classes else None)
                    if position.best == epoch:
                        journal.save_model(model, out / "best.keras")
            steps.save()
            progress.epoch_done()
    if devices.is_chief:
        _finish(model, recipe, training, position, out)
        return read_run(out)
    return _run(model, training.classes, position.history)


def _length_of_epoch(settings, batches, training):
    """Steps and examples of an epoch."""
    if settings.steps is None:
        return batches.steps_per_epoch, len(training)
    steps = settings.steps // settings.epochs
    return steps, steps * settings.batch_size


def read_run(out):
    """Reads a finished run from its folder, as `fit` returned it."""
    with open(out / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    history = {name: [float(row[name]) for row in rows] for name in rows[0] if name != "epoch"}
    return _run(models.load(out), models.labels(out) or (), history)


def _run(model, classes, history):
    seconds = sum(history["seconds"])
    images = sum(speed * spent for speed, spent in
                 zip(history["examples_per_s"], history["seconds"], strict=True))
    return Run(model, tuple(classes), history, seconds, images / seconds)


def _train(model, devices, batches, position, steps_per_epoch, callbacks):
    """Runs the rest of one epoch; returns its loss and metrics."""
    done = position.epoch * steps_per_epoch + position.step
    left = steps_per_epoch - position.step
    if not left:  # SIGTERM came after the last step, before the validation
        for callback in callbacks:
            callback.set_model(model)
            callback.on_epoch_begin(position.epoch)
        return {name: float(value) for name, value in model.get_metrics_result().items()}
    history = model.fit(
        devices.feed(lambda share: batches(share, done)), steps_per_epoch=left, verbose=0,
        shuffle=False, initial_epoch=position.epoch, epochs=position.epoch + 1, callbacks=callbacks)
    return {name: values[-1] for name, values in history.history.items()}


def _close_epoch(position, values, examples):
    seconds = position.seconds - sum(position.history.get("seconds", []))
    values = {**values, "seconds": seconds, "examples_per_s": examples / seconds}
    for name, value in values.items():
        position.history.setdefault(name, []).append(float(value))
    watched = position.history.get("val_loss", [])
    if watched and watched.index(min(watched)) == len(watched) - 1:
        position.best = position.epoch
    position.epoch += 1
    position.step = 0


def _should_stop(position, settings):
    """Whether the validation loss has not fallen for as many epochs as the recipe is patient."""
    return (settings.patience is not None and position.best >= 0
            and position.epoch - 1 - position.best >= settings.patience)


def _check_folder(recipe, out, resume):
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


def _state(folder, resume):
    """The position to start from, and the arrays of its state or `None`."""
    position, arrays, damaged = states.read(folder) if resume else (None, None, [])
    for name in damaged:
        warnings.warn(f"the damaged checkpoint {name} was passed over", stacklevel=3)
    return position or states.Position(), arrays


def _finish(model, recipe, training, position, out):
    with averaged(model) if recipe.train.average else contextlib.nullcontext():
        journal.save_model(model, out / "model.keras")
    journal.write_curves(position.history, out)
    curves = {name: values for name, values in position.history.items()
              if name not in ("seconds", "examples_per_s")}
    results = {f"last_{name}": values[-1] for name, values in curves.items()}
    if position.best >= 0:
        results |= {f"best_{name}": values[position.best] for name, values in curves.items()}
    journal.write_card(
        out, **TASKS[recipe.model.architecture].finish(recipe, training, model, out),
        training={"epochs": position.epoch, "best_epoch": position.best + 1,
                  "seconds": round(position.seconds, 1), **results},
        versions=journal.versions())
    shutil.rmtree(out / "states")
