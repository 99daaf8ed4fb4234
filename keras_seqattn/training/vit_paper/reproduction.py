"""Cells of a published table: a rate that validation chose, several runs, a line of one table."""

import json
import pathlib
import statistics

import numpy as np

from keras_seqattn import data, models
from keras_seqattn.data.batches import scale
from keras_seqattn.data.evaluate import right
from keras_seqattn.files import whole
from keras_seqattn.training.loop.fit import fit
from keras_seqattn.training.recipe import reading
from keras_seqattn.training.run_folder import journal
from keras_seqattn.training.scores import probe
from keras_seqattn.training.tasks import transfer
from keras_seqattn.training.vit_paper.published import DATASETS, MODELS, OWN_VALIDATION, PUBLISHED

RESULTS, CELL, TABLE = "results.json", "cell.json", "table"


def fine_tune(plan, model, image_shape, out, runs=3, **how):
    """Fine-tunes a model as planned and measures it on the test images.

    The learning rate is the one of `choose`. Then each run trains on all training images, from its
    own seed. What is finished in `out` is not done again, and an interrupted run goes on where it
    was.

    Args:
        plan: `vit_paper.Plan`.
        model: `weights` and `sha256` of a recipe's `model` section.
        image_shape: `(height, width, channels)`, in pixels.
        out: Folder of the runs.
        runs: Number of runs, with seeds 0, 1, …
        **how: `strategy` (of one process), `skip_bad` and `quiet`, as for `training.fit`.

    Returns:
        `accuracies` in percent, one for each run; `examples` they are of; `chosen`, the learning
        rate; `validation`, the accuracy of each rate, empty where there was nothing to choose.

    Raises:
        ValueError: as of `training.fit`; a run in the folder is another recipe's.
    """
    def tested(run):
        examples = data.load(plan.test_source, "test", image_shape, how.get("skip_bad", False))
        return data.accuracy(lambda images: run.model.predict_on_batch(scale(images)), examples,
                             plan.train["batch_size"])

    validation = {} if len(plan.learning_rates) == 1 else choose(
        plan, model, image_shape, out, **how)
    rate = max(validation, key=validation.get, default=plan.learning_rates[0])
    results = [_once(_recipe(plan, model, image_shape, rate, seed, True),
                     pathlib.Path(out) / f"run_{seed}", plan.test_source, tested, how)
               for seed in range(runs)]
    return {"accuracies": [100 * accuracy for accuracy, _ in results], "examples": results[0][1],
            "chosen": rate, "validation": validation}


def choose(plan, model, image_shape, out, **how):
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


def _recipe(plan, model, image_shape, rate, seed, last):
    return reading.check({
        "model": {"architecture": "trained", **model, "image_shape": image_shape},
        "data": plan.data(last), "train": {**plan.train, "learning_rate": rate, "seed": seed}})


def _once(recipe, folder, name, measure, how):
    """A run's result, `measure(Run)`, which is read where it is known."""
    path = folder / RESULTS
    known = {}
    if path.is_file() and not journal.diff(recipe, folder):
        known = json.loads(path.read_text(encoding="utf-8"))
    if name not in known:
        known[name] = measure(fit(recipe, folder, resume=True, **how))
        _write_json(path, known)
    return known[name]


def linear_probe(plan, model, image_shape, runs=3, shots=None, skip_bad=False):
    """Fits a linear map to the frozen features and measures it on the test images.

    The penalty is chosen on validation images; then the map is fitted to these too.

    Args:
        plan: `vit_paper.Plan`; of its `train` only the batch size counts.
        model: As for `fine_tune`.
        image_shape: `(height, width, channels)`, in pixels.
        runs: Number of runs, which differ in the validation images, if the source has none of its
            own, and in the training images, with `shots`.
        shots: Training images of each class; `None` takes all. Validation images then choose only.
        skip_bad: Whether to leave unreadable pictures out.

    Returns:
        As of `fine_tune`; `chosen` has the penalty of each run.
    """
    network = transfer.without_head(transfer.at_size(models.load(**_named(model)), image_shape))

    def read(source, split):
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


def _named(model):
    return {"model": model["weights"], "sha256": model.get("sha256")}


def cell(dataset, model, by_task, **facts):
    """One cell of the table: mean and deviation over the runs, beside the published ones.

    Args:
        dataset: As for `vit_paper.plans`.
        model: A key of `vit_paper.MODELS`, or another name.
        by_task: Name of each task to what `fine_tune` or `linear_probe` returned. The accuracy of
            a run is its mean over the tasks.
        **facts: What else is known, such as `method`, `steps`, `changes`.

    Returns:
        Dictionary for JSON. The deviation is that of a sample, over `runs - 1`; `None` for one run.
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


def write(entry, folder, out):
    """Writes a cell to its folder, and the table of all cells in `out` as JSON and Markdown.

    Returns:
        The Markdown.
    """
    out = pathlib.Path(out)
    _write_json(folder / CELL, entry)
    cells = [json.loads(path.read_text(encoding="utf-8"))
             for path in sorted(out.glob(f"*/*/{CELL}"))]
    _write_json(out / f"{TABLE}.json", {"source": PUBLISHED["source"], "cells": cells})
    text = markdown(cells)
    with whole(out / f"{TABLE}.md") as path:
        path.write_text(text, encoding="utf-8")
    return text


def markdown(cells):
    """The table of cells, a line each, as Markdown."""
    lines = ["| data set | model | method | accuracy, % | published, % | chosen | runs | steps "
             "| pixels | parameters | changed |", "|---|---|---|---|---|---|---|---|---|---|---|"]
    for each in cells:
        title = DATASETS.get(each["dataset"], {}).get("title", each["dataset"])
        name = MODELS.get(each["model"], {}).get("title", each["model"])
        chosen = "; ".join(_chosen(task["chosen"]) for task in each["tasks"].values())
        lines.append(" | ".join((
            f"| {title}", name, each["method"], _spread(each["mean"], each["deviation"]),
            _spread(each["published"], each["published_deviation"]),
            chosen if len(each["tasks"]) == 1 else "per task", str(len(each["accuracies"])),
            f"{each['steps']:,}" if each["steps"] else "–",
            ", ".join(f"{height}×{width}" for height, width, _ in each["image_shapes"]),
            f"{each['parameters']:,}",
            ", ".join(each["changes"]) or "–")) + " |")
    days = [f"{MODELS[name]['title']} {MODELS[name]['core_days']:,}"
            for name in dict.fromkeys(each["model"] for each in cells) if name in MODELS]
    lines += ["", f"Published: {PUBLISHED['source']}. Mean and deviation over the runs; *changed* "
              "are settings that differ from the paper's.", *(
                  [f"TPUv3-core-days of pre-training, published: {', '.join(days)}."]
                  if days else [])]
    return "\n".join(lines) + "\n"


def _spread(mean, deviation):
    if mean is None:
        return "–"
    return f"{mean:.2f}" if deviation is None else f"{mean:.2f} ± {deviation:.2f}"


def _chosen(value):
    values = value if isinstance(value, list) else [value]
    return ", ".join(f"{each:g}" for each in dict.fromkeys(values))


def _write_json(path, content):
    with whole(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
