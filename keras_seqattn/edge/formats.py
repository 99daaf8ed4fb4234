"""The file formats that a model can leave in, one row each.

Nothing else in the package asks for a suffix: whoever has a path calls `of` and uses the row. So a
further format is a row here, and a room of its own beside `tflite` and `onnx`.
"""

import collections.abc
import os
import pathlib
import typing

import numpy as np

from keras_seqattn.edge.contract.facts import Facts
from keras_seqattn.edge.onnx import file as onnx_file
from keras_seqattn.edge.onnx.session import Session as OnnxSession
from keras_seqattn.edge.precisions import ALL_PRECISIONS
from keras_seqattn.edge.tflite import contract_in_file, processors, reader, runtimes
from keras_seqattn.edge.tflite.facts import tflite_facts
from keras_seqattn.edge.tflite.quantize import remaining, stages
from keras_seqattn.edge.tflite.session import Session as TfliteSession
from keras_seqattn.errors import explain, nearest

REJECTED = ".rejected"  # after the suffix of a file that failed verification


class Session(typing.Protocol):
    """A file under its runtime. Threads may share it.

    One of a format with several signatures has a function `of` from a signature's name to another
    session.

    Attributes:
        inputs: Name of each input to its `"shape"`, `"dtype"` and maybe `"quantization"`.
        outputs: The same of the outputs.
        contract: What the file says of itself; empty if it is another program's.
    """

    inputs: dict[str, dict]
    outputs: dict[str, dict]
    contract: dict[str, typing.Any]

    def run(self, /, **arrays: np.ndarray) -> dict[str, np.ndarray]:
        """Runs the file once: arrays by input name to arrays by output name."""


def _calls(graph: typing.Any) -> list[str]:
    """Names of the nodes of a graph that call an operation of Keras."""
    return [node.name for node in graph.nodes if node.kind == "call"]


class Format(typing.NamedTuple):
    """What is particular to a kind of file.

    Attributes:
        suffix: Suffix of its files, with the dot.
        converter: Dotted name of the module that converts, in a process of its own. Its function
            is `convert(saved_model, out, precision, examples=None)`. `saved_model` is a folder,
            `out` the file to write, `examples` the path of an `.npz` to calibrate on.
        session: Function `(file, threads)` that opens a file. That of a format that can write
            sequences takes the name of a `signature` too.
        write: Function that writes a contract into a file.
        minimum: Function from a file to the first release of its runtime that computes the file
            rightly, `None` if unknown.
        lacking: Function from a file and a release of its runtime (or `None`) to reasons why the
            release does not compute the file, one sentence each.
        facts: Function from a `Runner`, and examples for each of its signatures, to `Facts`.
        precisions: Names of the precisions that it has.
        largest: Bytes of weights in float32 that one file can hold.
        fuses: Whether a recurrent layer becomes one op.
        shares_names: Whether an input and an output may have one name.
        unknown: Function from a graph to the names of the nodes that only the converter knows.
        write_graphs: Function that writes graphs without the converter, or `None`.
        keeps_float: Whether layers can be told to stay in float.
        remaining: Function from a file and a precision to notes on what stayed in float.
        processors: Function from a file to the signatures that each processor takes whole, or
            `None` where the format does not tell.
        tokenizer: Function from a file to the text of its tokenizer; `None` for a format that
            cannot hold a model that writes sequences.
    """

    suffix: str
    converter: str
    session: collections.abc.Callable[..., Session]
    write: collections.abc.Callable[..., None]
    minimum: collections.abc.Callable[[pathlib.Path], str | None]
    lacking: collections.abc.Callable[[pathlib.Path, str | None], list[str]]
    facts: collections.abc.Callable[..., Facts]
    precisions: collections.abc.Collection[str]
    largest: int
    fuses: bool = False
    shares_names: bool = True
    unknown: collections.abc.Callable[..., list[str]] = _calls
    write_graphs: collections.abc.Callable[..., int] | None = None
    keeps_float: bool = False
    remaining: collections.abc.Callable[..., list[str]] = lambda file, precision: []
    processors: collections.abc.Callable[
        [os.PathLike | str], dict[str, list[str]] | None] = lambda file: None
    tokenizer: collections.abc.Callable[[os.PathLike | str], str | None] | None = None

    @property
    def writes(self) -> bool:
        """Whether its files can hold a model that writes sequences."""
        return self.tokenizer is not None


FORMATS = {each.suffix: each for each in (
    Format(
        ".tflite", "keras_seqattn.edge.tflite.converter.convert", TfliteSession,
        contract_in_file.write, runtimes.minimum, runtimes.lacking, tflite_facts,
        tuple(ALL_PRECISIONS), reader.LARGEST, fuses=True, unknown=stages.unknown,
        write_graphs=stages.write, keeps_float=True, remaining=remaining.notes,
        processors=processors.taken, tokenizer=contract_in_file.tokenizer),
    Format(
        ".onnx", "keras_seqattn.edge.onnx.convert", OnnxSession, onnx_file.write,
        onnx_file.minimum, onnx_file.lacking, onnx_file.facts, onnx_file.PRECISIONS,
        onnx_file.LARGEST, shares_names=False),
)}


def of(path: os.PathLike | str) -> Format:
    """Finds the format of a file by its suffix.

    Args:
        path: The file, which need not exist. A rejected file, such as `vit.tflite.rejected`, keeps
            its format.

    Returns:
        `Format`.

    Raises:
        ValueError: the suffix is not that of a known format.

    >>> of("vit.tflite").suffix, of("vit.onnx.rejected").suffix
    ('.tflite', '.onnx')
    """
    suffix = pathlib.Path(str(path).removesuffix(REJECTED)).suffix
    if suffix not in FORMATS:
        raise ValueError(explain("the suffix of a file must be that of a known format",
                                 file=str(path), fix=nearest(suffix, FORMATS)))
    return FORMATS[suffix]
