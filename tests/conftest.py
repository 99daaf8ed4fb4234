"""Converters run in the tests' process; files that write sequences are made once for all tests.

A test that is about the converter's own process asks for the fixture `own_process`.
"""

import importlib
import itertools
import subprocess
import threading
import traceback
import types
import warnings

import keras
import numpy as np
import pytest
from server import Server

from keras_seqattn import models
from keras_seqattn.data import pairs, tokenizer
from keras_seqattn.edge.tflite.converter import process

RUN = process.run

LENGTH, WIDTH = 13, 3
SHAPE = (5, 7, 3)


class Describer(models.Generator):
    """The smallest model that writes about a picture: a linear look, then a recurrent cell."""

    source_name = "images"
    max_length = 11

    def __init__(self, vocab_size):
        self.vocab_size = vocab_size
        flat, look = keras.layers.Flatten(), keras.layers.Dense(19)
        embed, head = keras.layers.Embedding(vocab_size, 17), keras.layers.Dense(vocab_size)
        recurrent = keras.layers.SimpleRNN(19, return_sequences=True)
        images = keras.Input(SHAPE, name="images")
        tokens = keras.Input((None,), dtype="int32", name="tokens")
        hidden = recurrent(embed(tokens), initial_state=look(flat(images)))
        super().__init__(inputs={"images": images, "tokens": tokens}, outputs=head(hidden))
        self._parts = flat, look, embed, recurrent.cell, head

    def start(self, source):
        flat, look, *_ = self._parts
        return {"hidden": look(flat(source))}

    def step(self, tokens, state):
        *_, embed, cell, head = self._parts
        hidden, _ = cell(embed(tokens), [state["hidden"]])
        return head(hidden), {"hidden": hidden}


def drawn(model, scale):
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape, scale=scale))
    return model

# Its libraries are not those of the tests.
collect_ignore = ["golden/make_vits_of_torch.py"]


@pytest.fixture(scope="session")
def translator(tmp_path_factory):
    """A translator's run folder, pairs of which the targets are its own, and its export.

    The file is what `seqattn export` writes; one target in two has another beside it.
    """
    from keras_seqattn import cli  # not where the command is not installed

    folder = tmp_path_factory.mktemp("translator")
    words = ["the cat", "we", "low mats"], ["sat", "are", "lower"], [
        "here", "there", "on the mat", "lowest"], ["", "?", ", are you?", " and here"]
    sources = [" ".join(parts[:3]) + parts[3] for parts in itertools.product(*words)]
    known = tokenizer.learn(sources, 60)
    model = drawn(models.seq2seq(known.vocab_size, LENGTH, embed_dim=11, units=13), 0.5)
    model.save(folder / "model.keras")
    (folder / "tokenizer.json").write_text(known.to_json(), encoding="utf-8")
    tokens = model.generate(pairs.pad(pairs.encode(sources, known, LENGTH), LENGTH)).tokens
    lines = [f"{source}\t{known.decode(row)}\n"
             for source, row in zip(sources, tokens, strict=True)]
    lines += [f"{source}\tlow cats are here\n" for source in sources[::2]]
    (folder / "pairs.tsv").write_text("".join(lines), encoding="utf-8")
    file = folder / "translator.tflite"
    with pytest.raises(SystemExit) as stop, warnings.catch_warnings():
        cli.main(["export", str(folder), "--out", str(file), "--precision", "float32",
                  "--beam-width", str(WIDTH), "--data", f"pairs:{folder / 'pairs.tsv'}",
                  "--licence", "MIT", "--report", str(folder / "report.json")])
    assert stop.value.code == 0
    return types.SimpleNamespace(folder=folder, model=model, tokenizer=known, file=file,
                                 data=f"pairs:{folder / 'pairs.tsv'}", sources=sources)


@pytest.fixture(scope="session")
def describer(tmp_path_factory):
    """A model that writes about pictures, its export, and a picture of another size."""
    from PIL import Image

    from keras_seqattn import edge

    folder = tmp_path_factory.mktemp("describer")
    known = tokenizer.Tokenizer([f"▁w{i}" for i in range(23)])
    model = drawn(Describer(known.vocab_size), 0.7)
    edge.export(model, folder / "describer.tflite", "float32", tokenizer=known, beam_width=WIDTH)
    pixels = np.random.default_rng(7).integers(0, 256, size=(2, 11, 17, 3), dtype="uint8")
    pictures = [folder / "one.png", folder / "two.png"]
    for picture, array in zip(pictures, pixels, strict=True):
        Image.fromarray(array).save(picture)
    return types.SimpleNamespace(model=model, tokenizer=known, file=folder / "describer.tflite",
                                 pictures=pictures)


def _here(module, *arguments):
    """Converts in this process, which knows TensorFlow, and tells of an error as another does."""
    try:
        with warnings.catch_warnings():  # what converters say of themselves, nobody reads there
            warnings.simplefilter("ignore")
            importlib.import_module(module).convert(*map(str, arguments))
    except Exception:
        return subprocess.CompletedProcess([module], 1, "", traceback.format_exc())
    return subprocess.CompletedProcess([module], 0, "", "")


@pytest.fixture(autouse=True, scope="session")
def _converters_run_here():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "run", _here)
        yield


@pytest.fixture
def own_process(monkeypatch):
    monkeypatch.setattr(process, "run", RUN)


@pytest.fixture
def server(monkeypatch):
    """A web server on this machine, whose every fault is asked for."""
    monkeypatch.setenv("no_proxy", "*")
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.stop()
    thread.join()
