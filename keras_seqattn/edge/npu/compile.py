"""From a portable file to one whose ops are a program of an NPU, and what the compiler left out.

The compiler runs in a process of its own. Its end is one line here.
"""

import collections.abc
import os
import pathlib
import signal
import subprocess
import tempfile

from keras_seqattn.edge.contract.contract import check_beside, write_beside
from keras_seqattn.edge.npu import chips as known
from keras_seqattn.edge.npu import libraries, log
from keras_seqattn.edge.npu.report import Compiled, NpuReport
from keras_seqattn.edge.npu.restate import restate
from keras_seqattn.edge.tflite import contract_in_file, reader
from keras_seqattn.edge.tflite.session import DISPATCH, check_file
from keras_seqattn.errors import ExportError, explain
from keras_seqattn.files import existing, whole

# The plugin is linked against this library and calls it for another processor only.
UNUSED, IN_ITS_PLACE = "libQnnLpai.so", "libQnnSystem.so"


def compile_for_npu(file: os.PathLike | str,
                    chips: str | collections.abc.Iterable[str] | None = None, *,
                    write: bool = True) -> NpuReport:
    """Compiles a `.tflite` file for the NPUs of Snapdragon chips.

    The file for a chip lies beside the portable one, such as `vit.SM8750.tflite`. It runs on that
    chip with Qualcomm's libraries alone, so an app needs the portable file too. Its contract is
    that of the portable file, with chip and SDK in the field `npu`. It has no golden values, since
    those of the CPU are not those of the NPU.

    Weights of 4 bits, and those of 8 bits outside dense layers with float inputs, become the floats
    that they stand for: the compiler takes nothing else. The NPU computes on floats of 16 bits.

    Args:
        file: Path of a `.tflite` file of this library, or of another program.
        chips: Names of chips such as `"SM8750"`; all that are known by default.
        write: Whether to write the files. If not, the report alone is made.

    Returns:
        `NpuReport`. A chip that the file does not suit has an `error` there and gets no file.

    Raises:
        ValueError: a chip is not known. The file is missing, is compiled already or is no
            `.tflite` file.
        ExportError: this machine cannot compile, see `libraries.find`. With `write` also if no
            chip takes the file.

    Cost: about a second for each chip and MiB of weights.
    """
    asked, path = known.of(chips), existing(pathlib.Path(file))
    _check(path)
    tools = libraries.find()
    with tempfile.TemporaryDirectory() as folder:
        out, restated = (pathlib.Path(folder) / name for name in ("made.tflite", "floats.tflite"))
        report = NpuReport(str(path), None, restate(path, restated), {})
        taken = restated if report.floats else path
        graphs = _graphs(taken)
        for chip in asked:
            made, sdk = _compiled(tools, taken, chip, out, graphs)
            report.chips[chip.name], report.sdk = made, sdk or report.sdk
            if write and made.error is None:
                made.file = str(_keep(path, out, made, sdk))
    if write and not any(each.file for each in report.chips.values()):
        raise ExportError(explain(
            "at least one of the chips must take the file", file=str(path),
            **{each.chip: each.error for each in report.chips.values()},
            fix="export static_wi8_ai16, which chips without floats take too, or float32"))
    return report


def _check(path):
    """Refuses what is no portable `.tflite` file."""
    if path.suffix != ".tflite":
        raise ValueError(explain("files for NPUs are made of .tflite files", file=str(path),
                                 fix="export the model as .tflite"))
    check_file(path)
    if DISPATCH in reader.custom_ops(path):
        raise ValueError(explain("the file must not be compiled already", file=str(path),
                                 fix="pass the portable file that it was compiled from"))


def _graphs(path):
    """Name and number of ops of each graph of a file, by its number."""
    file = reader.read(path)
    names = {file.graphs.index(each.graph): each.name for each in file.signatures} or {0: "main"}
    for number in list(names):
        for op in file.graphs[number].ops:
            if op.name == "WHILE":
                names[op.options["condSubgraphIndex"]] = f"{names[number]}/condition"
                names[op.options["bodySubgraphIndex"]] = f"{names[number]}/loop"
    return {number: (names.get(number, str(number)), len(graph.ops))
            for number, graph in enumerate(file.graphs)}


def _compiled(tools, path, chip, out, graphs):
    """Runs the compiler, where it fails without loops; returns `Compiled` and the SDK's version."""
    numbers = list(graphs)
    seen, error, sdk = _run(tools, path, chip, out, numbers)
    note, outside = None, [number for number in numbers if "/" not in graphs[number][0]]
    if error is not None and len(outside) < len(numbers):
        without, failed, _ = _run(tools, path, chip, out, outside)
        if failed is None:
            seen, error, note = without, None, error
    named = {name: seen.get(number, log.Graph(ops, 0, 0, ()))
             for number, (name, ops) in graphs.items()}
    return Compiled(chip.name, chip.architecture, named, error, note=note), sdk


def _run(tools, path, chip, out, numbers):
    """What becomes of each of some graphs, what ended the compiler, and the SDK's version."""
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / UNUSED).symlink_to(tools.qualcomm / IN_ITS_PLACE)
        out.unlink(missing_ok=True)
        result = subprocess.run(
            [tools.compiler, "--cmd=apply", f"--model={path}", f"--o={out}",
             "--soc_manufacturer=Qualcomm", f"--soc_model={chip.name}", f"--libs={tools.plugin}",
             f"--subgraphs={','.join(map(str, numbers))}", "--err=--"],
            capture_output=True, text=True, errors="replace", check=False, env={
                **os.environ,
                "LD_LIBRARY_PATH": os.pathsep.join([folder, *map(str, tools.folders)])})
    graphs, error = log.graphs(result.stderr), None
    if result.returncode < 0:
        error = f"the compiler ended by {signal.Signals(-result.returncode).name}"
    elif result.returncode or not out.exists() or len(graphs) < len(numbers):
        error = log.failure(result.stderr, result.stdout)
    return graphs, error, log.sdk(result.stderr)


def _keep(path, out, made, sdk):
    """Gives a compiled file its contract and its place."""
    place = path.with_name(f"{path.stem}.{made.chip}{path.suffix}")
    check_beside(place)
    portable = contract_in_file.read(path)
    contract = {key: each for key, each in portable.items() if key != "golden"}
    contract["npu"] = {
        "chip": made.chip, "architecture": made.architecture, "sdk": sdk,
        "signatures": made.signatures, "libraries": libraries.VERSIONS}
    with whole(place) as temporary:
        temporary.write_bytes(out.read_bytes())
        if portable:
            contract_in_file.append(
                temporary, contract, contract_in_file.tokenizer(path))
    write_beside(place, contract)
    return place
