"""What a step costs on more and more replicas: measured on this machine, predicted for a TPU pod.

    python benchmarks/scaling.py [--rounds 3] [--batch 16] [--chip-batch 128] [--bandwidth 1e11] ...

Each row trains through `training.strategy`, as `training.fit` does, once with a global batch that
stays as it is and once with a batch that grows with the replicas (weak scaling). `MB reduced` is
what each replica sends per step in a ring, `2 (R - 1) / R` times the gradient of 4 bytes per
trainable weight, reduced once; it follows from the trainable weights, not from a counter.
Efficiency is images/s per hardware, in shares of one replica's on the first row of its kind.

The measured rows train the model of the recipe `demo`, without XLA, whose compiling would take
longer than measuring. Their replicas are logical devices, or processes that talk over loopback,
and all of them share the cores of this machine: they can get no faster with their number, and what
is below 1 is the price of distribution. Every row is a process of its own (two for two processes);
they take turns, and the time is the median.

The rows of a pod are arithmetic for a ViT-B/16 at 224×224, not measured:

    t(R) = F · batch / R / (peak · utilisation)
           + 2 (R - 1) · latency + 2 (R - 1) / R · bytes / bandwidth

with F = 3 times the forward pass, and nothing of the reduction hidden behind the backward pass,
which XLA does hide in part. They leave out the input and the optimizer. Defaults are a TPU v5e:
197e12 FLOP/s in bfloat16 and 400 GB/s over 4 ports, both directions counted (Google Cloud, "TPU
v5e"), of which a ring along one axis of the torus sends over 2 ports in one direction each: 1e11
bytes/s. 1 µs per hop is from Austin et al. 2025, "How to Scale Your Model", part 2; 40 %
utilisation is assumed: measure your own with one chip.
"""

import argparse
import contextlib
import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import time

POD = (1, 8, 32, 128, 256)
# name: (strategy, processes, logical devices in each)
MEASURED = {
    "one device": ("none", 1, 1),
    "2 devices": ("mirrored", 1, 2),
    "4 devices": ("mirrored", 1, 4),
    "1 process": ("multiworker", 1, 1),
    "2 processes": ("multiworker", 2, 1),
}


def ring_bytes(num_weights, replicas):
    """Bytes that each of some replicas sends to sum a float32 gradient over all, in a ring."""
    return 2 * (replicas - 1) / replicas * 4 * num_weights


def flops_per_image(size, patch_size=16, side=224, num_classes=1000):
    """Operations of a training step of a ViT, the backward pass twice the forward.

    Only matrix products count; a multiplication with its addition is two operations.
    """
    from keras_seqattn.models.vision_transformer import SIZES

    num_layers, _, D, F = SIZES[size]
    patches = (side // patch_size) ** 2
    T = patches + 1
    block = T * (4 * D * D + 2 * D * F) + 2 * T * T * D
    return 3 * 2 * (num_layers * block + patches * 3 * patch_size ** 2 * D + D * num_classes)


def pod_seconds(flops, num_weights, batch, replicas, machine):
    """Predicted duration of a step; `machine` has peak, utilisation, bandwidth and latency."""
    return (flops * batch / replicas / (machine.peak * machine.utilisation)
            + 2 * (replicas - 1) * machine.latency
            + ring_bytes(num_weights, replicas) / machine.bandwidth)


def worker(name, devices, batches):
    """Compiles a model per global batch, then times a few steps for each line on the input."""
    import keras
    import numpy as np
    import tensorflow as tf

    from keras_seqattn import training
    from keras_seqattn.data import LabelledImages
    from keras_seqattn.data.batches import Batches
    from keras_seqattn.training.tasks.classifier import CLASSIFIER as classifier

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * devices)
    strategy = training.strategy(name)
    recipe = training.read("demo", ["train.xla=false"])
    keras.utils.set_random_seed(7)
    rng = np.random.default_rng(7)
    examples = LabelledImages(rng.integers(256, size=(max(batches), 64, 64, 3), dtype="uint8"),
                              np.arange(max(batches), dtype="int32") % 10, tuple("abcdefghij"))

    def prepare(batch):
        def feed(share):
            return Batches(examples, batch, seed=7, share=share)

        with strategy.scope():
            model = recipe.model.build(len(examples.classes))
            classifier.compile_model(model, recipe.train, 1000)
            classifier.build_state(model, feed((0, strategy.num_replicas))[0])
        strategy.adapt(model)
        return model, strategy.feed(feed)

    class Clock(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.ends = []

        def on_train_batch_end(self, batch, logs=None):
            float(logs["loss"])  # waits for the step
            self.ends.append(time.perf_counter())

    prepared = {batch: prepare(batch) for batch in dict.fromkeys(batches)}
    clock = Clock()

    def steps(batch):
        model, fed = prepared[batch]
        model.fit(fed, steps_per_epoch=4, verbose=0, shuffle=False, callbacks=[clock])
        return [end - start for start, end in zip(clock.ends, clock.ends[1:], strict=False)]

    for batch in prepared:
        steps(batch)
    model, _ = prepared[batches[0]]
    weights = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    print(json.dumps({"weights": weights}), flush=True)
    for _ in sys.stdin:
        print(json.dumps([statistics.median(steps(batch)) for batch in batches]), flush=True)


def start(name, batch):
    """Starts the processes of a measured row; they compile before they answer."""
    strategy, processes, devices = MEASURED[name]
    replicas = processes * devices
    # All ports are held until each is known, so that they differ.
    with contextlib.ExitStack() as stack:
        doors = [stack.enter_context(socket.create_server(("127.0.0.1", 0)))
                 for _ in range(processes)]
        addresses = [f"127.0.0.1:{door.getsockname()[1]}" for door in doors]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    started = []
    for index in range(processes):
        if strategy == "multiworker":
            environment["TF_CONFIG"] = json.dumps(
                {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})
        started.append(subprocess.Popen(
            [sys.executable, __file__, "--worker", strategy, str(devices), str(batch),
             str(batch * replicas // max(d * p for _, p, d in MEASURED.values()))],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
    return started


def turn(workers):
    """Lets the processes of a row do a few steps; returns what the first of them measured."""
    for process in workers:
        process.stdin.write("\n")
        process.stdin.flush()
    return answers(workers)


def answers(workers):
    """Reads the next line of each process of a row; returns the first one's."""
    first, *_ = [json.loads(process.stdout.readline()) for process in workers]
    return first


def measure(rounds, batch):
    """Runs every row in turns: name to its median seconds, fixed and grown; number of weights."""
    rows, told = {}, {}
    try:
        for name in MEASURED:
            rows[name] = start(name, batch)
            told[name] = answers(rows[name])
        taken = {name: [] for name in rows}
        for _ in range(rounds):
            for name, workers in rows.items():
                taken[name].append(turn(workers))
    finally:
        for process in itertools.chain(*rows.values()):
            process.stdin.close()
            process.wait()
    return ({name: [statistics.median(column) for column in zip(*each, strict=True)]
             for name, each in taken.items()}, told["one device"]["weights"])


def print_row(name, replicas, batches, seconds, efficiencies, megabytes):
    """One row of the table."""
    cells = [f"{batch:>7,} {1e3 * each:>9.2f} {efficiency:>6.2f}" for batch, each, efficiency
             in zip(batches, seconds, efficiencies, strict=True)]
    print(f"{name:22} {replicas:>8} {cells[0]:>26} {cells[1]:>26} {megabytes:>11.1f}")


def main(arguments):
    """Prints the measured rows, then the predicted ones."""
    taken, weights = measure(arguments.rounds, arguments.batch)
    most = max(processes * devices for _, processes, devices in MEASURED.values())
    print(f"{os.cpu_count()} cores, {arguments.rounds} rounds; pod: {arguments.peak:g} FLOP/s, "
          f"{arguments.utilisation:.0%} of it, {arguments.bandwidth:g} bytes/s, "
          f"{arguments.latency:g} s per hop")
    columns = f"{'batch':>7} {'step ms':>9} {'effic.':>6}"
    print(f"{'':22} {'':>8} {'global batch fixed':>26} {'batch per replica fixed':>26}")
    print(f"{'where':22} {'replicas':>8} {columns:>26} {columns:>26} {'MB reduced':>11}")
    for name, (_, processes, devices) in MEASURED.items():
        replicas = processes * devices
        batches = (arguments.batch, arguments.batch * replicas // most)
        one = taken["one device"]
        grown = [1, replicas]  # images of the column, in those of one replica
        print_row(name, replicas, batches, taken[name],
                  [base * factor / each for base, each, factor
                   in zip(one, taken[name], grown, strict=True)],
                  ring_bytes(weights, replicas) / 1e6)
    from keras_seqattn import models

    base = models.vit("base")
    weights, flops = base.count_params(), flops_per_image("base")
    for replicas in POD:
        batches = (arguments.global_batch, arguments.chip_batch * replicas)
        seconds, alone = ([pod_seconds(flops, weights, batch, count, arguments)
                           for batch, count in zip(batches, counts, strict=True)]
                          for counts in ((replicas, replicas), (1, 1)))
        print_row("ViT-B/16, pod, model", replicas, batches, seconds,
                  [one / each / replicas for one, each in zip(alone, seconds, strict=True)],
                  ring_bytes(weights, replicas) / 1e6)


def arguments_parser():
    """What the pod is like, and how long to measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the measured rows")
    parser.add_argument("--batch", type=int, default=16, help="global batch of the measured rows")
    parser.add_argument("--global-batch", type=int, default=4096, help="fixed batch of a pod")
    parser.add_argument("--chip-batch", type=int, default=128, help="batch of each chip of a pod")
    parser.add_argument("--peak", type=float, default=197e12, help="FLOP/s of a chip")
    parser.add_argument("--utilisation", type=float, default=0.4, help="share of it reached (MFU)")
    parser.add_argument("--bandwidth", type=float, default=1e11, help="bytes/s a chip sends")
    parser.add_argument("--latency", type=float, default=1e-6, help="seconds per hop")
    return parser


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        worker(sys.argv[2], int(sys.argv[3]), [int(batch) for batch in sys.argv[4:]])
    else:
        main(arguments_parser().parse_args())
