"""What is compared: one hypothesis and some references for each item, in one form."""

import collections
import collections.abc
import typing

from keras_seqattn.errors import explain

Sentence: typing.TypeAlias = str | collections.abc.Sequence[str]
Hypotheses: typing.TypeAlias = collections.abc.Sequence[Sentence]
References: typing.TypeAlias = collections.abc.Sequence[collections.abc.Sequence[Sentence | None]]
Form = typing.TypeVar("Form", str, list[str])


def words(hypotheses: Hypotheses, references: References
          ) -> tuple[list[list[str]], list[list[list[str]]]]:
    """Checks hypotheses and references, and cuts every sentence at its spaces.

    Args:
        hypotheses: One sentence per item: a string, or a list of words.
        references: One list of sentences per item; `None` stands for a missing one.

    Returns:
        Words of each hypothesis, and of each reference of each item.

    Raises:
        ValueError: numbers of hypotheses and references differ, or are 0; an item has no reference.

    >>> words(["a dog"], [["the dog", None]])
    ([['a', 'dog']], [[['the', 'dog']]])
    """
    return formed(hypotheses, references, str.split)


def formed(hypotheses: Hypotheses, references: References,
           form: collections.abc.Callable[[str], Form]) -> tuple[list[Form], list[list[Form]]]:
    """Checks hypotheses and references as `words` does, and brings every sentence into a form."""
    if len(hypotheses) != len(references) or not len(references):
        raise ValueError(explain(
            "`hypotheses` and `references` must have one entry for each of at least 1 item",
            hypotheses=len(hypotheses), references=len(references),
            fix="pass one sentence and one list of sentences for each item"))

    def one(sentence: Sentence) -> Form:
        return form(sentence if isinstance(sentence, str) else " ".join(sentence))

    given = []
    for number, item in enumerate(references):
        if isinstance(item, str) or not any(each is not None for each in item or ()):
            raise ValueError(explain(
                "every item of `references` must be a list with at least 1 sentence", item=number,
                received=references[number], fix='pass a list such as ["a dog runs"]'))
        given.append([one(each) for each in item if each is not None])
    return [one(each) for each in hypotheses], given


def ngrams(words: list[str], order: int) -> collections.Counter[tuple[str, ...]]:
    """Counts the sequences of `order` words."""
    return collections.Counter(zip(*(words[i:] for i in range(order)), strict=False))
