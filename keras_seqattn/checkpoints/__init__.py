"""Weights that other projects trained, loaded into layers and models of this library, and back.

    from keras_seqattn import checkpoints

    model = checkpoints.load("vit-base/model.safetensors")
    checkpoints.save(model, "vit.safetensors")

`load` knows a family of checkpoints by its keys. `checkpoints.torch` loads single modules of
PyTorch. Every array of a checkpoint is used, or named in the report. The other project itself need
not be installed.
"""

from keras_seqattn.checkpoints.loading import load, load_with_report
from keras_seqattn.checkpoints.saving import save
from keras_seqattn.checkpoints.sources import SOURCES
from keras_seqattn.checkpoints.weights.state import Report, State

__all__ = ["SOURCES", "Report", "State", "load", "load_with_report", "save"]
