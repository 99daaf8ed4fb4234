"""`keras_seqattn.training.scores.sentences`."""

import pytest

from keras_seqattn.testing import check_error
from keras_seqattn.training.scores import metrics, sentences


@pytest.mark.parametrize("compare", [
    sentences.words, metrics.bleu, metrics.bleu_n, metrics.rouge_l, metrics.cider_d,
    metrics.exact_match])
def test_items_that_cannot_be_compared(compare):
    check_error(lambda: compare(["a", "b"], [["a"]]), hypotheses=2, references=1)
    check_error(lambda: compare([], []), hypotheses=0, references=0)
    check_error(lambda: compare(["a", "b"], [["a"], [None]]), item=1, received=[None])
    check_error(lambda: compare(["a"], [None]), item=0, received=None)
    check_error(lambda: compare(["a"], ["a dog"]), item=0, received="a dog")


def test_texts_and_lists_of_words_are_the_same():
    expected = ([["a", "dog"]], [[["the", "dog"], ["dogs"]]])
    assert sentences.words(["a  dog"], [["the dog", None, "dogs"]]) == expected
    assert sentences.words([["a", "dog"]], [[["the", "dog"], None, ["dogs"]]]) == expected


def test_sequences_of_words_are_counted():
    assert sentences.ngrams(["a", "b", "a", "b"], 2) == {("a", "b"): 2, ("b", "a"): 1}
    assert sentences.ngrams(["a"], 2) == {}
    assert sentences.ngrams([], 1) == {}
