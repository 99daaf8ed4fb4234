"""`keras_seqattn.cli.summary`."""

import json

import keras
import pytest

from keras_seqattn import models, trained


def test_every_shipped_model_is_listed(seqattn):
    code, out, _ = seqattn("list", "--json")
    assert code == 0
    listed = json.loads(out)
    assert set(listed) == {path.parent.name for path in trained.FOLDER.glob("*/model.keras")}
    for name, facts in listed.items():
        assert facts["bytes"] == trained.locate(name).stat().st_size
        assert facts["writes"] == (models.tokenizer(name) is not None)
    code, out, _ = seqattn("list")
    assert all(name in out for name in listed)


def test_a_summary_says_what_a_model_costs(seqattn, tmp_path):
    models.vit("nano", 16, (32, 32, 3), 10, num_layers=1, embed_dim=12, num_heads=2,
               mlp_dim=17).save(tmp_path / "model.keras")
    code, out, _ = seqattn("summary", tmp_path, "--json")
    assert code == 0
    said, model = json.loads(out), models.load(tmp_path)
    assert said["parameters"] == model.count_params() == sum(
        layer["parameters"] for layer in said["layers"])
    assert said["multiply_adds"] == models.multiply_adds(model)
    assert said["bytes"] == (tmp_path / "model.keras").stat().st_size
    assert said["inputs"] == {"images": [32, 32, 3]}
    assert said["outputs"] == [[10]]
    code, out, _ = seqattn("summary", tmp_path)
    assert f"multiply_adds: {said['multiply_adds']:,}" in out
    assert "TransformerEncoderBlock" in out


def test_a_model_that_is_not_there(seqattn):
    code, _, err = seqattn("summary", "vit_eurosta")
    assert code == 2
    assert "did you mean 'vit_eurosat'?" in err


def test_a_model_of_any_length_is_told_with_and_without_a_shape(seqattn, tmp_path):
    """By hand: 5 positions of 7 · 3 products, and 3 · 2 behind the mean."""
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    x = keras.layers.Dense(3)(keras.layers.Embedding(11, 7)(tokens))
    x = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling1D()(x))
    keras.Model(tokens, x).save(tmp_path / "text.keras")
    code, out, err = seqattn("summary", tmp_path / "text.keras", "--json")
    assert code == 0
    assert json.loads(out)["multiply_adds"] is None
    assert "--input-shape 128" in err
    for shape in ("5", "tokens=5"):
        code, out, err = seqattn("summary", tmp_path / "text.keras", "--input-shape", shape,
                                 "--json")
        assert (code, err) == (0, "")
        assert json.loads(out)["multiply_adds"] == 5 * 7 * 3 + 3 * 2
    code, out, _ = seqattn("summary", tmp_path / "text.keras")
    assert "multiply_adds: unknown" in out


@pytest.mark.parametrize("shape", ["5x3", "other=5", "five", "0"])
def test_a_shape_of_another_model(seqattn, tmp_path, shape):
    keras.Sequential([keras.Input((None,)), keras.layers.Embedding(11, 7)]).save(
        tmp_path / "text.keras")
    code, _, err = seqattn("summary", tmp_path / "text.keras", "--input-shape", shape)
    assert code == 2
    assert "--input-shape" in err


def test_a_sequential_model(seqattn, tmp_path):
    keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)]).save(tmp_path / "m.keras")
    code, out, _ = seqattn("summary", tmp_path / "m.keras", "--json")
    assert code == 0
    assert json.loads(out)["multiply_adds"] == 5 * 3


def test_a_layer_whose_products_are_not_known(seqattn, tmp_path):
    images = keras.Input((7, 5, 3))
    keras.Model(images, keras.layers.SeparableConv2D(2, 3)(images)).save(tmp_path / "m.keras")
    code, out, err = seqattn("summary", tmp_path / "m.keras", "--json")
    assert code == 0
    assert (json.loads(out)["multiply_adds"] is None) == ("not counted" in err)


def test_a_model_that_is_not_built(seqattn, tmp_path):
    with pytest.warns(UserWarning, match="not yet been built"):
        keras.Sequential([keras.layers.Dense(2)]).save(tmp_path / "m.keras")
    code, _, err = seqattn("summary", tmp_path / "m.keras")
    assert code == 2
    assert "keras.Input(shape)" in err
