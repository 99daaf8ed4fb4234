"""What convolutions know beforehand, against what attention learns from more images.

    python benchmarks/inductive_bias.py [--data pack:eurosat.npz] [--out benchmarks/figures]

A small ViT and a small BiT of about equal multiply-adds learn to classify 64×64 satellite images
from 250 to 8,000 of them, with the same steps, augmentation, optimizer and three seeds, each of
which draws its own images; more images contain the fewer. Each architecture takes the learning
rate that does best on a middle number of images, on validation images from the rest of the training
split; what is shown is the test split, looked at once by each trained model. The claim is that of
Dosovitskiy et al. 2021, section 4.3: with enough images the prior knowledge of convolutions no
longer pays. Some are trained four times as long too, at the same rates, to see what of it comes
from a short training. Numbers of images that the source does not hold are left out. About 80
minutes on two cores; each result is stored as soon as it is known, so that an interrupted run
continues.
"""

import argparse
import json
import os
import pathlib

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np

from keras_seqattn import data, models
from keras_seqattn.data.batches import Batches, scale
from keras_seqattn.data.evaluate import accuracy
from keras_seqattn.files import whole
from keras_seqattn.training.recipe.train_section import TrainSection
from keras_seqattn.training.tasks.classifier import CLASSIFIER as classifier
from keras_seqattn.training.tasks.classifier import pixel_statistics

SHAPE = (64, 64, 3)
COUNTS = (250, 500, 1000, 2000, 4000, 8000)
LONGER, LONGER_COUNTS = 4, (1000, 8000)             # times the steps, and for which numbers
RATES = (5e-4, 1.5e-3, 4.5e-3, 1.35e-2, 4e-2, 0.12)
HELD_OUT = 1000                                     # validation images, at most
ARCHITECTURES = {
    "ViT": lambda num_classes, seed, **statistics: models.vit(
        "nano", 8, SHAPE, num_classes, num_layers=4, num_heads=4, embed_dim=64, mlp_dim=256,
        pooling="mean", seed=seed, **statistics),
    "BiT": lambda num_classes, seed, **statistics: models.bit(
        "r50x1", SHAPE, num_classes, num_layers=(2, 3, 3, 2), width=16, num_groups=8,
        **statistics),
}


def train(architecture, examples, rate, seed, steps):
    """A model, trained on all of the examples."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    model = ARCHITECTURES[architecture](
        len(examples.classes), seed, **pixel_statistics(examples))
    settings = TrainSection(epochs=1, learning_rate=rate, seed=seed, xla=False)
    classifier.compile_model(model, settings, steps)
    model.fit(Batches(examples, settings.batch_size, ("flip",), seed), steps_per_epoch=steps,
              shuffle=False, verbose=0)
    return model


def right(model, examples):
    """Share of the examples that the model classifies rightly."""
    share, _ = accuracy(lambda images: model.predict_on_batch(scale(images)), examples)
    return share


class Runs:
    """The results of trainings, each a row of a file, made only where it is not there yet."""

    def __init__(self, source, out, steps):
        self.path = out / "inductive_bias.json"
        self.rows = json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else []
        self.training = data.load(source, "train", SHAPE)
        self.test = data.load(source, "test", SHAPE)
        self.source, self.steps = source.rpartition("/")[2], steps

    def row(self, architecture, count, rate, seed, split, times=1):
        """The accuracy on one split, `validation` or `test`, after one training."""
        steps = times * self.steps
        wanted = {"source": self.source, "steps": steps, "architecture": architecture,
                  "images": count, "rate": rate, "seed": seed, "split": split}
        for row in self.rows:
            if wanted.items() <= row.items():
                return row
        order = np.random.default_rng((seed, 1)).permutation(len(self.training))
        seen, rest = order[:count], order[count:count + HELD_OUT]
        model = train(architecture, self.training.take(seen), rate, seed, steps)
        examples = self.test if split == "test" else self.training.take(rest)
        self.rows.append({**wanted, "accuracy": right(model, examples),
                          "parameters": model.count_params(),
                          "multiply_adds": models.multiply_adds(model)})
        store(self.path, json.dumps(self.rows, indent=1) + "\n")
        print(self.rows[-1], flush=True)
        return self.rows[-1]


def store(path, text):
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def by_count(rows, architecture):
    """Number of images to the accuracies of all seeds."""
    found = {}
    for row in rows:
        if row["architecture"] == architecture:
            found.setdefault(row["images"], []).append(row["accuracy"])
    return found


def table(rows):
    """Markdown: a line for each architecture, a column for each number of images."""
    counts = sorted({row["images"] for row in rows})
    lines = ["| model | weights | multiply-adds | learning rate | "
             + " | ".join(f"{count:,}" for count in counts) + " |",
             "|---" * (4 + len(counts)) + "|"]
    for architecture in ARCHITECTURES:
        first = next(row for row in rows if row["architecture"] == architecture)
        cells = [f"{np.mean(found):.1%} ({min(found):.1%} – {max(found):.1%})"
                 for _, found in sorted(by_count(rows, architecture).items())]
        lines.append(f"| {architecture} | {first['parameters']:,} | "
                     f"{first['multiply_adds'] / 1e6:.1f} M | {first['rate']:g} | "
                     + " | ".join(cells) + " |")
    seeds = len({row["seed"] for row in rows})
    return "\n".join([*lines, "", f"Accuracy on the test split: mean (lowest – highest) of {seeds} "
                      f"seeds after {rows[0]['steps']:,} steps of 64 images."])


def draw(rows, longer, path):
    """Accuracy against images: the mean of the seeds as a line, their range as a band.

    Means of longer trainings are dashed, with open markers.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.subplots()
    for architecture, colour, marker in zip(ARCHITECTURES, ("#0072B2", "#D55E00"), "os",
                                            strict=True):
        found = dict(sorted(by_count(rows, architecture).items()))
        shares = [100 * np.array(each) for each in found.values()]
        axes.plot(list(found), [each.mean() for each in shares], marker=marker, color=colour,
                  label=architecture)
        axes.fill_between(list(found), [each.min() for each in shares],
                          [each.max() for each in shares], color=colour, alpha=0.2, linewidth=0)
        found = dict(sorted(by_count(longer, architecture).items()))
        if found:
            axes.plot(list(found), [100 * np.mean(each) for each in found.values()], marker=marker,
                      color=colour, linestyle="--", markerfacecolor="white",
                      label=f"{architecture}, {LONGER} times the steps")
    counts = sorted({row["images"] for row in rows})
    axes.set(xscale="log", xlabel="training images", ylabel="accuracy on the test split in %")
    axes.set_xticks(counts, [f"{count:,}" for count in counts])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.savefig(path, dpi=150, metadata={"Software": None})


def main(source, out, steps, seeds):
    """Trains what is not stored yet, then writes table and figure."""
    out.mkdir(parents=True, exist_ok=True)
    runs = Runs(source, out, steps)
    counts = [count for count in COUNTS if count <= len(runs.training)]
    middle = counts[(len(counts) - 1) // 2]
    rates = {architecture: max(
        (runs.row(architecture, middle, rate, 0, "validation") for rate in RATES),
        key=lambda row: row["accuracy"])["rate"] for architecture in ARCHITECTURES}
    chosen = [runs.row(architecture, count, rates[architecture], seed, "test")
              for seed in range(seeds) for count in counts for architecture in ARCHITECTURES]
    longer = [runs.row(architecture, count, rates[architecture], seed, "test", LONGER)
              for seed in range(seeds) for count in LONGER_COUNTS if count in counts
              for architecture in ARCHITECTURES]
    tables = "\n\n".join(table(rows) for rows in (chosen, longer) if rows)
    store(out / "inductive_bias.md", tables + "\n")
    draw(chosen, longer, out / "inductive_bias.png")
    print(tables)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="sample:eurosat", help="source of labelled images")
    parser.add_argument("--out", type=pathlib.Path, help="folder of the results",
                        default=pathlib.Path(__file__).parent / "figures")
    parser.add_argument("--steps", type=int, default=400, help="training steps of each model")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each point")
    arguments = parser.parse_args()
    main(arguments.data, arguments.out, arguments.steps, arguments.seeds)
