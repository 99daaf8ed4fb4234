"""The share of a training's time that writing its states takes.

    python benchmarks/checkpoints.py [--rounds 5] [--step-ms MS]

A state is saved as `training.fit` does between two steps: gathered from the devices, checked to
be finite, written and brought to the disk. The share is `save / (save + interval · step)`, and the
last column is the smallest interval that keeps it at 3 %. The end of an epoch writes a state too,
which makes the true interval the shorter of the two.

- `vit_eurosat` is measured whole, on the sample set: its step, compiled, with its batch; saving and
  steps take turns within each round and the numbers are medians. It is shown at the default
  interval of recipes and at its own.
- ViT-B/16 is measured in writing only: arrays of its weights and both moments of AdamW in float32,
  on this disk. Its step is what you say; by default what `scaling.py` predicts for a batch
  of 4096 on 8 chips. Copying from an accelerator to the host comes on top. The folder for temporary
  files needs room for three such states, 3.2 GB.
"""

import argparse
import pathlib
import statistics
import tempfile
import time

import numpy as np
import scaling

from keras_seqattn import models, training
from keras_seqattn.data.batches import Batches
from keras_seqattn.training.loop import steps
from keras_seqattn.training.recipe import train_section
from keras_seqattn.training.run_folder import states
from keras_seqattn.training.tasks.classifier import CLASSIFIER as classifier

RECIPE = pathlib.Path(__file__).parents[1] / "models" / "vit_eurosat" / "recipe.yaml"
DEFAULT = train_section.TrainSection.model_fields["checkpoint_every"].default
BAR = 0.03


def seconds(call, *arguments):
    """Duration of a call."""
    start = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - start


def measure_recipe(folder, rounds):
    """Trains and saves in turns: seconds of a save and of a step, and the recipe's interval."""
    chosen = training.read(RECIPE, ["data.source=sample:eurosat"])
    settings = chosen.train
    examples, _ = classifier.load(chosen)
    model = classifier.build(chosen, examples)
    classifier.compile_model(model, settings, 1000)
    batch = Batches(examples, settings.batch_size, chosen.data.augment, settings.seed)[0]
    classifier.build_state(model, batch)
    saver = steps.Steps(states.Position(), folder, settings.checkpoint_every, 1000, None,
                        training.strategy("none"), None)
    saver.set_model(model)
    saver.on_epoch_begin(0)

    def step():
        images, labels, weights = batch
        model.train_on_batch(images, labels, sample_weight=weights)

    step()
    saver.save()
    pairs = [(seconds(saver.save), seconds(step)) for _ in range(rounds)]
    return *map(statistics.median, zip(*pairs, strict=True)), settings.checkpoint_every


def measure_base(folder, rounds):
    """Writes a state of the size of ViT-B/16's: seconds, its number of weights."""
    model = models.vit("base")
    arrays = {f"{part}/{index}": np.zeros(weight.shape, "float32")
              for part in ("model", "momentum", "velocity")
              for index, weight in enumerate(model.weights)}
    taken = [seconds(states.write, folder, states.Position(step=step), arrays)
             for step in range(rounds)]
    return statistics.median(taken), model.count_params()


def stored(folder):
    """Bytes of the newest state in a folder."""
    return states.files(folder)[0].stat().st_size


def print_row(name, size, save, step, interval):
    """One row of the table."""
    share = save / (save + interval * step)
    least = int(np.ceil(save * (1 - BAR) / (BAR * step)))
    print(f"{name:24} {size / 1e6:>9.1f} {1e3 * save:>9.1f} {size / 1e6 / save:>7.0f} "
          f"{1e3 * step:>9.1f} {interval:>9} {share:>8.2%} {share <= BAR!s:>7} {least:>10}")


def main(rounds, step_ms):
    """Prints one row per model and interval."""
    print(f"{rounds} rounds, bar {BAR:.0%}")
    print(f"{'model':24} {'MB':>9} {'save ms':>9} {'MB/s':>7} {'step ms':>9} {'interval':>9} "
          f"{'share':>8} {'holds':>7} {'least int.':>10}")
    with tempfile.TemporaryDirectory() as folder:
        save, step, interval = measure_recipe(folder, rounds)
        for each in (DEFAULT, interval):
            print_row("vit_eurosat", stored(folder), save, step, each)
    with tempfile.TemporaryDirectory() as folder:
        save, num_weights = measure_base(folder, rounds)
        step = step_ms / 1e3 if step_ms else scaling.pod_seconds(
            scaling.flops_per_image("base"), num_weights, 4096, 8,
            scaling.arguments_parser().parse_args([]))
        print_row("ViT-B/16, write only", stored(folder), save, step, DEFAULT)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="rounds per row")
    parser.add_argument("--step-ms", type=float, help="duration of a step of ViT-B/16 on yours")
    arguments = parser.parse_args()
    main(arguments.rounds, arguments.step_ms)
