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


def test_a_figure_of_several_pictures_with_its_numbers(folder, picture, seqattn, tmp_path):
    out, arrays = tmp_path / "figure.png", tmp_path / "figure.npz"
    code, text, _ = seqattn("inspect", folder, picture, picture, "--figure", "rollout", "--out",
                            out, "--arrays", arrays, "--json")
    assert code == 0
    told = json.loads(text)
    assert told["figures"] == ["rollout"]
    first, second = told["label"].split(", ")
    assert first == second
    assert out.read_bytes()[:4] == b"\x89PNG"
    with np.load(arrays, allow_pickle=False) as numbers:
        assert numbers["rollout_maps"].shape == (2, 4, 4)
        np.testing.assert_allclose(numbers["rollout_maps"].sum((1, 2)), 1, atol=1e-5)


def test_all_on_one_page(folder, picture, seqattn, tmp_path):
    report, arrays = tmp_path / "report.html", tmp_path / "report.npz"
    code, text, _ = seqattn("inspect", folder, picture, "--report", report, "--arrays", arrays,
                            "--json")
    assert code == 0
    assert len(json.loads(text)["figures"]) == report.read_text("utf-8").count("<img") == 7
    with np.load(arrays, allow_pickle=False) as numbers:
        assert {"attention_maps", "rollout_maps", "attention_distances", "position_similarity",
                "filter_components", "ranges_output_std"} <= set(numbers.files)


def test_the_page_says_what_it_lacks(folder, seqattn, tmp_path):
    report = tmp_path / "report.html"
    code, text, _ = seqattn("inspect", folder, "--report", report, "--json")
    assert code == 0
    told = json.loads(text)
    assert told["figures"] == ["positions", "filters"]
    assert sorted(told["missing"]) == ["attention", "distance", "gradient-rollout", "ranges",
                                       "rollout"]
    assert "the figure needs a picture" in report.read_text("utf-8")


def test_a_captioner_is_shown_by_its_words(captioner, picture, seqattn, tmp_path):
    report, arrays = tmp_path / "report.html", tmp_path / "words.npz"
    code, text, _ = seqattn("inspect", captioner, picture, "--report", report, "--arrays", arrays,
                            "--json")
    assert code == 0
    assert json.loads(text)["figures"] == ["words"]
    with np.load(arrays, allow_pickle=False) as numbers:
        assert len(numbers["words_tokens"]) == len(numbers["words_scores"])


def test_a_model_of_any_size(picture, seqattn, tmp_path):
    small = models.vit("nano", 8, (24, 16, 3), 3, num_layers=1, num_heads=1, embed_dim=4, mlp_dim=4)
    models.resize(small, (None, None, 3)).save(tmp_path / "any.keras")
    arrays = tmp_path / "any.npz"
    code, _, _ = seqattn("inspect", tmp_path / "any.keras", picture, "--out",
                         tmp_path / "any.png", "--arrays", arrays)
    assert code == 0
    assert np.load(arrays)["attention_maps"].shape == (1, 3, 2)


@pytest.mark.parametrize("arguments", [
    ["{picture}", "--figure", "word", "--out", "x.png"],
    ["{picture}", "--figure", "words", "--out", "x.png"], ["{picture}", "--out", "x.jpg"],
    ["{picture}"], ["--out", "x.png"], ["{picture}", "--report", "x.png"],
    ["{picture}", "--out", "x.png", "--arrays", "x.csv"], ["missing.png", "--out", "x.png"]])
def test_mistakes_are_one_line(folder, picture, seqattn, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    code, _, err = seqattn("inspect", folder, *(each.format(picture=picture)
                                                for each in arguments))
    assert code == 2
    assert len(err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [["--figure", "attention"], ["{picture}", "{picture}"], []])
def test_what_a_captioner_has_not(captioner, picture, seqattn, tmp_path, arguments):
    code, _, err = seqattn("inspect", captioner, *(
        each.format(picture=picture) for each in arguments), "--out", tmp_path / "x.png")
    assert code == 2
    assert len(err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
