"""`keras_seqattn.data`: what its door loads."""

import subprocess
import sys

HEAVY = ("PIL", "keras", "tensorflow", "tensorflow_datasets")


def _loaded(module):
    code = f"import sys, {module}; print(*[name for name in {HEAVY} if name in sys.modules])"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_the_door_loads_neither_keras_nor_pillow():
    assert _loaded("keras_seqattn.data") == []
    assert "keras" in _loaded("keras_seqattn.data.batches")
