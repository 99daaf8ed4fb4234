"""The contract of an exported file: what goes in and comes out, labels, golden values, a checksum.

A `.tflite` file carries it twice. TFLite's own metadata, which MediaPipe reads, lies in the
flatbuffer. The contract itself is `contract.json` in a ZIP archive at the file's end, beside
`labels.txt`: runtimes ignore it and `unzip -p FILE contract.json` shows it. The archive's comment
is the file's checksum.
"""

import hashlib
import json
import math
import pathlib
import zipfile

import numpy as np

from keras_seqattn.edge.contract import checksum
from keras_seqattn.errors import explain
from keras_seqattn.files import whole

FORMAT = 1
CONTRACT, LABELS, TOKENIZER = "contract.json", "labels.txt", "tokenizer.json"
GOLDEN_VALUES = 32


def describe(backend, *, name, precision, labels=None, mean=127.5, std=127.5, licence=None,
             minimum_runtime=None):
    """Builds the contract of a file, and runs the file once for its golden values.

    Args:
        backend: What runs the file: `inputs`, `outputs`, `run(**arrays)`, as `run.backend` gives.
        name: Name of the model.
        precision: AI Edge Quantizer's name of the precision.
        labels: Names of the classes, one line each, in the order of the logits.
        mean: Subtracted from 8-bit pixels before they enter a float image input; one number, or
            one per channel.
        std: Divides what remains.
        licence: Terms of use of the weights, such as an SPDX name.
        minimum_runtime: First release of the runtime that computes the file rightly, `None` if
            unknown; `runtimes.minimum` finds it for a `.tflite` file.

    Returns:
        Dictionary for JSON.

    Raises:
        ValueError: labels that are no lines, or not one per logit.
    """
    inputs = [_input(name, detail, mean, std) for name, detail in backend.inputs.items()]
    outputs = facts_of(backend.outputs)
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
        "labels": labels, "golden": _golden(backend, inputs)}


def golden_input(shape, dtype, mean=None, std=None):
    """Makes the input that a file's golden outputs belong to.

    Value `i` of the flattened array comes from the byte `(i · 2654435761 mod 2**32) >> 24`. It is
    taken as it is for 8-bit and 16-bit integers (of signed 8 bits its bit pattern), for floats of
    an image as `(byte - mean) / std`, for other floats as `byte / 127.5 - 1`, computed in float32.
    Wider integers, which count or point into a table, take its lowest bit, and so do booleans.

    Args:
        shape: Shape of the input.
        dtype: NumPy dtype or its name.
        mean: Of an image in floats: subtracted from the pixels, one number or one per channel.
        std: Of an image in floats: divides what remains.

    Returns:
        NumPy array.

    >>> golden_input((1, 5), "uint8").tolist()
    [[0, 158, 60, 218, 120]]
    >>> golden_input((2,), "float32").tolist()
    [-1.0, 0.239215686917305]
    """
    dtype = np.dtype(dtype)
    count = np.arange(math.prod(shape), dtype="uint64")
    values = ((count * 2654435761 % 2**32) >> 24).astype("uint8").reshape(shape)
    if dtype.kind == "f":
        mean, std = (127.5, 127.5) if mean is None else (mean, std)
        return normalise(values, mean, std).astype(dtype)
    if dtype.itemsize > 2 or dtype.kind == "b":
        values = values & 1
    return values.view(dtype) if dtype == "int8" else values.astype(dtype)


def normalise(pixels, mean, std):
    """Brings 8-bit pixels to the scale of a model: `(pixels - mean) / std` in float32."""
    return (pixels.astype("float32") - np.float32(mean)) / np.float32(std)


def write(path, contract, tokenizer=None):
    """Writes a contract into a `.tflite` file, with TFLite's metadata, labels and a checksum.

    The same file and contract give the same bytes. The file is not unpacked: it is copied once, and
    memory stays at a few MiB whatever its size.

    Args:
        path: File; it must not have a contract yet.
        contract: What `describe` returns.
        tokenizer: Text of a tokenizer, of a file that writes sequences.

    Raises:
        ValueError: the file has a contract, or its folder cannot be written.
    """
    from keras_seqattn.edge.tflite import head, tables

    path = pathlib.Path(path)
    if read(path):
        raise ValueError(explain("`path` must not have a contract yet", path=str(path),
                                 fix="write into a copy of the converter's file"))
    runtime = contract["minimum_runtime"] or ""
    with whole(path) as temporary:
        entries = {"min_runtime_version": runtime.encode().ljust(16, b"\0"), checksum.MARK: b"\0"}
        members = {CONTRACT: _json(contract)}
        if tokenizer is not None:
            members[TOKENIZER] = tokenizer
        else:  # TFLite's tables describe files of one signature
            entries[tables.NAME] = tables.metadata(path, contract, LABELS)
        head.write(path, temporary, entries)
        if contract["labels"]:
            members[LABELS] = "\n".join(contract["labels"]) + "\n"
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.comment = checksum.PLACE
            for name, text in members.items():
                archive.writestr(zipfile.ZipInfo(name), text)
        checksum.seal(temporary)


def read(path):
    """Reads the contract of a `.tflite` file, after the file's checksum.

    Args:
        path: File.

    Returns:
        Dictionary; empty if the file is another program's.

    Raises:
        ValueError: the file is damaged, or its contract is of another format.
    """
    if not checksum.sealed(path):
        return {}
    try:
        with zipfile.ZipFile(path) as archive:
            contract = json.loads(archive.read(CONTRACT))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ValueError(explain("the file must have its contract", file=str(path),
                                 error=str(error), fix="export it again")) from error
    if contract.get("format") != FORMAT:
        raise ValueError(explain(
            "the contract must be of a format that this release knows", file=str(path),
            format=contract.get("format"), known=FORMAT, fix="install a newer keras_seqattn"))
    return contract


def tokenizer(path):
    """Reads the text of the tokenizer of a file that `read` has read; `None` if it has none."""
    with zipfile.ZipFile(path) as archive:
        return archive.read(TOKENIZER).decode() if TOKENIZER in archive.namelist() else None


def facts_of(details):
    """Name, shape and dtype of each input or output of a backend."""
    return [{"name": name, **_shape_and_dtype(detail)} for name, detail in details.items()]


def write_beside(path, contract):
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
        temporary.write_text(_json({**contract, **facts}) + "\n", encoding="utf-8")
    return path.with_suffix(".json")


def _json(contract):
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


def _golden(backend, inputs):
    arrays = {each["name"]: golden_input(
        each["shape"], each["dtype"], each.get("mean"), each.get("std")) for each in inputs}
    outputs = {name: np.asarray(array) for name, array in backend.run(**arrays).items()}
    first = next(iter(backend.outputs))
    values = {name: [float(value) for value in array.ravel()[:GOLDEN_VALUES].astype("float32")]
              for name, array in outputs.items()}
    return {"seed": 0, "input_sha256": _sha256(arrays.values()),
            "output_sha256": _sha256([outputs[first]]), "outputs": values}


def _sha256(arrays):
    joined = b"".join(array.astype(array.dtype.newbyteorder("<")).tobytes() for array in arrays)
    return hashlib.sha256(joined).hexdigest()
