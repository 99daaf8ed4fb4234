"""Time and peak memory of exporting a ViT-base, and what a ViT-huge is told.

    python benchmarks/export_cost.py [--precisions float32 dynamic_wi8_afp32]

Each export runs in a process of its own that builds the model first; time and peak are of the call
of `export` alone. The peak is of that process and the converter's together, then of the larger one.
"""

import argparse
import multiprocessing
import pathlib
import tempfile
import threading
import time

SIZES = {"base": 16, "huge": 14}


def resident(process):
    """Bytes in memory of a process and each of its children; shared pages are shared out."""
    held = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "status").read_text()
            if process in (int(folder.name), int(status.split("PPid:")[1].split()[0])):
                rollup = (folder / "smaps_rollup").read_text()
                held.append(int(rollup.split("\nPss:")[1].split()[0]) * 1024)
        except (OSError, IndexError):  # it ended in the meantime
            continue
    return held


def export(size, precision, results):
    """Builds a model, exports it and measures."""
    import os

    from keras_seqattn import edge, models

    model = models.vit(size, SIZES[size], (224, 224, 3), 1000)
    held, done = [resident(os.getpid())], threading.Event()

    def watch():
        while not done.wait(0.1):
            held.append(resident(os.getpid()))

    threading.Thread(target=watch, daemon=True).start()
    start, said = time.perf_counter(), ""
    with tempfile.TemporaryDirectory() as folder:
        try:
            edge.export(model, f"{folder}/x.tflite", precision)
        except (ValueError, edge.ExportError) as error:
            said = str(error)
    done.set()
    results.put((time.perf_counter() - start, max(map(sum, held)), max(map(max, held)),
                 sum(held[0]), said))


def main(precisions):
    """Prints one row per export."""
    print(f"{'model':6} {'precision':20} {'seconds':>8} {'peak GB':>8} {'one process':>12} "
          f"{'before':>8}")
    context = multiprocessing.get_context("spawn")
    for size, precision in [("base", each) for each in precisions] + [("huge", "float32")]:
        results = context.Queue()
        process = context.Process(target=export, args=(size, precision, results))
        process.start()
        seconds, peak, largest, before, said = results.get()
        process.join()
        print(f"{size:6} {precision:20} {seconds:8.1f} {peak / 1e9:8.2f} {largest / 1e9:12.2f} "
              f"{before / 1e9:8.2f} {said}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--precisions", nargs="+", default=["float32", "dynamic_wi8_afp32"])
    main(parser.parse_args().precisions)
