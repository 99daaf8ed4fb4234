"""How near written captions and translations come to those of people: BLEU, ROUGE-L, CIDEr-D.

Pure Python and sacrebleu. Every metric takes one hypothesis and a list of references for each item
and returns `Scores`: one number for the data set and one for each item.

Only `bleu` has tokenisers, which are sacrebleu's. For all others words are what spaces separate.
Lower-case and strip punctuation first, in hypotheses and references alike.
"""

import collections
import math
import statistics
import typing

from keras_seqattn.training.scores.sentences import Hypotheses, References, formed, ngrams, words

_ORDERS = (1, 2, 3, 4)


class Scores(typing.NamedTuple):
    """A metric's value for the data set and for each item.

    Args:
        corpus: Value for the data set.
        items: Value for each item, in order.
        signature: How sacrebleu computed the value, to be printed beside it; else `None`.
    """

    corpus: float
    items: list[float]
    signature: str | None = None


def bleu(hypotheses: Hypotheses, references: References, **options: typing.Any) -> Scores:
    """Computes BLEU in `[0, 100]` by sacrebleu, by which translations are compared.

    Args:
        hypotheses: One sentence per item: a string, or a list of words.
        references: One list of sentences per item; `None` stands for a missing one.
        **options: Arguments of `sacrebleu.BLEU`, such as `lowercase` or `tokenize`. With
            `tokenize="none"` the sentences are taken as tokenised.

    Returns:
        `Scores`. Items are smoothed, and skip orders of which they have no n-gram.

    Raises:
        ValueError: numbers of hypotheses and references differ, or are 0; an item has no reference.
        ImportError: sacrebleu is not installed.

    >>> round(bleu(["the dog runs home"], [["the dog runs home now", None]]).corpus, 3)
    77.88
    """
    from sacrebleu import BLEU

    texts, known = formed(hypotheses, references, lambda text: text)
    if options.get("tokenize") == "none":
        options.setdefault("force", True)  # else it warns of sentences that are tokenised
    metric = BLEU(**options)
    each = BLEU(**{**options, "effective_order": True})
    most = max(map(len, known))
    # sacrebleu takes `None` where an item has fewer references, though its hints do not say so.
    streams: list[typing.Any] = [
        [item[i] if i < len(item) else None for item in known] for i in range(most)]
    corpus = metric.corpus_score(texts, streams)
    items = [each.sentence_score(text, item).score
             for text, item in zip(texts, known, strict=True)]
    return Scores(corpus.score, items, str(metric.get_signature()))


def bleu_n(hypotheses: Hypotheses, references: References) -> list[Scores]:
    """Computes BLEU-1 to BLEU-4 in `[0, 1]`, by which captions are compared.

    Args:
        hypotheses: One caption per item: a string, or a list of words.
        references: One list of captions per item; `None` stands for a missing one.

    Returns:
        List of four `Scores`, which differ from `bleu` in two ways:

        - A caption without a match of some order is not smoothed and scores nearly 0.
        - Of two references that are as near in length the shorter counts.

    Raises:
        ValueError: numbers of hypotheses and references differ, or are 0; an item has no reference.

    Source: Papineni et al. 2002, section 2; constants that keep it finite as in pycocoevalcap.

    >>> [round(scores.corpus, 3) for scores in bleu_n(["a dog runs"], [["a dog sleeps"]])]
    [0.667, 0.577, 0.0, 0.0]
    """
    counted = [_matches(*item) for item in zip(*words(hypotheses, references), strict=True)]
    total = [sum(column) for column in zip(*counted, strict=True)]
    items = [_bleu_of(*counts) for counts in counted]
    return [Scores(corpus, list(column)) for corpus, column in zip(
        _bleu_of(*total), zip(*items, strict=True), strict=True)]


def _matches(hypothesis: list[str], references: list[list[str]]) -> tuple[int, ...]:
    """Words, words of the reference nearest in length, then matches and n-grams of each order."""
    length = len(hypothesis)
    nearest = min((abs(len(each) - length), len(each)) for each in references)[1]
    counts = []
    for order in _ORDERS:
        found, allowed = ngrams(hypothesis, order), ngrams([], order)
        for reference in references:
            allowed |= ngrams(reference, order)
        counts += [(found & allowed).total(), found.total()]
    return length, nearest, *counts


def _bleu_of(length: int, nearest: int, *counts: int) -> list[float]:
    tiny, small = 1e-15, 1e-9
    brevity = math.exp(min(0.0, 1 - (nearest + small) / (length + tiny)))
    product, values = 1.0, []
    for order, matches, total in zip(_ORDERS, counts[::2], counts[1::2], strict=True):
        product *= (matches + tiny) / (total + small)
        values.append(product ** (1 / order) * brevity)
    return values


def rouge_l(hypotheses: Hypotheses, references: References, beta: float = 1.2) -> Scores:
    """Computes ROUGE-L in `[0, 1]`: how much of a reference comes in the same order.

    Args:
        hypotheses, references: As for `bleu_n`.
        beta: Weight of recall against precision.

    Returns:
        `Scores`. An item's value is the F-measure of the best precision and the best recall over
        the references, which may come from two of them. The value of the data set is the mean.

    Raises:
        ValueError: numbers of hypotheses and references differ, or are 0; an item has no reference.

    Source: Lin 2004, section 3.1; the best over references as in pycocoevalcap.

    >>> rouge_l(["a dog runs"], [["a dog runs"]]).corpus
    1.0
    """
    items = []
    for hypothesis, item in zip(*words(hypotheses, references), strict=True):
        common = [_longest_common(hypothesis, reference) for reference in item]
        precision = max(common) / max(len(hypothesis), 1)
        recall = max(number / max(len(reference), 1)
                     for number, reference in zip(common, item, strict=True))
        items.append((1 + beta ** 2) * precision * recall / (recall + beta ** 2 * precision)
                     if precision and recall else 0.0)
    return Scores(statistics.fmean(items), items)


def _longest_common(left: list[str], right: list[str]) -> int:
    """Length of the longest sequence of words that both have in this order, gaps allowed."""
    row = [0] * (len(right) + 1)
    for word in left:
        above, row = row, [0]
        for i, other in enumerate(right):
            row.append(above[i] + 1 if word == other else max(row[i], above[i + 1]))
    return row[-1]


def cider_d(hypotheses: Hypotheses, references: References, sigma: float = 6.0) -> Scores:
    """Computes CIDEr-D in `[0, 10]`: shared n-grams, each worth the more the rarer it is.

    How rare an n-gram is comes from the references given. So a value holds for its data set alone,
    and a data set of one item scores 0.

    Args:
        hypotheses, references: As for `bleu_n`.
        sigma: How much lengths may differ, in n-grams.

    Returns:
        `Scores`; the value of the data set is the mean.

    Raises:
        ValueError: numbers of hypotheses and references differ, or are 0; an item has no reference.

    Source: Vedantam et al. 2015, section 6, equations 3 and 4. As in pycocoevalcap, lengths are
    counted in pairs of words.

    >>> round(cider_d(["a dog runs off", "two red cars go"],
    ...               [["a dog runs off"], ["two red cars go"]]).corpus, 3)
    10.0
    """
    written, known = words(hypotheses, references)
    known_in = collections.Counter(
        ngram for item in known
        for ngram in {each for one in item for n in _ORDERS for each in ngrams(one, n)})
    unknown = math.log(len(known))

    def vector(sentence: list[str], order: int) -> tuple[dict, float]:
        counts = ngrams(sentence, order)
        weights = {ngram: number * (unknown - math.log(max(1, known_in[ngram])))
                   for ngram, number in counts.items()}
        return weights, math.sqrt(sum(weight ** 2 for weight in weights.values()))

    def similarity(hypothesis: list[str], reference: list[str]) -> float:
        value = 0.0
        for order in _ORDERS:
            (here, norm), (there, other) = vector(hypothesis, order), vector(reference, order)
            if norm and other:
                value += sum(min(weight, there[ngram]) * there[ngram]
                             for ngram, weight in here.items() if ngram in there) / (norm * other)
        pairs = max(len(hypothesis) - 1, 0) - max(len(reference) - 1, 0)
        return value * math.exp(-pairs ** 2 / (2 * sigma ** 2))

    items = [10 / len(_ORDERS) * statistics.fmean(similarity(hypothesis, each) for each in item)
             for hypothesis, item in zip(written, known, strict=True)]
    return Scores(statistics.fmean(items), items)


def exact_match(hypotheses: Hypotheses, references: References) -> Scores:
    """Computes the share of items whose hypothesis is one of the references, word by word.

    Args:
        hypotheses, references: As for `bleu_n`.

    Returns:
        `Scores`; 1.0 or 0.0 for an item.

    Raises:
        ValueError: numbers of hypotheses and references differ, or are 0; an item has no reference.

    >>> exact_match(["a dog", "a cat"], [["the dog", "a dog"], ["the cat"]]).corpus
    0.5
    """
    pairs = zip(*words(hypotheses, references), strict=True)
    items = [float(hypothesis in item) for hypothesis, item in pairs]
    return Scores(statistics.fmean(items), items)
