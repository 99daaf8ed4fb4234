"""A `.tflite` file under LiteRT, one example at a time."""

from keras_seqattn.edge.tflite import contract_in_file
from keras_seqattn.errors import explain


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

    def __init__(self, file, threads=2, signature=None):
        from ai_edge_litert.interpreter import Interpreter

        _check_file(file)
        self.contract = contract_in_file.read(file)
        try:
            self.interpreter = Interpreter(str(file), num_threads=threads)
            if signature is None and "greedy" in self.interpreter.get_signature_list():
                signature = "greedy"
            self._run = self.interpreter.get_signature_runner(signature)
        except (ValueError, RuntimeError, OSError) as error:
            raise ValueError(explain(
                "`file` must be a .tflite file that LiteRT can run", file=str(file),
                error=" ".join(str(error).split()), fix="export it again")) from error
        self.inputs = self._run.get_input_details()
        self.outputs = self._run.get_output_details()

    def run(self, **arrays):
        """Runs one example: arrays by input name to arrays by output name."""
        return self._run(**arrays)


def _check_file(file):
    """Refuses what is no whole flatbuffer before LiteRT's parser would read beyond its end."""
    try:
        with open(file, "rb") as stream:
            head = stream.read(8)
    except OSError as error:
        raise ValueError(explain(
            "`file` must be a readable .tflite file", file=str(file), error=error.strerror,
            fix="pass the path of an exported file")) from error
    if head[4:8] != b"TFL3":
        raise ValueError(explain(
            "`file` must be a .tflite file, which has TFL3 in its bytes 4 to 7", file=str(file),
            bytes=head[4:8], fix="pass the path of an exported file"))
