"""Cells of a published table: how each is trained several times, and written as its line."""

import collections.abc
import json
import pathlib
import statistics
import typing

import numpy as np

from keras_seqattn import data, models
from keras_seqattn.data.batches import scale
from keras_seqattn.data.evaluate import right
from keras_seqattn.files import whole
from keras_seqattn.training.loop.fit import Run, fit
from keras_seqattn.training.recipe import reading
from keras_seqattn.training.recipe.recipe import AnyRecipe
from keras_seqattn.training.run_folder import claim
from keras_seqattn.training.scores import probe
from keras_seqattn.training.tasks import transfer
from keras_seqattn.training.vit_paper import table
from keras_seqattn.training.vit_paper.published import DATASETS, OWN_VALIDATION, PUBLISHED, Plan

Results: typing.TypeAlias = dict[str, typing.Any]
RESULTS, CELL, TABLE = "results.json", "cell.json", "table"


def fine_tune(plan: Plan, model: dict[str, str], image_shape: tuple[int, int, int],
              out: pathlib.Path | str, runs: int = 3, **how: typing.Any) -> Results:
    """Fine-tunes a model as planned and measures it on the test images.

    The learning rate is the one of `choose`. Then each run trains on all training images, from its
    own seed. What is finished in `out` is not done again, and an interrupted run goes on where it
    was.

    Args:
        plan: `vit_paper.Plan`.
        model: `weights` and `sha256` of a recipe's `model` section.
        image_shape: `(height, width, channels)`, in pixels.
        out: Folder of the runs.
        runs: Number of runs. Their seeds are 0 and up.
        **how: `strategy` (of one process), `skip_bad` and `quiet`, as for `training.fit`.

    Returns:
        Name to value:

        - `accuracies`: in percent, one for each run.
        - `examples`: how many test images they are of.
        - `chosen`: the learning rate.
        - `validation`: the accuracy of each rate. Empty where there was nothing to choose.

    Raises:
        ValueError: as of `training.fit`, or a run in the folder is another recipe's.
    """
    def tested(run: Run) -> tuple[float, int]:
        examples = data.load(plan.test_source, "test", image_shape, how.get("skip_bad", False))
        return data.accuracy(lambda images: run.model.predict_on_batch(scale(images)), examples,
                             plan.train["batch_size"])

    rate, validation = plan.learning_rates[0], {}
    if len(plan.learning_rates) > 1:
        validation = choose(plan, model, image_shape, out, **how)
        rate = max(validation, key=validation.__getitem__)
    results = [_once(_recipe(plan, model, image_shape, rate, seed, True),
                     pathlib.Path(out) / f"run_{seed}", plan.test_source, tested, how)
               for seed in range(runs)]
    return {"accuracies": [100 * accuracy for accuracy, _ in results], "examples": results[0][1],
            "chosen": rate, "validation": validation}


def choose(plan: Plan, model: dict[str, str], image_shape: tuple[int, int, int],
           out: pathlib.Path | str, **how: typing.Any) -> dict[float, float]:
    """Fine-tunes once with each learning rate on a part of the training images.

    Args:
        plan: As for `fine_tune`.
        model: As for `fine_tune`.
        image_shape: As for `fine_tune`.
        out: As for `fine_tune`.
        **how: As for `fine_tune`.

    Returns:
        Dictionary from each rate to the accuracy on the validation images, which are kept from the
        training split.

    Raises:
        ValueError: as of `fine_tune`.
    """
    return {rate: _once(
        _recipe(plan, model, image_shape, rate, 0, False), pathlib.Path(out) / f"rate_{rate:g}",
        "validation", lambda run: run.history["val_accuracy"][-1], how)
        for rate in plan.learning_rates}


def _recipe(plan: Plan, model: dict[str, str], image_shape: tuple[int, int, int], rate: float,
            seed: int, last: bool) -> AnyRecipe:
    return reading.check({
        "model": {"architecture": "trained", **model, "image_shape": image_shape},
        "data": plan.data(last), "train": {**plan.train, "learning_rate": rate, "seed": seed}})


def _once(recipe: AnyRecipe, folder: pathlib.Path, name: str,
          measure: collections.abc.Callable[[Run], typing.Any], how: dict) -> typing.Any:
    """A run's result, `measure(Run)`, which is read where it is known."""
    path = folder / RESULTS
    claim.check_own(recipe, folder)
    known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if name not in known:
        known[name] = measure(fit(recipe, folder, resume=True, **how))
        _write_json(path, known)
    return known[name]


def linear_probe(plan: Plan, model: dict[str, str], image_shape: tuple[int, int, int],
                 runs: int = 3, shots: int | None = None, skip_bad: bool = False) -> Results:
    """Fits a linear map to the frozen features and measures it on the test images.

    The penalty is chosen on validation images; then the map is fitted to these too.

    Args:
        plan: `vit_paper.Plan`. Of its `train` only the batch size counts.
        model: As for `fine_tune`.
        image_shape: `(height, width, channels)`, in pixels.
        runs: Number of runs. They differ in the validation images, if the source has none of its
            own. With `shots` they differ in the training images too.
        shots: Training images of each class, or `None` for all. With `shots` the map is not fitted
            to the validation images.
        skip_bad: Whether to leave unreadable pictures out.

    Returns:
        As of `fine_tune`, but `chosen` has the penalty of each run.
    """
    trained = models.load(model["weights"], model.get("sha256"))
    network = transfer.without_head(transfer.at_size(trained, image_shape))

    def read(source: str, split: str) -> tuple:
        examples = data.load(source, split, image_shape, skip_bad)
        return examples, *probe.features(network, examples, min(plan.train["batch_size"], 64))

    examples, rows, labels = read(plan.source, "train")
    apart = None if plan.data(last=False)["validation"] == OWN_VALIDATION else read(
        plan.source, "validation")[1:]
    _, test_rows, test_labels = read(plan.test_source, "test")
    accuracies, penalties = [], []
    for seed in range(runs):
        if apart is None:
            order = np.random.default_rng(seed).permutation(len(rows))
            kept = int(len(rows) * OWN_VALIDATION)
            training, chosen = order[kept:], (rows[order[:kept]], labels[order[:kept]])
        else:
            training, chosen = np.arange(len(rows)), apart
        if shots is not None:
            training = training[probe.few(labels[training], shots, np.random.default_rng(seed))]
        ridge = probe.Ridge(rows[training], labels[training], len(examples.classes))
        penalties.append(probe.choose(ridge, *chosen))
        if shots is None:
            ridge = probe.Ridge(np.concatenate([rows[training], chosen[0]]),
                                np.concatenate([labels[training], chosen[1]]),
                                len(examples.classes))
        found = right(ridge.logits(test_rows, penalties[-1]), test_labels)
        accuracies.append(100 * float(found.mean()))
    return {"accuracies": accuracies, "examples": len(found), "chosen": penalties,
            "validation": {}}


def cell(dataset: str, model: str, by_task: dict[str, Results], **facts: typing.Any) -> Results:
    """Makes one cell of the table: mean and deviation over the runs, beside the published ones.

    Args:
        dataset: As for `vit_paper.plans`.
        model: A key of `vit_paper.MODELS`, or another name.
        by_task: Name of each task to what `fine_tune` or `linear_probe` returned. The accuracy of
            a run is its mean over the tasks.
        **facts: What else is known, such as `method` and `steps`.

    Returns:
        Dictionary for JSON. The deviation is that of a sample, over `runs - 1`, and `None` for one
        run.
    """
    runs = [statistics.fmean(each) for each in zip(
        *(results["accuracies"] for results in by_task.values()), strict=True)]
    published = DATASETS.get(dataset, {}).get("published", {})
    mean, deviation = published.get(model if facts["method"] == "fine-tuning" else None,
                                    (None, None))
    return {
        "dataset": dataset, "model": model, **facts, "accuracies": runs,
        "mean": statistics.fmean(runs),
        "deviation": statistics.stdev(runs) if len(runs) > 1 else None,
        "published": mean, "published_deviation": deviation, "tasks": by_task}


def write(entry: Results, folder: pathlib.Path, out: pathlib.Path | str) -> str:
    """Writes a cell to its folder, and the table of all cells in `out` as JSON and Markdown.

    Returns:
        The Markdown.
    """
    out = pathlib.Path(out)
    _write_json(folder / CELL, entry)
    cells = [json.loads(path.read_text(encoding="utf-8"))
             for path in sorted(out.glob(f"*/*/{CELL}"))]
    _write_json(out / f"{TABLE}.json", {"source": PUBLISHED["source"], "cells": cells})
    text = table.markdown(cells)
    with whole(out / f"{TABLE}.md") as path:
        path.write_text(text, encoding="utf-8")
    return text


def _write_json(path: pathlib.Path, content: typing.Any) -> None:
    with whole(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
