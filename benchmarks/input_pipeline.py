"""Images per second that the batches give, beside those that a training step takes.

    python benchmarks/input_pipeline.py [--rounds 5] [--batches 4] [--batch-size 32]

`data.batches.Batches` of `sample:eurosat` at 64×64, made by one process, against the step of a
ViT-Ti with patches of 8 pixels, compiled as Keras chooses, on the same machine. All take turns
within each round, and each number is the median over the rounds, so that a machine whose speed
drifts moves them together. The ratio is batches / training: 10 and above means that an input that
is not overlapped with the step at all would cost it at most a tenth; below, the last row says what
limits it. The second ratio is that of the seconds that all processors together spent per image,
training / batches, which other programs on the machine hardly move. The other rows share the time
of a batch out among its stages.

Columns: the augmentations of the recipe `demo`; the same, with each picture decoded when it is
read, as sets do that are larger than memory; and stronger ones.
"""

import argparse
import collections
import contextlib
import dataclasses
import statistics
import time
from unittest import mock

import keras

from keras_seqattn import data, models, training
from keras_seqattn.data import batches as batches_module
from keras_seqattn.data import sources
from keras_seqattn.data.augment import AUGMENTATIONS
from keras_seqattn.data.batches import Batches

SHAPE = (64, 64, 3)
STRONG = ("rot90", "flip", "resized_crop", "rand_augment", "erase", "cutmix")
GOAL = 10.0


@dataclasses.dataclass
class Timed:
    """Examples whose reading is timed."""

    examples: object
    read: object

    def __len__(self):
        return len(self.examples)

    @property
    def classes(self):
        return self.examples.classes


def timed(function, name, seconds):
    """The same function, which adds its duration to `seconds[name]`."""
    def call(*arguments):
        start = time.perf_counter()
        result = function(*arguments)
        seconds[name] += time.perf_counter() - start
        return result
    return call


@contextlib.contextmanager
def clocks(seconds):
    """Times scaling and every augmentation of batches that are made inside."""
    augment = {name: timed(function, name, seconds) for name, function in AUGMENTATIONS.items()}
    scale = timed(batches_module.scale, "scale", seconds)
    with mock.patch.dict(AUGMENTATIONS, augment), mock.patch.object(batches_module, "scale", scale):
        yield


def measure_batches(examples, augment, batch_size, first, count):
    """Makes some batches: images per second, CPU seconds per image, and each stage's share."""
    seconds = collections.Counter()
    with clocks(seconds):
        made = Batches(Timed(examples, timed(examples.read, "read", seconds)), batch_size, augment,
                       seed=7, first_step=first)
        total, processor = spent(lambda: [made[index] for index in range(count)])
    shares = {name: part / total for name, part in seconds.items()}
    images = batch_size * count
    return images / total, processor / images, shares | {"the rest": 1.0 - sum(shares.values())}


def spent(call):
    """Seconds that a call takes, and seconds of all processors together."""
    start = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - start[0], time.process_time() - start[1]


def training_step(batch):
    """A function that does one step of a compiled ViT-Ti, and waits for it."""
    keras.utils.set_random_seed(7)
    model = models.vit("tiny", patch_size=8, image_shape=SHAPE, num_classes=batch[1].shape[1])
    model.compile("adamw", keras.losses.CategoricalCrossentropy(from_logits=True))
    images, labels, weights = batch
    return lambda: model.train_on_batch(images, labels, sample_weight=weights)


def main(rounds, count, batch_size):
    """Prints one row per stage and one column per kind of batches."""
    demo = training.read("demo").data.augment
    held = data.load("sample:eurosat", "train", SHAPE)
    with mock.patch.object(sources, "IN_MEMORY", 0):
        decoded = data.load("sample:eurosat", "train", SHAPE)
    cases = {"demo": (held, demo), "demo, decoded": (decoded, demo), "strong": (held, STRONG)}
    step = training_step(Batches(held, batch_size, demo, seed=7)[0])
    for _ in range(2):
        step()
    speeds, shares = collections.defaultdict(list), collections.defaultdict(list)
    for i in range(rounds):
        total, processor = (value / batch_size for value in spent(step))
        taken = 1.0 / total
        for name, (examples, augment) in cases.items():
            given, cost, parts = measure_batches(examples, augment, batch_size, i * count, count)
            speeds[name].append((given, taken, given / taken, processor / cost))
            for stage, share in parts.items():
                shares[name, stage].append(share)
    print_table(cases, speeds, shares, rounds, batch_size)


def print_table(cases, speeds, shares, rounds, batch_size):
    """Prints the medians."""
    def row(title, cells):
        print(f"{title:22}" + "".join(f"{cell:>16}" for cell in cells))

    print(f"{keras.backend.backend()}, keras {keras.__version__}, batches of {batch_size}, "
          f"{rounds} rounds")
    row("", cases)
    given, taken, ratios, costs = zip(*(
        map(statistics.median, zip(*speeds[name], strict=True)) for name in cases), strict=True)
    row("batches, images/s", [f"{value:,.0f}" for value in given])
    row("training, images/s", [f"{value:,.0f}" for value in taken])
    row("ratio", [f"{value:.1f}" for value in ratios])
    row("ratio of CPU time", [f"{value:.1f}" for value in costs])
    share = {key: statistics.median(values) for key, values in shares.items()}
    stages = [stage for stage in ("read", "scale", *AUGMENTATIONS, "the rest")
              if any((name, stage) in share for name in cases)]
    for stage in stages:
        row(f"  {stage}", [f"{share[name, stage]:.0%}" if (name, stage) in share else "-"
                           for name in cases])
    limits = [max(stages, key=lambda stage, name=name: share.get((name, stage), 0.0))
              for name in cases]
    row(f"limit below {GOAL:.0f}", [limit if ratio < GOAL else "-"
                                    for limit, ratio in zip(limits, ratios, strict=True)])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="rounds")
    parser.add_argument("--batches", type=int, default=4, help="batches of each kind per round")
    parser.add_argument("--batch-size", type=int, default=32, help="images per batch and step")
    arguments = parser.parse_args()
    main(arguments.rounds, arguments.batches, arguments.batch_size)
