"""The edge: from a Keras model to a verified file, and running that file.

`load` and `benchmark` need NumPy and ai-edge-litert only; Keras and TensorFlow are imported where
`export` first needs them.
"""

from keras_seqattn.edge.benchmark import benchmark
from keras_seqattn.edge.choice import smallest
from keras_seqattn.edge.export import ExportError, export
from keras_seqattn.edge.precisions import PRECISIONS
from keras_seqattn.edge.report import Report
from keras_seqattn.edge.run import Runner, load
from keras_seqattn.edge.verify import verify

__all__ = ["PRECISIONS", "ExportError", "Report", "Runner", "benchmark", "export", "load",
           "smallest", "verify"]
