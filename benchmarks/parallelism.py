"""Time of a training step against length: four kinds of networks, on one thread and on all.

    python benchmarks/parallelism.py [--out benchmarks/figures] [--rounds 7]

The networks of benchmarks/memory.py, of about 10,000 weights each, with batches of 32. A recurrent
network computes its steps one after the other; a convolution computes all at once, attention too,
though with work that grows as the square of the length. The networks take turns within each round,
so that a machine whose speed drifts moves all; times are medians. A minute or two.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import memory

LENGTHS = (32, 128, 512, 2048)
THREADS = (1, os.cpu_count())
WARM_UP = 2
FEATURES = 10


def step(network, length):
    """A function that trains a network by one step."""
    import keras
    import numpy as np

    rng = np.random.default_rng(7)
    model = memory.NETWORKS[network](1, (length, FEATURES), False)
    model.compile("adam", keras.losses.MeanSquaredError())
    x = rng.normal(size=(memory.BATCH, length, FEATURES)).astype("float32")
    y = rng.normal(size=(memory.BATCH, 1)).astype("float32")
    return lambda: model.train_on_batch(x, y)


def medians(rounds):
    """Milliseconds of a step by network and length, in this process."""
    found = {network: {} for network in memory.NETWORKS}
    for length in LENGTHS:
        steps = {network: step(network, length) for network in memory.NETWORKS}
        times = {network: [] for network in steps}
        for _ in range(WARM_UP + rounds):
            for network, function in steps.items():
                start = time.perf_counter()
                function()
                times[network].append(time.perf_counter() - start)
        for network, each in times.items():
            found[network][length] = statistics.median(each[WARM_UP:]) * 1e3
    return found


def table(rows):
    """Markdown: a line for each network and number of threads, a column for each length."""
    lines = ["| network | threads | " + " | ".join(f"{n} steps" for n in LENGTHS) + " |",
             "|---" * (2 + len(LENGTHS)) + "|"]
    for network in memory.NETWORKS:
        lines += [f"| {network} | {row['threads']} | " + " | ".join(
            f"{row['milliseconds'][network][str(n)]:.1f} ms" for n in LENGTHS) + " |"
            for row in rows]
    return "\n".join(lines)


def draw(rows, path):
    """Time against length, a panel for each number of threads."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    panels = figure.subplots(1, len(rows), sharey=True, squeeze=False)[0]
    for axes, row in zip(panels, rows, strict=True):
        for network, marker in zip(memory.NETWORKS, "os^D", strict=True):
            axes.plot(LENGTHS, list(row["milliseconds"][network].values()), marker=marker,
                      label=network)
        axes.set(xscale="log", yscale="log", xlabel="length in steps",
                 title=f"{row['threads']} thread(s)")
        axes.set_xticks(LENGTHS, LENGTHS, minor=False)
        axes.minorticks_off()
    panels[0].set_ylabel("milliseconds of a training step")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right center", fontsize="small")
    figure.savefig(path, dpi=150, metadata={"Software": None})


def main(out, rounds):
    """Measures in a process for each number of threads, then writes table and figure."""
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for threads in dict.fromkeys(THREADS):
        count = {name: str(threads) for name in (
            "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")}
        result = subprocess.run(
            [sys.executable, __file__, "--rounds", str(rounds), "--here"], check=True,
            env={**os.environ, **count}, stdout=subprocess.PIPE, text=True)
        rows.append({"threads": threads, "rounds": rounds,
                     "milliseconds": json.loads(result.stdout.splitlines()[-1])})
    memory.store(out / "parallelism.json", json.dumps(rows, indent=1) + "\n")
    memory.store(out / "parallelism.md", table(rows) + "\n")
    draw(rows, out / "parallelism.png")
    print(table(rows))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, help="folder of the results",
                        default=pathlib.Path(__file__).parent / "figures")
    parser.add_argument("--rounds", type=int, default=7, help="timed steps of each network")
    parser.add_argument("--here", action="store_true", help="measure in this process, print JSON")
    arguments = parser.parse_args()
    if arguments.here:
        print(json.dumps(medians(arguments.rounds)))
    else:
        main(arguments.out, arguments.rounds)
