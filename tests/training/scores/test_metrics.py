"""Scores of captions: against other projects' numbers, and by hand."""

import json
import math
import pathlib
import runpy
import sys

import pytest

from keras_seqattn.training.scores import metrics

CAPTION_METRICS = (metrics.bleu, metrics.rouge_l, metrics.cider_d, metrics.exact_match)


@pytest.fixture(params=["scores.json", "scores_first10.json"])
def recorded(request, goldens):
    """All captions of a data set, and what others say of them."""
    folder = goldens / "sacrebleu_cider"
    scores = json.loads((folder / request.param).read_text(encoding="utf-8"))
    captions = json.loads((folder / "captions.json").read_text(encoding="utf-8"))
    return captions[:len(scores["pycocoevalcap"]["per_item"]["BLEU-1"])], scores


def test_caption_scores_are_those_of_pycocoevalcap(recorded):
    captions, scores = recorded
    tokens = ([each["hypothesis_tokenized"] for each in captions],
              [each["references_tokenized"] for each in captions])
    ours = {"ROUGE-L": metrics.rouge_l(*tokens), "CIDEr-D": metrics.cider_d(*tokens),
            **{f"BLEU-{n}": value for n, value in enumerate(metrics.bleu_n(*tokens), 1)}}
    assert set(ours) == set(scores["pycocoevalcap"]["corpus"])
    for name, value in ours.items():
        assert value.corpus == pytest.approx(scores["pycocoevalcap"]["corpus"][name], abs=1e-6)
        assert value.items == pytest.approx(scores["pycocoevalcap"]["per_item"][name], abs=1e-6)


def test_bleu_is_that_of_sacrebleu(recorded):
    captions, scores = recorded
    scores = dict(scores["sacrebleu"])
    per_item = scores.pop("sentence_bleu_13a_effective_order")
    for setting, theirs in scores.items():
        end = "_tokenized" if "tokenized" in setting else ""
        references = [each[f"references{end}"] for each in captions]
        if setting.startswith("first_ref"):
            references = [[item[0], None] for item in references]
        ours = metrics.bleu([each[f"hypothesis{end}"] for each in captions], references,
                            **theirs["options"])
        assert ours.corpus == pytest.approx(theirs["score"], abs=1e-4), setting
        if setting == "multi_ref_13a":
            assert ours.items == pytest.approx(per_item, abs=1e-4)
            assert ours.signature == theirs["signature"]


def test_words_may_be_strings_or_lists():
    texts = (["a dog runs", "two cats"], [["a dog runs away", None], ["cats sleep", "two cats"]])
    lists = ([each.split() for each in texts[0]],
             [[each and each.split() for each in item] for item in texts[1]])
    for metric in (*CAPTION_METRICS, metrics.bleu_n):
        assert metric(*texts) == metric(*lists)


def test_identical_captions_score_the_most():
    captions = ["a red bird flies over the sea", "five boats lie in the old harbour"]
    references = [[caption] for caption in captions]
    assert metrics.bleu(captions, references).corpus == pytest.approx(100)
    assert metrics.rouge_l(captions, references).items == [1, 1]
    assert metrics.exact_match(captions, references).items == [1, 1]
    assert metrics.cider_d(captions, references).items == pytest.approx([10, 10])
    assert [each.corpus for each in metrics.bleu_n(captions, references)] == pytest.approx([1] * 4)


def test_captions_without_a_common_word_score_nothing():
    captions, references = ["a b c d e", "f g h i"], [["p q r s"], ["t u v w", "x y"]]
    for metric in CAPTION_METRICS[1:]:
        assert metric(captions, references).items == [0, 0]
    for score in metrics.bleu_n(captions, references):
        assert max(score.items) < 1e-8


def test_one_item_has_no_rare_words():
    """Its n-grams are in every item of the data set, so the logarithm of their rarity is 0."""
    assert metrics.cider_d(["a dog runs off"], [["a dog runs off"]]).corpus == 0


def test_cider_d_by_hand():
    """Words in both of two items are worth 0, those in one log 2; 2 pairs against 1 in length."""
    items = metrics.cider_d(["a dog runs", "a cat"], [["a dog"], ["a cat"]]).items
    one_word = 1 / math.sqrt(2)   # of (dog) and (runs, in no reference), (dog) is shared
    assert items[0] == pytest.approx(10 / 4 * 2 * one_word * math.exp(-1 / 72))
    assert items[1] == pytest.approx(10 / 4 * 2)          # it has no n-gram of 3 or 4 words


def test_rouge_l_takes_precision_and_recall_of_the_best_reference():
    """3 of 4 words are in the first in this order; 2 of 2 words of the second are in it."""
    score = metrics.rouge_l(["a c d e"], [["a x c y d", "a e"]], beta=2.0).corpus
    assert score == pytest.approx(5 * (3 / 4) * 1 / (1 + 4 * (3 / 4)))


def test_bleu_counts_a_word_as_often_as_one_reference_has_it():
    """Papineni et al. 2002, section 2.1: 2 of 7; the reference nearest in length has 7 words."""
    score = metrics.bleu_n(
        ["the the the the the the the"],
        [["the cat is on the mat", "there is a cat on the mat"]])[0].corpus
    assert score == pytest.approx(2 / 7)


def test_the_shorter_of_two_references_as_near_is_the_measure_of_length():
    assert metrics.bleu_n(["a b c"], [["a b c d", "a b"]])[0].corpus == pytest.approx(1)
    assert metrics.bleu_n(["a b c"], [["a b c d"]])[0].corpus == pytest.approx(math.exp(1 - 4 / 3))


def test_an_empty_hypothesis_scores_nothing():
    for metric in CAPTION_METRICS:
        scores = metric(["", "two cats sleep here"], [["a dog"], ["two cats sleep here"]])
        assert scores.items[0] == 0
        assert scores.items[1] > 0
    assert metrics.bleu_n([""], [["a dog"]])[0].corpus == 0


def test_scores_need_neither_keras_nor_tensorflow(monkeypatch):
    for name in ("keras", "tensorflow", "numpy"):
        monkeypatch.setitem(sys.modules, name, None)
    for name in ("metrics", "sentences"):
        monkeypatch.delitem(sys.modules, f"keras_seqattn.training.scores.{name}")
    names = runpy.run_path(pathlib.Path(metrics.__file__))
    assert names["exact_match"](["a"], [["a"]]).corpus == 1
