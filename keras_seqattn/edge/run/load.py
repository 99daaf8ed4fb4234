"""Opening an exported file, whatever its format and whatever it does."""

import os

from keras_seqattn.edge.run.runner import Runner
from keras_seqattn.edge.run.writer import Writer


def load(file: os.PathLike | str, threads: int = 2) -> Runner:
    """Loads an exported file.

    Threads may share what is returned, of a classifier as of a file that writes. Each call gets
    the answer to its own inputs. A `.tflite` file runs one example at a time, so its threads take
    turns. For runs side by side load the file once per thread, which holds its weights as often.

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
