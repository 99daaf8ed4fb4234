"""`keras_seqattn.training.tasks.captioning`: the shipped recipe on pictures made here."""

import io
import pathlib

import numpy as np
import pytest
from PIL import Image

from keras_seqattn import training
from keras_seqattn.data.tokenizer import Tokenizer
from keras_seqattn.training.tasks.captioning import CAPTIONING

RECIPE = pathlib.Path(__file__).parents[3] / "models" / "captioner_emoji" / "recipe.yaml"
SMALL = ("model.image_shape=[16, 16, 3]", "model.embed_dim=3", "model.units=5",
         "model.attention_dim=2", "model.max_length=7", "data.vocab_size=9", "train.epochs=1",
         "train.batch_size=8")


@pytest.fixture
def recipe(tmp_path):
    """The shipped recipe, all small, on 80 pictures of two styles."""
    rows, blobs = ["index\tstyle\tcodepoints\tname"], []
    for number in range(80):
        file = io.BytesIO()
        Image.new("RGB", (8, 8), (number, 0, 0)).save(file, "PNG")
        style, name = [("a", "red dot"), ("b", "blue dot")][number % 2]
        rows.append(f"{number}\t{style}\t{number // 2:x}\t{name}")
        blobs.append(file.getvalue())
    np.savez(tmp_path / "pack.npz", bytes=np.frombuffer(b"".join(blobs), "uint8"),
             offset=np.cumsum([0, *map(len, blobs)]), test=np.zeros(80, "uint8"))
    (tmp_path / "captions.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return training.read(RECIPE, (*SMALL, f"data.source=pack:{tmp_path / 'pack.npz'}"))


def test_the_shipped_recipe_takes_a_step_and_leaves_its_words(recipe, tmp_path):
    examples, _ = CAPTIONING.load(recipe)
    model = CAPTIONING.build(recipe, examples)
    CAPTIONING.compile_model(model, recipe.train, 3)
    loss, _ = model.train_on_batch(*CAPTIONING.batches(recipe, examples)[0])
    assert np.isfinite(loss)
    card = CAPTIONING.finish(recipe, examples, model, tmp_path)
    assert card["data"]["training_examples"] == len(examples)
    known = Tokenizer.from_json((tmp_path / "tokenizer.json").read_text("utf-8"))
    assert known.vocab_size == card["data"]["vocab_size"] == model.vocab_size


def test_words_come_from_the_training_split_and_captions_are_cut(recipe):
    short = recipe.model_copy(update={"model": recipe.model.model_copy(update={"max_length": 3})})
    with pytest.warns(UserWarning, match="cut to 3 tokens"):
        examples, validation = CAPTIONING.load(short)
    assert set(examples.tokenizer.tokens[4:]) == {"▁red", "▁blue", "▁dot"}
    assert all(len(ids) == 3 for each in validation.captions for ids in each)
    assert len(examples) + len(validation) <= 80
