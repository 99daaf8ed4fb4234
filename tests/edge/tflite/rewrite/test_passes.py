"""`keras_seqattn.edge.tflite.rewrite.passes`: which rewrites a file gets, and how it is written."""

import flat
import keras
import numpy as np
import pytest

from keras_seqattn.edge.tflite import reader
from keras_seqattn.edge.tflite.rewrite import passes

pytestmark = pytest.mark.edge
WORDS = 13


@pytest.fixture
def file(tmp_path):
    layer = keras.layers.Embedding(WORDS, 5)
    layer.build((1,))
    path = tmp_path / "x.tflite"
    path.write_bytes(flat.converted(layer, [layer], ids=((1, 7), "int32")))
    return path


def _pass(log, name, op, changes):
    def rewrite(model):
        log.append((name, id(model)))
        return changes

    return passes.Pass(op, rewrite)


def test_the_passes_of_the_house_apply(file):
    passes.apply(file)
    names = {op.name for op in reader.read(file).ops}
    assert "EMBEDDING_LOOKUP" in names
    assert "GATHER" not in names
    ids = np.arange(7, dtype="int32")[None]
    assert flat.runner(file.read_bytes())(ids=ids)[0].shape == (1, 7, 5)


def test_one_model_goes_through_all_that_fit_in_order(monkeypatch, file):
    log = []
    monkeypatch.setattr(passes, "PASSES", (
        _pass(log, "first", "GATHER", True), _pass(log, "absent", "WHILE", True),
        _pass(log, "last", "GATHER", False)))
    passes.apply(file)
    assert [name for name, _ in log] == ["first", "last"]
    assert len({model for _, model in log}) == 1


def test_a_file_that_needs_nothing_is_neither_opened_nor_written(monkeypatch, file):
    before, log = file.stat().st_mtime_ns, []
    monkeypatch.setattr(passes, "PASSES", (_pass(log, "same", "GATHER", False),))
    passes.apply(file)
    assert file.stat().st_mtime_ns == before
    assert len(log) == 1
    monkeypatch.setattr(passes, "PASSES", (_pass(log, "absent", "WHILE", True),))
    monkeypatch.setattr(passes.schema, "unpacked", lambda _: pytest.fail("it was opened"))
    passes.apply(file)
    assert len(log) == 1
