"""How long a checkpoint takes to become a model, against reading its file, and the memory it needs.

    python benchmarks/load.py [--rounds 5] [--size base]

The script writes the file itself: a ViT of random weights. It is `.npz` as Google's
vision_transformer has it, and `.safetensors` as `checkpoints.save` writes it. To read the file is
to have all of its arrays in memory, by NumPy's and safetensors' own readers.

- Reading and loading take turns, each in a process of its own. The process has loaded a small file
  before, so that neither pays for imports. The system has the file in memory for both.
- Times are those of the fastest round, which other processes disturbed least. They are by the
  clock, and in the last column by the processor alone.
- Memory is the median peak of what the process holds resident while it loads, beyond what it held
  before. It is given over the bytes of the weights. Linux counts it.
"""

import argparse
import json
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

from keras_seqattn import checkpoints, layers, models

BARS = {"time": 2.0, "memory": 2.5}
FORMATS = {"npz": "npz-google", "safetensors": "safetensors"}


def write(folder: pathlib.Path, size: str) -> int:
    """Writes the same weights in both formats. Returns the bytes of the weights."""
    rng = np.random.default_rng(7)
    model = models.vit(size, activation=layers.gelu_tanh)
    for weight in model.weights:
        weight.assign(rng.normal(scale=0.02, size=weight.shape).astype("float32"))
    for suffix, form in FORMATS.items():
        checkpoints.save(model, folder / f"vit.{suffix}", form)
    return 4 * model.count_params()


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
    """Returns all arrays of a file, by the reader of its maker."""
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    from safetensors.numpy import load_file

    return load_file(path)


def resident(name: str) -> int:
    """Returns the bytes that this process holds resident, `VmRSS`, or has held at most, `VmHWM`."""
    status = pathlib.Path("/proc/self/status").read_text(encoding="utf-8")
    return 1024 * int(re.search(rf"{name}:\s+(\d+) kB", status)[1])


def measure(what: str, path: pathlib.Path) -> dict[str, float]:
    """Returns seconds and bytes of one call in this process, which has warmed up."""
    models.vit("nano", patch_size=8, image_shape=(64, 64, 3))
    with tempfile.TemporaryDirectory() as folder:
        tiny = pathlib.Path(folder) / path.name
        checkpoints.save(models.vit(
            "nano", 8, (16, 16, 3), 3, num_layers=1, activation=layers.gelu_tanh), tiny,
            FORMATS[path.suffix[1:]])
        {"read": read, "load": checkpoints.load}[what](tiny)
    pathlib.Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # forget the peak
    before, start, spent = resident("VmRSS"), time.perf_counter(), time.process_time()
    kept = {"read": read, "load": checkpoints.load}[what](path)
    seconds, busy = time.perf_counter() - start, time.process_time() - spent
    del kept
    return {"seconds": seconds, "busy": busy, "bytes": resident("VmHWM") - before}


def in_process(what: str, path: pathlib.Path) -> dict[str, float]:
    """Returns the same of a process of its own."""
    output = subprocess.run([sys.executable, __file__, "--measure", what, str(path)], check=True,
                            stdout=subprocess.PIPE, text=True).stdout
    return json.loads(output.splitlines()[-1])


def main(rounds: int, size: str) -> None:
    """Prints one row for each format."""
    with tempfile.TemporaryDirectory() as folder:
        weights = write(pathlib.Path(folder), size)
        print(f"{size}/16, {weights / 1e6:.0f} MB of weights, {rounds} rounds; bars: "
              f"{BARS['time']} times the reading, {BARS['memory']} times the weights")
        print(f"{'format':12} {'read ms':>9} {'load ms':>9} {'times':>7} {'holds':>6} "
              f"{'peak MB':>9} {'times':>7} {'holds':>6} {'CPU times':>10}")
        for suffix in FORMATS:
            path = pathlib.Path(folder) / f"vit.{suffix}"
            pairs = [(in_process("read", path), in_process("load", path)) for _ in range(rounds)]
            (reading, read_busy), (loading, load_busy) = (
                [min(each[name] for each in column) for name in ("seconds", "busy")]
                for column in zip(*pairs, strict=True))
            peak = statistics.median(load["bytes"] for _, load in pairs)
            times, share = loading / reading, peak / weights
            print(f"{suffix:12} {1e3 * reading:>9.0f} {1e3 * loading:>9.0f} {times:>7.2f} "
                  f"{times <= BARS['time']!s:>6} {peak / 1e6:>9.0f} {share:>7.2f} "
                  f"{share <= BARS['memory']!s:>6} {load_busy / read_busy:>10.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="rounds per row")
    parser.add_argument("--size", default="base", help="size of the ViT")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure[0], pathlib.Path(arguments.measure[1]))))
    else:
        main(arguments.rounds, arguments.size)
