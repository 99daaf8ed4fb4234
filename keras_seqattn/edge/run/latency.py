"""How long exported files take for one example."""

import collections.abc
import os
import time

import numpy as np

from keras_seqattn.data.tokenizer import UNKNOWN
from keras_seqattn.edge.run.load import load
from keras_seqattn.edge.run.runner import Runner
from keras_seqattn.errors import check_count

ROUND, FEWEST_RUNS = 10, 3


def benchmark(files: os.PathLike | str | collections.abc.Iterable[os.PathLike | str],
              threads: int = 2, runs: int = 50) -> dict | list[dict]:
    """Times exported files on random inputs, after a warm-up of half as many runs.

    Several files take turns, ten runs in a row each. So a machine whose speed drifts is the same
    for all of them, and each finds its weights in the cache, as on a device.

    Args:
        files: Path of a file, or several.
        threads: CPU threads to run on.
        runs: Number of timed runs of each file.

    Returns:
        `{"median_ms", "p90_ms", "runs", "threads"}` of one run of the main signature, which takes
        one example unless the file was exported for more, times in milliseconds. A file
        that writes sequences has `"tokens_per_s"` of greedy decoding too. For several files a list
        of such dictionaries.

    Raises:
        ValueError: a file cannot be run; a number below 1.
    """
    check_count(threads=threads, runs=runs)
    if isinstance(files, (str, os.PathLike)):
        return _take_turns([load(files, threads)], threads, runs)[0]
    return _take_turns([load(file, threads) for file in files], threads, runs)


def _take_turns(runners, threads, runs):
    """What `benchmark` returns for several files."""
    work: list[tuple[Runner, dict, list[float]]] = [
        (runner, random_inputs(runner, runner.batch_size), []) for runner in runners]
    for runner, inputs, _ in work:
        for _ in range(max(runs // 2, 1)):
            runner(inputs)
    for first in range(0, runs, ROUND):
        for runner, inputs, seconds in work:
            runner(inputs)
            seconds += _times(runner, inputs, min(ROUND, runs - first))
    return [_summary(*each, threads) for each in work]


def time_warm(runner: Runner, inputs: dict[str, np.ndarray], threads: int, runs: int,
              patience: float) -> dict:
    """Times a file that has run before, so that nothing is warmed up again.

    Args:
        runner: `Runner` of the file.
        inputs: What one run takes, by input name: arrays `(1, …)` where it takes one example.
        threads: CPU threads that it runs on.
        runs: Number of timed runs.
        patience: Seconds after which fewer runs suffice, `FEWEST_RUNS` at least.

    Returns:
        What `benchmark` returns for one file.
    """
    check_count(threads=threads, runs=runs)
    seconds: list[float] = []
    while len(seconds) < runs and (len(seconds) < FEWEST_RUNS or sum(seconds) < patience):
        seconds += _times(runner, inputs, 1)
    return _summary(runner, inputs, seconds, threads)


def _times(runner, inputs, runs):
    """Seconds of each of some runs."""
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        runner(inputs)
        seconds.append(time.perf_counter() - start)
    return seconds


def _summary(runner, inputs, seconds, threads):
    median, p90 = np.percentile(seconds, [50, 90]) * 1e3
    result = {"median_ms": round(float(median), 4), "p90_ms": round(float(p90), 4),
              "runs": len(seconds), "threads": threads}
    if "writer" in runner.contract:
        tokens = int(runner(inputs)["lengths"].sum())
        result["tokens_per_s"] = round(tokens / float(median) * 1e3, 1)
    return result


def random_inputs(runner: Runner, count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Draws inputs for a runner.

    - Floats are uniform in `[-1, 1)`.
    - 8-bit pixels take all values.
    - Tokens of a file that writes sequences are those it knows.
    - Other integers are 0 or 1.

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
        tokens = runner.contract.get("writer", {}).get("vocab_size")
        least, most = (UNKNOWN, tokens) if tokens else (
            0, 256 if detail["dtype"] == np.uint8 else 2)
        drawn = rng.uniform(-1, 1, shape) if floating else rng.integers(least, most, shape)
        inputs[name] = drawn.astype(detail["dtype"])
    return inputs
