"""The contract of an exported file: its inputs and outputs, labels and golden values."""

import collections.abc
import hashlib
import json
import os
import pathlib
import typing

import numpy as np

from keras_seqattn.edge.contract import checksum
from keras_seqattn.edge.contract.pixels import golden_input
from keras_seqattn.errors import explain
from keras_seqattn.files import whole

FORMAT = 1
GOLDEN_VALUES = 32


def describe(session: typing.Any, *, name: str, precision: str,
             labels: collections.abc.Iterable[str] | None = None, mean: typing.Any = 127.5,
             std: typing.Any = 127.5, licence: str | None = None,
             minimum_runtime: str | None = None) -> dict[str, typing.Any]:
    """Builds the contract of a file, and runs the file once for its golden values.

    Args:
        session: What runs the file, a `formats.Session`.
        name: Name of the model.
        precision: AI Edge Quantizer's name of the precision.
        labels: Names of the classes, one line each, in the order of the logits.
        mean: Subtracted from 8-bit pixels before they enter a float image input. One number, or
            one per channel.
        std: Divides what remains.
        licence: Terms of use of the weights, such as an SPDX name.
        minimum_runtime: First release of the runtime that computes the file rightly, `None` if
            unknown.

    Returns:
        Dictionary for JSON.

    Raises:
        ValueError: labels that are no lines, or not one per logit.
    """
    inputs = [_input(name, detail, mean, std) for name, detail in session.inputs.items()]
    outputs = facts_of(session.outputs)
    logits = next((each for each in outputs if len(each["shape"]) == 2), None)
    for each in outputs:
        each["content"] = ("attention" if each["name"] == "attention" else
                           "logits" if each is logits else "tensor")
    if labels is not None:
        labels = list(labels)
        if any(not label.strip() or len(label.splitlines()) != 1 for label in labels):
            raise ValueError(explain("each of `labels` must be one line of text", labels=labels,
                                     fix="name every class, without line breaks"))
        if logits is None or logits["shape"][-1] != len(labels):
            raise ValueError(explain(
                "`labels` must name every logit", labels=labels,
                outputs=[(each["name"], each["shape"]) for each in outputs],
                fix="pass one name per logit, in order"))
    return {
        "format": FORMAT, "name": name, "licence": licence, "precision": precision,
        "minimum_runtime": minimum_runtime, "inputs": inputs, "outputs": outputs,
        "labels": labels, "golden": _golden(session, inputs)}


def facts_of(details: dict[str, dict]) -> list[dict[str, typing.Any]]:
    """Name, shape and dtype of each input or output of a `formats.Session`."""
    return [{"name": name, **_shape_and_dtype(detail)} for name, detail in details.items()]


def write_beside(path: os.PathLike | str, contract: dict) -> pathlib.Path:
    """Writes `FILE.json` beside a finished file: its contract, size in bytes and SHA-256.

    Args:
        path: The file, such as `vit.tflite`.
        contract: What `describe` returned.

    Returns:
        `pathlib.Path` of the JSON file, such as `vit.json`.

    Raises:
        ValueError: the folder cannot be written.
    """
    path = pathlib.Path(path)
    facts = {"sha256": checksum.sha256(path), "bytes": path.stat().st_size}
    with whole(path.with_suffix(".json")) as temporary:
        temporary.write_text(as_json({**contract, **facts}) + "\n", encoding="utf-8")
    return path.with_suffix(".json")


def as_json(contract: dict) -> str:
    """Text of a contract, as it stands in and beside files."""
    return json.dumps(contract, indent=1, ensure_ascii=False)


def _input(name, detail, mean, std):
    facts = {"name": name, **_shape_and_dtype(detail)}
    shape = facts["shape"]
    if len(shape) != 4 or shape[-1] not in (1, 3):
        return {**facts, "content": "tensor"}
    mean, std = (0, 1) if facts["dtype"] == "uint8" else (mean, std)
    return {**facts, "content": "image", "mean": np.asarray(mean).tolist(),
            "std": np.asarray(std).tolist()}


def _shape_and_dtype(detail):
    return {"shape": [int(size) for size in detail["shape"]],
            "dtype": np.dtype(detail["dtype"]).name}


def _golden(session, inputs):
    arrays = {each["name"]: golden_input(
        each["shape"], each["dtype"], each.get("mean"), each.get("std")) for each in inputs}
    outputs = {name: np.asarray(array) for name, array in session.run(**arrays).items()}
    first = next(iter(session.outputs))
    values = {name: [float(value) for value in array.ravel()[:GOLDEN_VALUES].astype("float32")]
              for name, array in outputs.items()}
    return {"seed": 0, "input_sha256": _sha256(arrays.values()),
            "output_sha256": _sha256([outputs[first]]), "outputs": values}


def _sha256(arrays):
    joined = b"".join(array.astype(array.dtype.newbyteorder("<")).tobytes() for array in arrays)
    return hashlib.sha256(joined).hexdigest()
