"""`keras_seqattn.cli.inspect`."""

import json

import keras
import numpy as np
import pytest

from keras_seqattn import models
from keras_seqattn.data.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    from PIL import Image

    path = tmp_path_factory.mktemp("picture") / "picture.png"
    pixels = np.random.default_rng(2).integers(0, 256, size=(64, 64, 3), dtype="uint8")
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="module")
def captioner(tmp_path_factory):
    """A run folder of a captioner that writes something about any picture."""
    folder = tmp_path_factory.mktemp("captioner")
    known = Tokenizer([f"▁w{i}" for i in range(13)])
    pictures = keras.Input((16, 16, 3))
    encoder = keras.Model(pictures, keras.layers.Conv2D(5, 4, strides=4)(pictures))
    model = models.captioner(encoder, known.vocab_size, max_length=7, embed_dim=3, units=5,
                             attention_dim=2)
    rng = np.random.default_rng(1)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(scale=0.5, size=weight.shape))
    model.save(folder / "model.keras")
    (folder / "tokenizer.json").write_text(known.to_json())
    return folder


def test_words_are_drawn(captioner, picture, seqattn, tmp_path):
    out = tmp_path / "words.png"
    code, text, _ = seqattn("inspect", captioner, picture, "--figure", "words",
                        "--out", out, "--json")
    assert code == 0
    model = models.load(captioner)
    assert len(json.loads(text)["caption"].split()) <= model.max_length
    assert out.read_bytes()[:4] == b"\x89PNG"


def test_attention_is_drawn(folder, picture, seqattn, tmp_path):
    out = tmp_path / "attention.png"
    code, text, _ = seqattn("inspect", folder, picture, "--out", out, "--json")
    assert code == 0
    assert json.loads(text)["label"] in models.labels(folder)
    assert out.read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize("arguments", [
    ["--figure", "word", "--out", "x.png"], ["--figure", "words", "--out", "x.png"],
    ["--out", "x.jpg"]])
def test_mistakes_are_one_line(folder, picture, seqattn, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    code, _, err = seqattn("inspect", folder, picture, *arguments)
    assert code == 2
    assert len(err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
