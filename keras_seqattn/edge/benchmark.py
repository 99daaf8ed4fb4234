"""How long an exported file takes for one example."""

import time

import numpy as np

from keras_seqattn.edge.run import load
from keras_seqattn.errors import check_count


def benchmark(file, threads=2, runs=50):
    """Times a `.tflite` file on random inputs, after a warm-up of a tenth of the runs.

    Args:
        file: Path of the file.
        threads: CPU threads to run on.
        runs: Number of timed runs.

    Returns:
        `{"median_ms", "p90_ms", "runs", "threads"}` of one example, in milliseconds.

    Raises:
        ValueError: the file cannot be run; a number below 1.
    """
    check_count(threads=threads, runs=runs)
    runner = load(file, threads)
    inputs = random_inputs(runner, 1)
    for _ in range(max(runs // 10, 1)):
        runner(inputs)
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        runner(inputs)
        seconds.append(time.perf_counter() - start)
    median, p90 = np.percentile(seconds, [50, 90]) * 1e3
    return {"median_ms": round(float(median), 4), "p90_ms": round(float(p90), 4), "runs": runs,
            "threads": threads}


def random_inputs(runner, count, seed=0):
    """Draws inputs for a runner: floats uniform in `[-1, 1)`, integers 0 or 1.

    Args:
        runner: `Runner`.
        count: Number of examples.
        seed: Seed of the draw.

    Returns:
        Dictionary of arrays `(count, …)` by input name.
    """
    rng = np.random.default_rng(seed)
    inputs = {}
    for name, detail in runner.inputs.items():
        shape = (count, *map(int, detail["shape"][1:]))
        floating = np.issubdtype(detail["dtype"], np.floating)
        drawn = rng.uniform(-1, 1, shape) if floating else rng.integers(0, 2, shape)
        inputs[name] = drawn.astype(detail["dtype"])
    return inputs
