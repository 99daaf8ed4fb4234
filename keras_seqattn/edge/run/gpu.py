"""A signature of a file on LiteRT's GPU accelerator, in a process of its own.

The accelerator ends the process that gives it a file of 4-bit weights. Whatever it ends is not the
user's program. `python -m keras_seqattn.edge.run.gpu LOADER FILE INPUTS OUTPUTS` is that process:
arrays come and go as `.npz` files.
"""

import ctypes
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import typing

import numpy as np

from keras_seqattn.edge.run.accelerators import Driver
from keras_seqattn.edge.tflite import reader
from keras_seqattn.edge.tflite.rewrite import signature as signatures

MODULE = "keras_seqattn.edge.run.gpu"
SECONDS = 300
# What the accelerator writes of the ops that it leaves to the CPU, and of the adapter.
REFUSED = re.compile(r"operations are not supported by GPU delegate:\n((?:[A-Z0-9_]+: .*\n)+)")
ADAPTER = re.compile(r"Selected adapter: (.*?), arch=")
NO_ADAPTER = "No adapters found"
ERROR = "ERROR"
REASONS = 8     # lines of a runtime's log that are shown


class Ran(typing.NamedTuple):
    """What the accelerator made of a signature.

    Attributes:
        whole: Whether it took all ops. Where it did not, nothing was run.
        refused: What it left, one reason each, in the runtime's words.
        outputs: Array `(n, …)` by output name; empty where nothing was run.
        device: Name of the adapter.
    """

    whole: bool
    refused: list[str]
    outputs: dict[str, np.ndarray]
    device: str


def run(file: str | os.PathLike, name: str, runs: dict[str, np.ndarray], driver: Driver) -> Ran:
    """Runs a signature on the accelerator as often as there are inputs.

    Args:
        file: Path of a `.tflite` file. The signature has no loops.
        name: Name of the signature.
        runs: Array `(n, …)` by input name: the inputs of `n` runs.
        driver: `accelerators.driver()`.

    Returns:
        `Ran`. The last of its reasons tells how the process ended, if it ended on its own.
    """
    with tempfile.TemporaryDirectory() as folder:
        given, made, own = (pathlib.Path(folder) / each for each in (
            "inputs.npz", "outputs.npz", "signature.tflite"))
        np.savez(given, allow_pickle=False, **runs)
        if len(reader.read(file).signatures) > 1:
            signatures.alone(file, name, own)
            file = own
        try:
            done = subprocess.run(
                [sys.executable, "-m", MODULE, driver.loader, str(file), str(given), str(made)],
                capture_output=True, text=True, errors="replace", check=False, timeout=SECONDS,
                env={**os.environ, **driver.environment, "PYTHONPATH": os.pathsep.join(sys.path)})
        except subprocess.TimeoutExpired:
            return Ran(False, [f"it ran for more than {SECONDS} seconds"], {}, "none")
        outputs = {}
        if made.exists():
            with np.load(made) as arrays:
                outputs = {each: arrays[each] for each in arrays.files}
    return _told(done, outputs)


def _told(done: subprocess.CompletedProcess, outputs: dict[str, np.ndarray]) -> Ran:
    """Reads what the process and the runtime's log say."""
    reasons = [line for block in REFUSED.findall(done.stderr) for line in block.splitlines()]
    adapter = ADAPTER.search(done.stderr)
    device = adapter[1] if adapter else "none"
    if done.returncode == 0:
        return Ran(True, [], outputs, device)
    if done.returncode < 0:
        reasons.append(f"the accelerator ends the process, with signal {-done.returncode}")
    elif NO_ADAPTER in done.stderr:
        reasons.append("the accelerator found no adapter of the Vulkan driver")
    elif not reasons:
        errors = [line for line in done.stderr.splitlines() if ERROR in line]
        reasons = errors or ["the accelerator refused the file without a reason"]
    return Ran(False, list(dict.fromkeys(reasons))[-REASONS:], {}, device)


def _main(loader: str, file: str, given: str, made: str) -> None:
    """What the process of its own does."""
    ctypes.CDLL(loader, ctypes.RTLD_GLOBAL)     # found by its name from here on
    from ai_edge_litert.compiled_model import CompiledModel
    from ai_edge_litert.hardware_accelerator import HardwareAccelerator

    model = CompiledModel.from_file(file, hardware_accel=HardwareAccelerator.GPU)
    if not model.is_fully_accelerated():
        raise SystemExit(1)
    name = next(iter(model.get_signature_list()))
    details = model.get_output_tensor_details(name)
    with np.load(given) as arrays:
        runs = {each: arrays[each] for each in arrays.files}
    inputs = {each: model.create_input_buffer_by_name(name, each) for each in runs}
    outputs = {each: model.create_output_buffer_by_name(name, each) for each in details}
    kept: dict[str, list[np.ndarray]] = {each: [] for each in details}
    for number in range(len(next(iter(runs.values())))):
        for each, buffer in inputs.items():
            buffer.write(np.ascontiguousarray(runs[each][number]))
        model.run_by_name(name, inputs, outputs)
        for each, detail in details.items():
            shape = tuple(map(int, detail["shape"]))
            kept[each].append(outputs[each].read(
                int(np.prod(shape)), np.dtype(detail["dtype"])).reshape(shape))
    np.savez(made, allow_pickle=False, **{each: np.stack(kept[each]) for each in kept})


if __name__ == "__main__":
    _main(*sys.argv[1:])
