"""Time and memory of exports, beside those of another commit of this library.

    git worktree add --detach ../before 6a5deb0
    python benchmarks/export_cost.py --beside ../before [--runs 5] [--cases NAME…]

One process per tree builds a model and exports it as often as it is told. The processes take
turns, so both see the same machine. Times are of the whole call: lowering, writing, verification.
Memory is the peak of the process and its children together, beyond what the process held before, as
a share of the model's weights in float32. The first export of a process imports what it needs and
is left out of the median.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

CASES = {
    # name: model, precision, largest share of the time before, largest memory
    "vit_eurosat float32": ("vit_eurosat", "float32", 0.12, None),
    "vit_eurosat dynamic": ("vit_eurosat", "dynamic_wi8_afp32", 0.12, None),
    "vit_eurosat static": ("vit_eurosat", "static_wi8_ai8", 0.3, None),
    "vit_eurosat auto": ("vit_eurosat", "auto", 0.25, None),
    "ViT-small dynamic": ("small", "dynamic_wi8_afp32", 0.25, None),
    "ViT-base float32": ("base", "float32", 0.15, 1.5),
    "ViT-huge int8": ("huge", "dynamic_wi8_afp32", None, None),
}
PATCHES = {"small": 16, "base": 16, "huge": 14}
ONCE = ("ViT-base float32", "ViT-huge int8")    # minutes each
WORKER = "--worker"


def held(process):
    """Bytes in memory of a process and its children; shared pages are shared out."""
    total = 0
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "status").read_text()
            if process in (int(folder.name), int(status.split("PPid:")[1].split()[0])):
                rollup = (folder / "smaps_rollup").read_text()
                total += sum(1024 * int(rollup.split(f"\n{kind}:")[1].split()[0])
                             for kind in ("Pss_Anon", "Pss_Shmem"))
        except (OSError, IndexError):  # it ended in the meantime
            continue
    return total


def exporting(model, precision):
    """The model, and a function that exports it to a path."""
    import keras_seqattn
    from keras_seqattn import edge, models

    print(pathlib.Path(keras_seqattn.__file__).parent, file=sys.stderr)
    if model in PATCHES:
        made = models.vit(model, PATCHES[model], (224, 224, 3), 1000)
    else:
        made = models.load(model)
    if precision != "auto":
        options = {"calibration": "sample:eurosat"} if "static" in precision else {}
        return made, lambda path: edge.export(made, path, precision, **options)
    from keras_seqattn import data
    from keras_seqattn.data.batches import scale

    examples = data.load("sample:eurosat", "train", tuple(made.inputs[0].shape[1:]))
    images, labels = examples.read(range(0, len(examples), 10))
    return made, lambda path: edge.smallest(
        made, path, scale(images), labels, max_drop=100.0, calibration="sample:eurosat")


def work(model, precision):
    """Exports once for each line of the input; writes seconds, peak and weights as JSON."""
    import tempfile
    import threading
    import time

    made, export = exporting(model, precision)
    for _ in sys.stdin:
        before, peak, done = held(os.getpid()), [0], threading.Event()

        def watch(peak=peak, done=done):
            while not done.wait(0.05):
                peak[0] = max(peak[0], held(os.getpid()))

        watcher = threading.Thread(target=watch)
        watcher.start()
        start, said = time.perf_counter(), "done"
        with tempfile.TemporaryDirectory() as folder:
            try:
                export(f"{folder}/x.tflite")
            except (ValueError, RuntimeError) as error:
                said = str(error).splitlines()[0][:100]
        seconds = time.perf_counter() - start
        done.set()
        watcher.join()
        print("RESULT" + json.dumps({
            "seconds": seconds, "weights": 4 * made.count_params(), "said": said,
            "beyond": max(0, peak[0] - before)}), flush=True)


def start(tree, model, precision):
    """A process that exports with the library of a tree."""
    return subprocess.Popen(
        [sys.executable, str(pathlib.Path(__file__).resolve()), WORKER, model, precision],
        text=True, cwd=tree,    # where it looks for the package of a converter's own process
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(tree), "TF_CPP_MIN_LOG_LEVEL": "3"})


def once(worker):
    """One export of a worker."""
    worker.stdin.write("\n")
    worker.stdin.flush()
    for line in worker.stdout:
        if line.startswith("RESULT"):
            return json.loads(line.removeprefix("RESULT"))
    raise RuntimeError(f"the worker ended with {worker.wait()}")


def main(beside, runs, cases):
    """Prints one row per case."""
    here = pathlib.Path(__file__).resolve().parents[1]
    trees = {"now": here, **({"before": beside} if beside else {})}
    print(f"{'export':22} {'before s':>9} {'now s':>7} {'share':>6} {'bar':>5} "
          f"{'memory before':>14} {'now':>6}  (peak beyond the model, in its weights)")
    for case in cases:
        model, precision, bar, _ = CASES[case]
        known = {name: tree for name, tree in trees.items()
                 if not (name == "before" and bar is None)}
        workers = {name: start(tree, model, precision) for name, tree in known.items()}
        count = 1 if case in ONCE else runs + 1
        results = {name: [] for name in workers}
        for _ in range(count):
            for name, worker in workers.items():
                results[name].append(once(worker))
        for worker in workers.values():
            worker.stdin.close()
            worker.wait()
        found = {name: (statistics.median(each["seconds"] for each in rows[count > 1:]),
                        max(each["beyond"] / each["weights"] for each in rows))
                 for name, rows in results.items()}
        now, before = found["now"], found.get("before", (float("nan"),) * 2)
        print(f"{case:22} {before[0]:9.2f} {now[0]:7.2f} {now[0] / before[0]:6.3f} "
              f"{bar or float('nan'):5.2f} {before[1]:14.2f} {now[1]:6.2f}  "
              f"{results['now'][-1]['said']}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == [WORKER]:
        work(*sys.argv[2:])
    else:
        parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
        parser.add_argument("--beside", type=pathlib.Path, help="a tree of another commit")
        parser.add_argument("--runs", type=int, default=5)
        parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
        arguments = parser.parse_args()
        main(arguments.beside and arguments.beside.resolve(), arguments.runs, arguments.cases)
