"""`keras_seqattn.data.tokenizer`."""

import pytest

from keras_seqattn.data.tokenizer import (
    END,
    PAD,
    SPECIAL,
    START,
    UNKNOWN,
    Tokenizer,
    learn,
    pieces,
)
from keras_seqattn.testing import check_error

TEXTS = ["low lower lowest", "new newer newest", "wide wider widest", "l'été, où?", "don't go"] * 3


@pytest.fixture(scope="module")
def tokenizer():
    pytest.importorskip("tokenizers")
    return learn(TEXTS, 60)


def test_pieces_carry_the_space_before_them():
    assert pieces("  l'été,\u202foù ?  ") == ["▁l", "'", "été", ",", "▁où", "▁?"]
    assert pieces("e\u0301") == ["▁é"]  # composed
    assert pieces(" \n\t") == []


@pytest.mark.parametrize("text", [*TEXTS[:5], "newest low, l'été", "we go?"])
def test_decoding_gives_the_text_back(tokenizer, text):
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_same_ids_as_the_library(tokenizer):
    """The merges in plain Python, against `tokenizers` given the same merges."""
    import tokenizers

    library = tokenizers.Tokenizer(tokenizers.models.BPE(
        {token: i for i, token in enumerate(tokenizer.tokens)}, list(tokenizer.merges)))
    for text in (*TEXTS[:5], "newestwide", "wowowdierst", "lowlowlow nest"):
        expected = [index for piece in pieces(text) for index in library.encode(piece).ids]
        assert tokenizer.encode(text) == expected


def test_merges_by_hand():
    """`a b` is joined first, so that `▁abc` is `▁ ab c`. Then it is joined to `▁ab c`."""
    known = Tokenizer(["▁", "a", "b", "c", "ab", "bc", "▁ab"],
                      [("a", "b"), ("b", "c"), ("▁", "ab")])
    assert [known.tokens[i] for i in known.encode("abc")] == ["▁ab", "c"]
    assert [known.tokens[i] for i in known.encode("bcb")] == ["▁", "bc", "b"]


def test_frequent_words_are_one_token(tokenizer):
    assert len(tokenizer.encode("low")) == 1 < len(tokenizer.encode("owl"))


def test_whole_words_are_ordered_by_frequency():
    words = learn(["red dog", "red cat", "red dog sits"], 7, words=True)
    assert words.tokens == (*SPECIAL, "▁red", "▁dog", "▁cat")
    assert words.encode("red bird") == [4, UNKNOWN]
    assert words.unknown("red bird, red") == ["bird", ","]


def test_what_was_never_seen_is_unknown(tokenizer):
    assert UNKNOWN in tokenizer.encode("żółw")
    assert tokenizer.unknown("low żw") == ["ż"]
    assert tokenizer.decode([UNKNOWN]) == "\N{REPLACEMENT CHARACTER}"


def test_decoding_ends_at_the_end(tokenizer):
    low, new = tokenizer.encode("low"), tokenizer.encode("new")
    assert tokenizer.decode([START, *low, END, *new, PAD]) == "low"


def test_sequences_are_cut_and_say_so(tokenizer):
    ids = tokenizer.encode("low new wide")
    assert tokenizer.sequence("low new wide", 100, start=True) == ([START, *ids, END], 0)
    assert tokenizer.sequence("low new wide", 3) == ([*ids[:2], END], len(ids) - 2)
    assert tokenizer.sequence("", 5) == ([END], 0)


def test_comes_back_from_json(tokenizer):
    copy = Tokenizer.from_json(tokenizer.to_json())
    assert (copy.tokens, copy.merges) == (tokenizer.tokens, tokenizer.merges)
    assert copy.vocab_size == len(tokenizer.tokens) <= 60


def test_bad_input():
    check_error(lambda: Tokenizer(["a", "b", "a"]), twice=["a"])
    check_error(lambda: learn(TEXTS, 4), vocab_size=4)
    with pytest.raises(ValueError, match="tokens"):
        Tokenizer.from_json("{}")
    with pytest.raises(ValueError, match="JSON"):
        Tokenizer.from_json("no")
