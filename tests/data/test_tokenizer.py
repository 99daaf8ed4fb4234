"""`keras_seqattn.data.tokenizer`."""

import pathlib

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

ROOT = pathlib.Path(__file__).parents[2]
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
    assert tokenizer.decode([START, *low, END, *new, PAD], new[0]) != "low"
    assert tokenizer.decode([*low, *new, END, *low], [END, new[0]]) == "low"


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


WORDS = ("हिन्दी में लिखा", "আমার সোনার বাংলা", "நான் தமிழ்", "ดีมาก", "مُحَمَّد", "שָׁלוֹם",
         "e\u0301te\u0301 q\u0307", "naïve café", "می\u200cخواهم", "ශ්\u200dරී")


@pytest.mark.parametrize("text", WORDS)
def test_marks_and_joiners_belong_to_their_word(text):
    assert len(pieces(text)) == len(text.split())
    assert "".join(pieces(text)).replace("▁", "") == "".join(pieces(text, False)).replace("▁", "")


@pytest.mark.parametrize(("text", "wanted"), [
    ("\u0301a", ["▁\u0301a"]), ("!\u0301", ["▁!", "\u0301"]), ("a\u200b", ["▁a", "\u200b"]),
    ("नमस्ते।", ["▁नमस्ते", "।"])])
def test_marks_at_the_edges(text, wanted):
    assert pieces(text) == wanted


def test_a_vocabulary_of_words_holds_them_whole():
    known = learn(["हिन्दी में लिखा है", "हिन्दी है"], 60, words=True)
    assert set(known.tokens[4:]) == {"▁हिन्दी", "▁में", "▁लिखा", "▁है"}
    assert known.decode(known.encode("हिन्दी है")) == "हिन्दी है"


def test_a_tokenizer_from_before_keeps_its_pieces():
    stored = '{"tokens": ["<pad>", "<start>", "<end>", "<unknown>", "▁ह", "ि", "न"], "merges": []}'
    before = Tokenizer.from_json(stored)
    assert before.encode("हिन्दी") == [4, 5, 6, UNKNOWN, UNKNOWN, UNKNOWN]
    assert before.unknown("हिन्दी") == ["्", "द", "ी"]
    assert Tokenizer.from_json(before.to_json()).encode("हिन्दी") == before.encode("हिन्दी")
    new = Tokenizer.from_json(Tokenizer(["▁हिन्दी"]).to_json())
    assert new.encode("हिन्दी") == [4]


@pytest.mark.parametrize("name", ["translate_fra_eng", "captioner_emoji"])
def test_shipped_tokenizers_keep_their_pieces(name):
    stored = (ROOT / "models" / name / "tokenizer.json").read_text(encoding="utf-8")
    shipped = Tokenizer.from_json(stored)
    assert shipped.encode("ạ́b q\u0301q") == [
        index for piece in pieces("ạ́b q\u0301q", whole_words=False)
        for index in shipped._encode_piece(piece)]
