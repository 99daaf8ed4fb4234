"""A `.tflite` file under LiteRT, one example at a time."""

import os
import typing

import numpy as np

from keras_seqattn.edge.tflite import contract_in_file, schema
from keras_seqattn.errors import explain

MAIN = "greedy"     # the signature that runs a file of several


class Session:
    """A `.tflite` file as a function of named arrays.

    Args:
        file: Path of the file.
        threads: CPU threads to run on.
        signature: Name of the signature to run. Defaults to the only one, or to `greedy`.

    Attributes:
        inputs: LiteRT's details of each input by name, in the order of the names.
        outputs: The same of the outputs.
        contract: What the file says of itself; empty if it is another program's.
        interpreter: LiteRT's interpreter.

    Raises:
        ValueError: the file is missing, damaged or no `.tflite` file.
    """

    def __init__(self, file: str | os.PathLike, threads: int = 2, signature: str | None = None):
        from ai_edge_litert.interpreter import Interpreter

        _check_file(file)
        self.contract = contract_in_file.read(file)
        try:
            self.interpreter = Interpreter(str(file), num_threads=threads)
            if signature is None and MAIN in self.interpreter.get_signature_list():
                signature = MAIN
            self._run = self.interpreter.get_signature_runner(signature)
        except (ValueError, RuntimeError, OSError) as error:
            raise ValueError(explain(
                "`file` must be a .tflite file that LiteRT can run", file=str(file),
                error=" ".join(str(error).split()), fix="export it again")) from error
        self.inputs: dict[str, typing.Any] = self._run.get_input_details()
        self.outputs: dict[str, typing.Any] = self._run.get_output_details()

    def run(self, **arrays: np.ndarray) -> dict[str, np.ndarray]:
        """Runs one example: arrays by input name to arrays by output name."""
        return self._run(**arrays)


def kept_runs(file: str | os.PathLike, examples: typing.Mapping[str, np.ndarray],
              ) -> typing.Iterator[typing.Callable[[int], np.ndarray]]:
    """Runs a file of one signature on one example after the other, every tensor kept.

    Args:
        file: Path of the file.
        examples: Array `(n, …)` by input name, in the dtype of the input.

    Yields:
        After each run the function from the index of a tensor of the main graph to its values. It
        raises `ValueError` for what a loop hands to its body, which has no data afterwards.
    """
    interpreter = schema.keeper(file)
    run = interpreter.get_signature_runner()
    for i in range(len(next(iter(examples.values())))):
        run(**{name: array[i:i + 1] for name, array in examples.items()})
        yield interpreter.get_tensor


def _check_file(file):
    """Refuses what is no whole flatbuffer before LiteRT's parser would read beyond its end."""
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
