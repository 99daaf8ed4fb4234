"""Text to ids of tokens and back: sub-words or whole words, in plain Python.

The same code runs in training and beside an exported file on a device. Only learning the merges
is left to the `tokenizers` package.
"""

import collections
import functools
import itertools
import json
import re
import unicodedata
from collections.abc import Iterable

from keras_seqattn.errors import check_count, explain

SPECIAL = ("<pad>", "<start>", "<end>", "<unknown>")
PAD, START, END, UNKNOWN = range(len(SPECIAL))
JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"  # of letters, in a word
SPACE = "\N{LOWER ONE EIGHTH BLOCK}"  # stands for the space before a word, as in SentencePiece
_PIECES = re.compile(rf"{SPACE}?\w+|{SPACE}?[^\w\s]")


def pieces(text: str, whole_words: bool = True) -> list[str]:
    """Cuts a text into words and single other characters, each with the space before it.

    Marks belong to words, such as the vowel signs of Hindi and the points of Hebrew. So do joiners.

    Args:
        text: Text.
        whole_words: Whether marks and joiners belong to words. Tokenisers from before they did cut
            words there.

    >>> pieces("Go on, Tom!"), pieces("हिन्दी"), pieces("हिन्दी", whole_words=False)
    (['▁Go', '▁on', ',', '▁Tom', '!'], ['▁हिन्दी'], ['▁ह', 'ि', 'न', '्', 'द', 'ी'])
    """
    words = unicodedata.normalize("NFC", text).split()
    spaced = "".join(SPACE + word for word in words)
    if not whole_words or text.isascii():
        return _PIECES.findall(spaced)
    # `\w` lacks marks. So the cuts are those of a text that has letters in their places.
    letters = "".join("x" if _belongs(character) else character for character in spaced)
    return [spaced[cut.start():cut.end()] for cut in _PIECES.finditer(letters)]


def _belongs(character: str) -> bool:
    return character in JOINERS or unicodedata.category(character).startswith("M")


class Tokenizer:
    """Turns text into ids and back.

    Args:
        tokens: The texts of the ids from 4 on, or of all ids. The texts of all ids begin with
            `SPECIAL`. `▁` stands for a space.
        merges: Pairs of tokens that are joined within a piece, the first pair first. Without
            merges only whole pieces are known.
        whole_words: As for `pieces`.

    Raises:
        ValueError: a token stands twice.

    Example:

    >>> tokenizer = learn(["low lower lowest", "low"], vocab_size=14)
    >>> ids = tokenizer.encode("lower low")
    >>> len(ids) < len("lower low"), tokenizer.decode(ids)
    (True, 'lower low')
    """

    def __init__(self, tokens: Iterable[str], merges: Iterable[Iterable[str]] = (),
                 whole_words: bool = True):
        tokens = tuple(tokens)
        self.tokens = tokens if tokens[:len(SPECIAL)] == SPECIAL else SPECIAL + tokens
        self.merges = tuple(map(tuple, merges))
        self.whole_words = whole_words
        self._ids = {token: index for index, token in enumerate(self.tokens)}
        if len(self._ids) != len(self.tokens):
            twice = [token for token, count in collections.Counter(self.tokens).items()
                     if count > 1]
            raise ValueError(explain("`tokens` must differ from each other", twice=twice,
                                     fix="drop the repeated ones"))
        self._ranks = {pair: rank for rank, pair in enumerate(self.merges)}
        self._encode_piece = functools.lru_cache(maxsize=65_536)(self._merge)

    @property
    def vocab_size(self) -> int:
        """Number of tokens `V`."""
        return len(self.tokens)

    def encode(self, text: str) -> list[int]:
        """Returns the ids of a text, without start and end. What is not known becomes 3."""
        return [index for piece in self._pieces(text) for index in self._encode_piece(piece)]

    def sequence(self, text: str, max_length: int, start: bool = False) -> tuple[list[int], int]:
        """Returns the ids of a text as a model reads them: cut to what fits, with the end behind.

        Args:
            text: Text.
            max_length: Largest number of ids, start and end included.
            start: Whether the start token stands in front.

        Returns:
            List of ids, and the number of ids that were cut off.
        """
        ids, first = self.encode(text), [START] if start else []
        room = max(max_length - 1 - len(first), 0)
        return [*first, *ids[:room], END], max(len(ids) - room, 0)

    def decode(self, ids: Iterable[int], end: int | Iterable[int] = END) -> str:
        """Returns the text of ids as far as the end, without padding and start.

        Args:
            ids: Ids.
            end: Token that ends a text, or several such tokens. A model's is its `end_token`.
        """
        ends = {end} if isinstance(end, int) else set(end)
        ids = itertools.takewhile(lambda index: index not in ends, map(int, ids))
        text = "".join("\N{REPLACEMENT CHARACTER}" if index == UNKNOWN else self.tokens[index]
                       for index in ids if index not in (PAD, START))
        return text.replace(SPACE, " ").strip()

    def unknown(self, text: str) -> list[str]:
        """Returns the pieces or characters of a text that have no token, in their order."""
        found: list[str] = []
        for piece in self._pieces(text):
            if UNKNOWN in self._encode_piece(piece):
                parts = self._parts(piece) if self.merges else (piece,)
                found += [part.strip(SPACE) for part in parts if part not in self._ids]
        return list(dict.fromkeys(found))

    def _pieces(self, text):
        return pieces(text, self.whole_words)

    def _merge(self, piece):
        if piece in self._ids:
            return (self._ids[piece],)
        if not self.merges:
            return (UNKNOWN,)
        return tuple(self._ids.get(part, UNKNOWN) for part in self._parts(piece))

    def _parts(self, piece):
        """Joins the earliest of the pairs first, again and again (Sennrich et al. 2016, 3.2)."""
        parts = list(piece)
        while len(parts) > 1:
            ranks = [self._ranks.get(pair, len(self._ranks))
                     for pair in itertools.pairwise(parts)]
            best = min(ranks)
            if best == len(self._ranks):
                break
            first, second = self.merges[best]
            joined, index = [], 0
            while index < len(parts):
                if parts[index:index + 2] == [first, second]:
                    joined.append(first + second)
                    index += 2
                else:
                    joined.append(parts[index])
                    index += 1
            parts = joined
        return parts

    def to_json(self) -> str:
        """Returns the tokeniser as one text."""
        return json.dumps({"tokens": self.tokens, "merges": self.merges,
                           "whole_words": self.whole_words}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Tokenizer":
        """Returns the tokeniser that `to_json` wrote.

        Raises:
            ValueError: the text is something else.
        """
        try:
            stored = json.loads(text)
            # Texts from before `whole_words` lack it. Their tokens are those of words cut at marks.
            return cls(stored["tokens"], stored["merges"], stored.get("whole_words", False))
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise ValueError(explain("a tokeniser must be JSON with `tokens` and `merges`",
                                     error=str(error), fix="write it with to_json")) from error


def learn(texts: Iterable[str], vocab_size: int, words: bool = False) -> Tokenizer:
    """Learns a tokeniser from texts.

    Args:
        texts: Iterable of texts.
        vocab_size: Largest number of tokens `V`, the four special ones included.
        words: Whether tokens are the most frequent whole words. Otherwise they are sub-words.

    Returns:
        `Tokenizer`.

    Raises:
        ValueError: `vocab_size` leaves no room for a token.
        ImportError: sub-words are asked for and `tokenizers` is not installed.
    """
    check_count(vocab_size=vocab_size)
    if vocab_size <= len(SPECIAL):
        raise ValueError(explain("`vocab_size` must exceed the number of special tokens",
                                 vocab_size=vocab_size, special=len(SPECIAL), fix="raise it"))
    counts = collections.Counter(piece for text in texts for piece in pieces(text))
    if words:
        ordered = sorted(counts, key=lambda piece: (-counts[piece], piece))
        return Tokenizer(ordered[:vocab_size - len(SPECIAL)])
    try:
        import tokenizers
    except ImportError as error:
        raise ImportError(explain("learning sub-words needs tokenizers", error=str(error),
                                  fix="pip install 'keras_seqattn[text]'")) from error
    learner = tokenizers.Tokenizer(tokenizers.models.BPE())
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocab_size - len(SPECIAL), show_progress=False)
    learner.train_from_iterator(
        (piece for piece in sorted(counts) for _ in range(counts[piece])), trainer)
    model = json.loads(learner.to_str())["model"]
    return Tokenizer(sorted(model["vocab"], key=model["vocab"].get), model["merges"])
