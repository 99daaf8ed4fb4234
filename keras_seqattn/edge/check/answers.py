"""What only classes have: agreement, divergence and accuracy."""

import typing

import numpy as np

from keras_seqattn.edge.check import compare
from keras_seqattn.edge.check.report import Report
from keras_seqattn.edge.contract import content
from keras_seqattn.errors import explain

Contract: typing.TypeAlias = dict[str, typing.Any]


def named(contract: Contract, names: list[str]) -> str:
    """The output that tells classes: the one that the contract names, or the first."""
    said = [each["name"] for each in contract.get("outputs", ())
            if each.get("content") in content.CLASSES]
    return next((name for name in said if name in names), names[0])


def measure(report: Report, contract: Contract, name: str, expected: np.ndarray,
            actual: np.ndarray, targets: np.ndarray | None) -> None:
    """Measures what only logits have, `(n, K)`, and how many classes are right.

    Args:
        report: `Report` that grows.
        contract: The file's contract.
        name: Name of the output.
        expected: What the model gives.
        actual: What the file gives.
        targets: Classes of the examples, `(n,)`, or `None`.

    Raises:
        ValueError: a class that the model does not tell apart.
    """
    if expected.ndim == 2 and expected.shape[1] > 1 and expected.dtype.kind == "f":
        report.kl_divergence = compare.kl_divergence(expected, actual)
        report.top1_agreement = compare.agreement(expected, actual)
        if expected.shape[1] > 5:
            report.top5_agreement = compare.agreement(expected, actual, top=5)
    if targets is None:
        return
    columns = expected.shape[1] if expected.ndim == 2 else None
    known = max(2, columns) if columns else None
    if expected.ndim > 2 or (known and targets.max(initial=0) >= known):
        raise ValueError(explain(
            "`targets` must be classes that the model tells apart",
            largest=int(targets.max(initial=0)), output_shape=expected.shape,
            fix="pass classes from 0 to K - 1 of an output (n, K)"))
    middle = _middle(contract, name)
    report.accuracy = {"keras": compare.accuracy(expected, targets, middle),
                       "edge": compare.accuracy(actual, targets, middle),
                       "examples": len(targets)}


def _middle(contract, name):
    """Above which value an output of one value says yes."""
    shares = any(each["name"] == name and each.get("content") in (
        content.PROBABILITIES, content.INDEPENDENT) for each in contract.get("outputs", ()))
    return 0.5 if shares else 0.0
