"""How far back four kinds of networks remember: copy memory and the adding problem.

    python benchmarks/memory.py [--out benchmarks/figures] [--steps 600]

Copy memory: ten symbols of eight kinds, a gap, and a sign to say them again; the accuracy of those
ten (chance: 1/8). Adding: two of many numbers are marked, and their sum is asked for; the squared
error (always answering 1: 1/6). Bai, Kolter & Koltun 2018, section 4; here only the recalled
symbols count in the loss, too. All networks have about 10,000 weights and the same number of steps
of 32 fresh sequences. Each takes, per task, the learning rate that does best at the shortest length
on a validation set; what is shown is another set. One thread; about 20 minutes. Each result is
stored as soon as it is known, so that an interrupted run continues.
"""

import argparse
import json
import os
import pathlib

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

import keras
import numpy as np

from keras_seqattn import layers, models
from keras_seqattn.files import whole

LENGTHS = (50, 100, 200, 500, 1000)
RATES = (1e-3, 3e-3, 1e-2)
BATCH, HELD_OUT = 32, 256
SYMBOLS, RECALLED = 8, 10
VALIDATION_SEED, TEST_SEED = 1, 2                   # training draws from (0, step)


def transformer(embed_dim, mlp_dim, num_outputs, input_shape, every_step):
    """One causal encoder block over sinusoidal positions, the answer as in `models.temporal`."""
    inputs = keras.Input(input_shape)
    x = keras.layers.Dense(embed_dim)(inputs)
    x = layers.PositionalEncoding()(x)
    x = layers.TransformerEncoderBlock(1, mlp_dim)(x, use_causal_mask=True)
    x = keras.layers.LayerNormalization()(x)
    if not every_step:
        x = layers.LastStep()(x)
    return keras.Model(inputs, keras.layers.Dense(num_outputs)(x))


# Widths for about 10,000 weights. The convolutions see 1,021 steps.
NETWORKS = {
    "RNN": lambda *task: models.recurrent("rnn", 90, *task[:2], every_step=task[2]),
    "LSTM": lambda *task: models.recurrent("lstm", 44, *task[:2], every_step=task[2]),
    "TCN": lambda *task: models.temporal(
        14, *task[:2], dilation_rates=[2 ** i for i in range(8)], every_step=task[2]),
    "Transformer": lambda *task: transformer(28, 104, *task),
}


def copy_memory(rng, count, length):
    """One-hot `(B, 10 + length + 10, 10)`, symbols `(B, …)` and weights: 1 where they are asked."""
    symbols = rng.integers(SYMBOLS, size=(count, RECALLED))
    tokens = np.zeros((count, length + 2 * RECALLED), "int32")
    tokens[:, :RECALLED] = symbols + 1
    tokens[:, -RECALLED - 1:] = SYMBOLS + 1
    targets, weights = np.zeros_like(tokens), np.zeros(tokens.shape, "float32")
    targets[:, -RECALLED:], weights[:, -RECALLED:] = symbols, 1
    return np.eye(SYMBOLS + 2, dtype="float32")[tokens], targets, weights


def adding(rng, count, length):
    """Numbers in [0, 1) and marks, `(B, length, 2)`: one in each half; their sum `(B, 1)`."""
    x = np.zeros((count, length, 2), "float32")
    x[..., 0] = rng.uniform(size=(count, length))
    half = length // 2
    marked = np.stack([rng.integers(half, size=count), rng.integers(half, length, size=count)], 1)
    np.put_along_axis(x[..., 1], marked, 1, axis=1)
    return x, (x[..., 0] * x[..., 1]).sum(axis=1, keepdims=True), None


# name: (data, outputs, features, an answer at every step, loss, what is reported, chance)
TASKS = {
    "copy memory": (copy_memory, SYMBOLS, SYMBOLS + 2, True,
                    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                    "accuracy of recalled symbols", 1 / SYMBOLS),
    "adding": (adding, 1, 2, False, keras.losses.MeanSquaredError(), "mean squared error", 1 / 6),
}


def score(task, model, data):
    """Accuracy of the recalled symbols, or squared error."""
    x, targets, _ = data
    outputs = model.predict(x, batch_size=BATCH, verbose=0)
    if task == "copy memory":
        return float((outputs.argmax(-1) == targets)[:, -RECALLED:].mean())
    return float(np.square(outputs - targets).mean())


def train(task, network, length, rate, steps):
    """Trains one network; returns it with its number of weights."""
    make, num_outputs, features, every_step, loss, *_ = TASKS[task]
    keras.backend.clear_session()
    keras.utils.set_random_seed(7)
    positions = make(np.random.default_rng(0), 1, length)[0].shape[1]
    model = NETWORKS[network](num_outputs, (positions, features), every_step)
    schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
    model.compile(keras.optimizers.Adam(schedule, clipnorm=1.0), loss)
    for step in range(steps):
        x, targets, weights = make(np.random.default_rng((0, step)), BATCH, length)
        model.train_on_batch(x, targets, sample_weight=weights)
    return model


def measure(task, network, length, rate, steps):
    """One row: scores on the validation and on the test sequences."""
    model = train(task, network, length, rate, steps)
    sets = {name: TASKS[task][0](np.random.default_rng(seed), HELD_OUT, length)
            for name, seed in (("validation", VALIDATION_SEED), ("test", TEST_SEED))}
    return {"task": task, "network": network, "length": length, "rate": rate, "steps": steps,
            "parameters": model.count_params(),
            **{name: score(task, model, data) for name, data in sets.items()}}


def best(task, rows):
    """The row with the best validation score."""
    return (max if task == "copy memory" else min)(rows, key=lambda row: row["validation"])


def store(path, text):
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def table(rows):
    """Markdown: a line for each task and network, a column for each length."""
    lines = ["| task | network | weights | learning rate | "
             + " | ".join(map(str, LENGTHS)) + " |", "|---" * (4 + len(LENGTHS)) + "|"]
    for task, (*_, what, chance) in TASKS.items():
        for network in NETWORKS:
            shown = {row["length"]: row for row in rows
                     if (row["task"], row["network"]) == (task, network)}
            first = shown[LENGTHS[0]]
            lines.append(f"| {task} | {network} | {first['parameters']:,} | {first['rate']:g} | "
                         + " | ".join(f"{shown[n]['test']:.3f}" for n in LENGTHS) + " |")
        lines.append(f"| {task}, {what} | chance | | | "
                     + " | ".join([f"{chance:.3f}"] * len(LENGTHS)) + " |")
    return "\n".join(lines)


def draw(rows, path):
    """Score against length, a panel for each task."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, (task, (*_, what, chance)) in zip(figure.subplots(1, 2), TASKS.items(), strict=True):
        for network, marker in zip(NETWORKS, "os^D", strict=True):
            shown = [row for row in rows if (row["task"], row["network"]) == (task, network)]
            axes.plot([row["length"] for row in shown], [row["test"] for row in shown],
                      marker=marker, label=network)
        axes.axhline(chance, color="grey", linestyle="--", label="chance")
        axes.set(xscale="log", xlabel="length in steps", ylabel=what, title=task)
        axes.set_xticks(LENGTHS, LENGTHS, minor=False)
        axes.minorticks_off()
        if task == "adding":
            axes.set_yscale("log")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right center", fontsize="small")
    figure.savefig(path, dpi=150, metadata={"Software": None})


def main(out, steps):
    """Measures what is not stored yet, then writes table and figure."""
    out.mkdir(parents=True, exist_ok=True)
    stored = out / "memory.json"
    rows = json.loads(stored.read_text(encoding="utf-8")) if stored.exists() else []

    def row(*wanted):
        for each in rows:
            if tuple(each[key] for key in ("task", "network", "length", "rate", "steps")) == wanted:
                return each
        rows.append(measure(*wanted))
        store(stored, json.dumps(rows, indent=1) + "\n")
        print(*rows[-1].values(), flush=True)
        return rows[-1]

    chosen = []
    for task in TASKS:
        rates = {network: best(task, [row(task, network, LENGTHS[0], rate, steps)
                                      for rate in RATES])["rate"] for network in NETWORKS}
        chosen += [row(task, network, length, rates[network], steps)
                   for length in LENGTHS for network in NETWORKS]
    store(out / "memory.md", table(chosen) + "\n")
    draw(chosen, out / "memory.png")
    print(table(chosen))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, help="folder of the results",
                        default=pathlib.Path(__file__).parent / "figures")
    parser.add_argument("--steps", type=int, default=600, help="training steps of each network")
    arguments = parser.parse_args()
    main(arguments.out, arguments.steps)
