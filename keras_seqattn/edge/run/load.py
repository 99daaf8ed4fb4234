"""Opening an exported file, whatever its format and whatever it does."""

import os

from keras_seqattn.edge.run.runner import Runner
from keras_seqattn.edge.run.writer import Writer


def load(file: os.PathLike | str, threads: int = 2) -> Runner:
    """Loads an exported file.

    Args:
        file: Path of a file, `.tflite` or `.onnx`.
        threads: CPU threads to run on.

    Returns:
        `Runner`; of a file that writes sequences its subclass `writer.Writer`.

    Raises:
        ValueError: the file is missing, damaged or of another kind.
    """
    runner = Runner(file, threads)
    return Writer(file, threads) if "writer" in runner.contract else runner
