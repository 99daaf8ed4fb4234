"""`keras_seqattn.training.tasks.translation`, and what it is trained and scored with."""

import keras
import numpy as np
import pytest

from keras_seqattn import models, training
from keras_seqattn.data import pairs
from keras_seqattn.data.tokenizer import Tokenizer
from keras_seqattn.testing import check_error
from keras_seqattn.training.recipe.reading import check
from keras_seqattn.training.scores import scoring
from keras_seqattn.training.tasks.translation import TRANSLATION

WORDS = ["un", "deux", "trois", "quatre", "cinq", "six", "sept"]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Sentences of three words whose translation is the words in another order."""
    rng = np.random.default_rng(0)
    lines = sorted({" ".join(rng.choice(WORDS, 3)) for _ in range(400)})
    path = tmp_path_factory.mktemp("pairs") / "pairs.tsv"
    path.write_text("".join(f"{line}\t{' '.join(line.upper().split()[::-1])}\n" for line in lines))
    return path


def make(file, **overrides):
    fields = {
        "model": {"architecture": "transformer", "size": "nano", "max_length": 7, "dropout": 0.0},
        "data": {"source": f"pairs:{file}", "vocab_size": 60, "words": True},
        "train": {"epochs": 2, "batch_size": 16, "learning_rate": 0.01, "seed": 3}}
    for section, values in overrides.items():
        fields[section] = {**fields[section], **values}
    return check(fields)


@pytest.mark.parametrize("model", [
    {}, {"architecture": "seq2seq", "size": None, "embed_dim": 8, "units": 16}])
def test_a_recipe_trains_to_a_folder_that_translates(file, tmp_path, model):
    chosen = {name: value for name, value in {
        "architecture": "transformer", "size": "nano", "max_length": 7, **model}.items()
        if value is not None}
    fields = make(file).model_dump(mode="json") | {"model": chosen}
    run = training.fit(check(fields), tmp_path / "run", quiet=True)
    assert run.history["loss"][1] < run.history["loss"][0]
    assert run.classes == ()
    assert {"model.keras", "best.keras", "tokenizer.json", "card.toml", "log.csv"} <= {
        path.name for path in (tmp_path / "run").iterdir()}
    known = Tokenizer.from_json((tmp_path / "run" / "tokenizer.json").read_text())
    loaded = models.load(tmp_path / "run")
    assert loaded.vocab_size == known.vocab_size
    written = scoring.translations(loaded, known, ["un deux", "trois"], batch_size=2)
    assert len(written) == 2


def test_recipes_that_come_with_the_project_are_read():
    assert training.read("g2p").model.architecture == "transformer"
    changed = training.read("g2p", ["model.norm=post", "train.schedule=inverse_sqrt"])
    assert (changed.model.norm, changed.train.schedule) == ("post", "inverse_sqrt")
    check_error(lambda: training.read("g2p", ["model.patch_size=3"]), **{"model.patch_size": 3})
    check_error(lambda: training.read("g2p", ["model.architecture=gpt"]),
                **{"model.architecture": "gpt"})


def test_the_validation_loss_is_the_mean_over_all_tokens(file):
    chosen = make(file, train={"label_smoothing": 0.0})
    _, validation = TRANSLATION.load(chosen)
    model = TRANSLATION.build(chosen, validation)
    TRANSLATION.compile_model(model, chosen.train, 10)
    batches = TRANSLATION.batches(chosen, validation, training=False)
    loss = model.evaluate((batches[i] for i in range(batches.num_batches)),
                          steps=batches.num_batches, verbose=0, return_dict=True)["loss"]
    total, count = 0.0, 0
    for source, target in zip(validation.sources, validation.targets, strict=True):
        logits = model({"source": source[None], "tokens": target[None, :-1]})
        losses = keras.ops.sparse_categorical_crossentropy(
            target[None, 1:], logits, from_logits=True)
        total, count = total + float(keras.ops.sum(losses)), count + len(target) - 1
    assert loss == pytest.approx(total / count, rel=1e-4)


def test_scores_by_hand():
    """Each of a source's translations counts once alone, or all of them once."""
    examples = pairs.Pairs(("a b", "a b", "c d"), ("one two three four", "five six seven eight",
                                                   "nine ten eleven twelve"))
    scores = scoring.bleu_scores(["one two three four", "nine ten eleven twelve"], examples)
    assert scores["bleu_all_references"] == pytest.approx(100.0)
    assert scores["bleu"] == pytest.approx(100 * 2 / 3)  # 2 of 3 pairs, in every order
    assert (scores["sentences"], scores["pairs"]) == (2, 3)
    assert scores["exact_match"] == 1
    assert scoring.bleu_scores(["five six seven eight", "nine"], examples)["exact_match"] == 0.5


def test_translations_come_in_the_order_of_the_texts():
    """A model that copies its source, in batches that are cut and padded."""
    known = Tokenizer([f"▁{letter}" for letter in "abcdefg"])

    class Copy:
        max_length, end_token = 9, 2

        def write(self, sources, beam):
            assert len(sources) == 3
            return np.asarray(sources)

    texts = ["a b c d", "e", "f g", "c b", "a a a"]
    assert scoring.translations(Copy(), known, texts, batch_size=3) == texts
