"""The edge: from a Keras model to a verified file, and running that file.

`load` and `benchmark` need NumPy and ai-edge-litert only; Keras and TensorFlow are imported where
`export` first needs them.
"""

from keras_seqattn.edge.check.report import Report
from keras_seqattn.edge.check.verify import verify
from keras_seqattn.edge.exporter import ExportError, export
from keras_seqattn.edge.npu.compile import compile_for_npu
from keras_seqattn.edge.precisions import PRECISIONS
from keras_seqattn.edge.run.latency import benchmark
from keras_seqattn.edge.run.load import load
from keras_seqattn.edge.run.runner import Runner
from keras_seqattn.edge.smallest_file import smallest

__all__ = ["PRECISIONS", "ExportError", "Report", "Runner", "benchmark", "compile_for_npu",
           "export", "load", "smallest", "verify"]
