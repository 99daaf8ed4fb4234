"""A `.tflite` file under LiteRT, one example at a time."""

import contextlib
import copy
import functools
import os
import threading
import typing

import numpy as np

from keras_seqattn.edge.structures import batch_size
from keras_seqattn.edge.tflite import contract_in_file, schema
from keras_seqattn.errors import ExportError, explain

MAIN = "greedy"     # the signature that runs a file that writes sequences
DISPATCH = "DISPATCH_OP"    # what hands tensors to a program of an NPU


class _Opened:
    """A file under LiteRT's interpreter, which is closed between two runs if someone asks."""

    def __init__(self, file, threads):
        self._file, self._threads = file, threads
        self._runners: dict[str, typing.Any] = {}
        self._interpreter: typing.Any = None
        self.turn = threading.Lock()

    @property
    def interpreter(self):
        from ai_edge_litert.interpreter import Interpreter

        if self._interpreter is None:
            self._interpreter = Interpreter(str(self._file), num_threads=self._threads)
        return self._interpreter

    def runner(self, signature):
        if signature not in self._runners:
            self._runners[signature] = self.interpreter.get_signature_runner(signature)
        return self._runners[signature]

    def close(self):
        with self.turn:
            self._runners, self._interpreter = {}, None


class Session:
    """A `.tflite` file as a function of named arrays.

    LiteRT's interpreter has one place for each tensor. So runs of several threads wait for each
    other.

    Args:
        file: Path of the file.
        threads: CPU threads to run on.
        signature: Name of the signature to run. Defaults to `greedy`, or to the first.

    Attributes:
        inputs: LiteRT's details of each input by name, in the order of the names.
        outputs: The same of the outputs.
        contract: What the file says of itself; empty if it is another program's.

    Raises:
        ValueError: the file is missing, damaged or no `.tflite` file.
    """

    def __init__(self, file: str | os.PathLike, threads: int = 2, signature: str | None = None):
        check_file(file)
        self.file = file
        self.contract = contract_in_file.read(file)
        if self.contract.get("npu") is not None:
            raise ValueError(explain(
                "a file compiled for an NPU runs on that chip alone, by LiteRT's dispatch",
                file=str(file), npu=self.contract["npu"],
                fix="open the portable file that it was compiled from"))
        self._opened = _Opened(file, threads)
        try:
            self._take(_main(self.interpreter) if signature is None else signature)
        except (ValueError, RuntimeError, OSError) as error:
            raise ValueError(explain(
                "`file` must be a .tflite file that LiteRT can run", file=str(file),
                error=" ".join(str(error).split()), fix="export it again")) from error

    @property
    def interpreter(self) -> typing.Any:
        """LiteRT's interpreter."""
        return self._opened.interpreter

    def of(self, signature: str) -> "Session":
        """Returns the same file as a function of another signature's inputs.

        Both have one interpreter, so the weights are in memory once.

        Args:
            signature: Name of the signature.
        """
        other = copy.copy(self)
        other._take(signature)
        return other

    def _take(self, signature):
        """Runs a signature from here on."""
        self._signature = signature
        runner = self._opened.runner(signature)
        self.inputs: dict[str, typing.Any] = runner.get_input_details()
        self.outputs: dict[str, typing.Any] = runner.get_output_details()

    def run(self, /, **arrays: np.ndarray) -> dict[str, np.ndarray]:
        """Runs a signature once: arrays by input name to arrays by output name.

        Raises:
            ExportError: LiteRT refuses an op of the file.
        """
        with self._opened.turn, _explained(self.file):
            return self._opened.runner(self._signature)(**arrays)

    def close(self) -> None:
        """Gives the interpreter's memory back; the next run opens the file again."""
        self._opened.close()


def kept_runs(file: str | os.PathLike, examples: typing.Mapping[str, np.ndarray],
              signature: str | None = None, graph: int = 0,
              ) -> typing.Iterator[typing.Callable[[int], np.ndarray]]:
    """Runs a signature on examples, as many in a run as it takes, every tensor kept.

    The last run is filled up with copies of the last example.

    Args:
        file: Path of the file.
        examples: Array `(n, …)` by input name, in the dtype of the input.
        signature: Name of the signature. Defaults to the first.
        graph: Number of the signature's graph in the file.

    Yields:
        After each run the function from the index of a tensor of the graph to its values. It raises
        `ValueError` for what a loop hands to its body, which has no data afterwards.
    """
    interpreter = schema.keeper(file)
    run = interpreter.get_signature_runner(signature or _main(interpreter))
    count = len(next(iter(examples.values())))
    size = batch_size(run.get_input_details())
    for first in range(0, count, size):
        rows = np.minimum(np.arange(first, first + size), count - 1)
        with _explained(file):
            run(**{name: array[rows] for name, array in examples.items()})
        yield functools.partial(interpreter.get_tensor, subgraph_index=graph)


@contextlib.contextmanager
def _explained(file):
    """Says of which file LiteRT refuses an op."""
    try:
        yield
    except RuntimeError as error:
        raise ExportError(explain(
            "LiteRT must be able to run the file", file=str(file),
            error=" ".join(str(error).split()),
            fix="replace the layer that makes the op that is named")) from error


def _main(interpreter):
    """The signature that runs if nobody names one."""
    known = interpreter.get_signature_list()
    return MAIN if MAIN in known else next(iter(known), None)


def check_file(file: os.PathLike | str) -> None:
    """Refuses what is no whole flatbuffer before LiteRT's parser would read beyond its end.

    Raises:
        ValueError: the file cannot be read, or is no `.tflite` file.
    """
    try:
        with open(file, "rb") as stream:
            head = stream.read(8)
    except OSError as error:
        raise ValueError(explain(
            "`file` must be a readable .tflite file", file=str(file), error=error.strerror,
            fix="pass the path of an exported file")) from error
    if head[4:8] != schema.IDENTIFIER:
        raise ValueError(explain(
            "`file` must be a .tflite file, which has TFL3 in its bytes 4 to 7", file=str(file),
            bytes=head[4:8], fix="pass the path of an exported file"))
