"""Time and peak memory of exporting a ViT-base, and what a ViT-huge is told.

    python benchmarks/export_cost.py [--precisions float32 dynamic_wi8_afp32]

Each export runs in a process of its own that builds the model first; time and the peak of resident
memory, the converter's process included, are of the call of `export` alone.
"""

import argparse
import multiprocessing
import pathlib
import tempfile
import threading
import time

SIZES = {"base": 16, "huge": 14}


def resident(process):
    """Bytes that a process and its children hold, from /proc."""
    total = 0
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            facts = dict(line.split(":", 1) for line in status.read_text().splitlines())
        except OSError:  # it ended in the meantime
            continue
        if process in (int(facts["Pid"]), int(facts["PPid"])):
            total += int(facts.get("VmRSS", "0").split()[0]) * 1024
    return total


def export(size, precision, results):
    """Builds a model, exports it and measures."""
    import os

    from keras_seqattn import edge, models

    model = models.vit(size, SIZES[size], (224, 224, 3), 1000)
    peak, done = [resident(os.getpid())], threading.Event()

    def watch():
        while not done.wait(0.05):
            peak.append(resident(os.getpid()))

    threading.Thread(target=watch, daemon=True).start()
    start, said = time.perf_counter(), ""
    with tempfile.TemporaryDirectory() as folder:
        try:
            edge.export(model, f"{folder}/x.tflite", precision)
        except (ValueError, edge.ExportError) as error:
            said = str(error)
    done.set()
    results.put((time.perf_counter() - start, max(peak), peak[0], said))


def main(precisions):
    """Prints one row per export."""
    print(f"{'model':6} {'precision':20} {'seconds':>8} {'peak GB':>8} {'before GB':>10}")
    context = multiprocessing.get_context("spawn")
    for size, precision in [("base", each) for each in precisions] + [("huge", "float32")]:
        results = context.Queue()
        process = context.Process(target=export, args=(size, precision, results))
        process.start()
        seconds, peak, before, said = results.get()
        process.join()
        print(f"{size:6} {precision:20} {seconds:8.1f} {peak / 1e9:8.2f} {before / 1e9:10.2f} "
              f"{said}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--precisions", nargs="+", default=["float32", "dynamic_wi8_afp32"])
    main(parser.parse_args().precisions)
