"""Whether a file takes and gives what its contract and the model say."""

import typing

import numpy as np

from keras_seqattn.edge.calibration import holds_images, scaled_otherwise
from keras_seqattn.edge.check.report import Report
from keras_seqattn.edge.contract.contract import facts_of
from keras_seqattn.edge.run.runner import Runner

Contract: typing.TypeAlias = dict[str, typing.Any]


def judge_interface(report: Report, contract: Contract, wanted: dict[str, str]) -> None:
    """Holds names, shapes and dtypes of what goes in and out against contract and model.

    Args:
        report: `Report` that grows.
        contract: The file's contract.
        wanted: The model's dtype of each input by its name.
    """
    for kind in ("inputs", "outputs"):
        found = getattr(report, kind)
        promised = [{key: each[key] for key in ("name", "shape", "dtype")}
                    for each in contract.get(kind, ())]
        if promised and sorted(promised, key=str) != sorted(found, key=str):
            report.failures.append(f"the contract promises {kind} {promised}, the file has {found}")
    given = {each["name"]: each["dtype"] for each in report.inputs}
    if wanted and set(wanted) != set(given):
        report.warnings.append(
            f"inputs are named {sorted(given)} in the file, {sorted(wanted)} in the model")
    report.failures += [
        f"input {name} is {given[name]} in the file, {dtype} in the model"
        for name, dtype in wanted.items() if given.get(name, dtype) != dtype]


def judge_signatures(report: Report, runner: Runner) -> None:
    """Holds shapes of what each signature takes and gives against the contract."""
    for said in runner.contract.get("signatures", ()):
        alone = runner.signatures[said["name"]]
        for kind in ("inputs", "outputs"):
            if said[kind] != (found := facts_of(getattr(alone, kind))):
                report.failures.append(f"the contract promises {kind} {said[kind]} of signature "
                                       f"{said['name']}, the file has {found}")


def judge_scale(report: Report, contract: Contract, arrays: dict[str, np.ndarray]) -> None:
    """Warns where the examples are no pixels on the scale that the contract tells."""
    for each in contract.get("inputs", ()):
        if each.get("content") == "image" and holds_images(arrays.get(each["name"], np.empty(0))):
            text = scaled_otherwise(arrays[each["name"]], each["mean"], each["std"])
            report.warnings += [] if text is None else [text]
