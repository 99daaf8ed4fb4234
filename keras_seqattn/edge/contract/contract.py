"""The contract of an exported file: its inputs and outputs, labels and golden values."""

import collections.abc
import hashlib
import json
import os
import pathlib
import typing

import numpy as np

from keras_seqattn.edge.contract import checksum, content
from keras_seqattn.edge.contract.outputs import beyond, decide
from keras_seqattn.edge.contract.pixels import golden_input
from keras_seqattn.errors import explain
from keras_seqattn.files import whole

FORMAT = 2  # 1 had one list of labels, and took the first output of rank 2 for logits
GOLDEN_VALUES = 32


def describe(session: typing.Any, *, name: str, precision: str,
             inputs: collections.abc.Iterable[str] = (),
             outputs: dict[str, dict[str, typing.Any]] | None = None, mean: typing.Any = 127.5,
             std: typing.Any = 127.5, licence: str | None = None,
             minimum_runtime: str | None = None, signatures: collections.abc.Sequence[str] = (),
             processors: collections.abc.Mapping[str, list[str]] | None = None,
             ) -> dict[str, typing.Any]:
    """Builds the contract of a file, and runs the file once for its golden values.

    Args:
        session: What runs the file, a `formats.Session`.
        name: Name of the model.
        precision: AI Edge Quantizer's name of the precision.
        inputs: Names of the inputs in the model's order.
        outputs: What `outputs.decide` returned. By default what the session alone tells.
        mean: Subtracted from 8-bit pixels before they enter a float image input. One number, or
            one per channel.
        std: Divides what remains.
        licence: Terms of use of the weights, such as an SPDX name.
        minimum_runtime: First release of the runtime that computes the file rightly, `None` if
            unknown.
        signatures: Names of the file's signatures, which `session` runs the first of. If there are
            several, the contract lists the shapes of each.
        processors: Names of the signatures that each processor takes whole, by `"cpu"` and
            `"gpu"`; `None` if unknown.

    Returns:
        Dictionary for JSON.
    """
    meant = decide(session.outputs) if outputs is None else outputs
    taken = [_input(each, session.inputs[each], mean, std)
             for each in dict.fromkeys((*inputs, *session.inputs))]
    details = {each: session.outputs[each] for each in dict.fromkeys((*meant, *session.outputs))}
    golden, values = _golden(session, taken, details)
    given = [{**facts, **meant.get(facts["name"], {"content": beyond(facts["name"])})}
             for facts in facts_of(details)]
    for each in given:
        if each["content"] is None:
            likely = content.sums_to_one(values[each["name"]])
            each["content"] = content.PROBABILITIES if likely else content.LOGITS
    contract = {
        "format": FORMAT, "name": name, "licence": licence, "precision": precision,
        "minimum_runtime": minimum_runtime,
        **({} if processors is None else {"processors": processors}),
        "inputs": taken, "outputs": given, "golden": golden}
    if len(signatures) > 1:
        order = {"inputs": [each["name"] for each in taken], "outputs": list(details)}
        contract["signatures"] = [{"name": each, **_interface(session.of(each), order)}
                                  for each in signatures]
    return contract


def current(contract: dict[str, typing.Any], file: os.PathLike | str) -> dict[str, typing.Any]:
    """Brings a contract of an earlier release into the form of this one.

    Args:
        contract: What a file holds; empty if it is another program's.
        file: The file.

    Returns:
        The contract in format `FORMAT`, or what was given if that names no format.

    Raises:
        ValueError: the contract is of a later format.
    """
    form = contract.get("format", FORMAT)
    if form == FORMAT:
        return contract
    if form != 1:
        raise ValueError(explain(
            "the contract must be of a format that this release knows", file=str(file),
            format=form, known=FORMAT, fix="install a newer keras_seqattn"))
    labels = contract.get("labels")
    outputs = [{**each, "labels": labels} if labels and each["content"] == content.LOGITS else each
               for each in contract.get("outputs", ())]
    kept = {key: each for key, each in contract.items() if key != "labels"}
    return {**kept, "format": FORMAT, "outputs": outputs}


def _interface(session, order):
    """Inputs and outputs of a session, each in the order of their names."""
    return {kind: facts_of({name: getattr(session, kind)[name] for name in names})
            for kind, names in order.items()}


def facts_of(details: dict[str, dict]) -> list[dict[str, typing.Any]]:
    """Name, shape and dtype of each input or output of a `formats.Session`."""
    return [{"name": name, **_shape_and_dtype(detail)} for name, detail in details.items()]


def beside(path: os.PathLike | str) -> pathlib.Path:
    """Path of the contract beside a file: `vit.tflite.json` of `vit.tflite`."""
    path = pathlib.Path(path)
    return path.with_name(f"{path.name}.json")


def check_beside(path: os.PathLike | str) -> None:
    """Refuses to write a contract over a file that is none.

    Args:
        path: The exported file.

    Raises:
        ValueError: there is another file in the contract's place.
    """
    place = beside(path)
    try:
        held = json.loads(place.read_text(encoding="utf-8")) if place.exists() else {"sha256": ""}
    except OSError as error:
        raise ValueError(explain(
            "the contract's place beside the file must be readable", file=str(place)[:200],
            error=error.strerror, fix="give the export another name")) from error
    except ValueError:
        held = None
    if not isinstance(held, dict) or "sha256" not in held:
        raise ValueError(explain(
            "the contract's place beside the file must be free", file=str(place),
            fix="move that file, or give the export another name"))


def write_beside(path: os.PathLike | str, contract: dict) -> pathlib.Path:
    """Writes the contract, size in bytes and SHA-256 of a finished file beside the file.

    Args:
        path: The file, such as `vit.tflite`.
        contract: What `describe` returned.

    Returns:
        `pathlib.Path` of the JSON file, such as `vit.tflite.json`.

    Raises:
        ValueError: the folder cannot be written.
    """
    path = pathlib.Path(path)
    facts = {"sha256": checksum.sha256(path), "bytes": path.stat().st_size}
    with whole(beside(path)) as temporary:
        temporary.write_text(as_json({**contract, **facts}) + "\n", encoding="utf-8")
    return beside(path)


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


def _golden(session, inputs, outputs):
    """The golden values, and all that came out with the golden inputs."""
    arrays = {each["name"]: golden_input(
        each["shape"], each["dtype"], each.get("mean"), each.get("std")) for each in inputs}
    run = session.run(**arrays)
    made = {name: np.asarray(run[name]) for name in outputs}
    values = {name: [float(value) for value in array.ravel()[:GOLDEN_VALUES].astype("float32")]
              for name, array in made.items()}
    return {"seed": 0, "input_sha256": _sha256(arrays.values()),
            "output_sha256": _sha256([next(iter(made.values()))]), "outputs": values}, made


def _sha256(arrays):
    joined = b"".join(array.astype(array.dtype.newbyteorder("<")).tobytes() for array in arrays)
    return hashlib.sha256(joined).hexdigest()
