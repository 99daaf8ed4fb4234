"""`keras_seqattn.training.tasks.writing`: what captioners and translators have in common."""

import types

import pytest

from keras_seqattn.data.tokenizer import Tokenizer
from keras_seqattn.testing import check_error
from keras_seqattn.training.recipe.kinds import KINDS, task_of
from keras_seqattn.training.recipe.reading import check

WRITERS = {
    "transformer": {"size": "nano", "max_length": 7},
    "seq2seq": {"max_length": 7, "embed_dim": 3, "units": 5},
    "captioner": {"image_shape": [16, 16, 3], "embed_dim": 3, "units": 5, "max_length": 7},
}
KNOWN = Tokenizer(["▁red", "▁dot"])


def _recipe(architecture, **train):
    return check({"model": {"architecture": architecture, **WRITERS[architecture]},
                  "data": {"source": "nowhere"}, "train": {"epochs": 1, **train}})


@pytest.fixture
def examples():
    class Examples(types.SimpleNamespace):
        def __len__(self):
            return 5

    return Examples(tokenizer=KNOWN, skipped=2)


def test_every_kind_that_learns_tokens_is_looked_at():
    assert WRITERS.keys() == {name for name, kind in KINDS.items() if not kind.task().one_shape}


@pytest.mark.parametrize("architecture", WRITERS)
def test_the_model_has_the_tokens_of_the_examples(architecture, examples):
    recipe = _recipe(architecture)
    model = task_of(recipe).build(recipe, examples)
    assert model.vocab_size == KNOWN.vocab_size


@pytest.mark.parametrize("architecture", WRITERS)
@pytest.mark.parametrize("change", [{"start": "vit"}, {"freeze": ("encoder",)}, {"lora_rank": 3}])
def test_what_only_classifiers_do(architecture, change, examples):
    recipe = _recipe(architecture, **change)
    check_error(lambda: task_of(recipe).build(recipe, examples), **change)


@pytest.mark.parametrize("architecture", WRITERS)
def test_the_tokenizer_is_left_beside_the_model(architecture, examples, tmp_path):
    recipe = _recipe(architecture)
    task, model = task_of(recipe), types.SimpleNamespace(count_params=lambda: 11)
    card = task.finish(recipe, examples, model, tmp_path)
    known = Tokenizer.from_json((tmp_path / "tokenizer.json").read_text("utf-8"))
    assert known.tokens == KNOWN.tokens
    assert card["model"]["parameters"] == 11
    assert card["model"]["architecture"] == architecture
    assert card["data"] == {"source": "nowhere", "training_examples": 5, "skipped": 2,
                            "vocab_size": KNOWN.vocab_size}
    assert task.classes(examples) == ()
