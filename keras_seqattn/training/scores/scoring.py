"""What a translator or a captioner writes, and how good it is."""

import collections.abc
import typing

import numpy as np

from keras_seqattn.data import pairs
from keras_seqattn.data.batches import scale
from keras_seqattn.data.stored import StoredImages
from keras_seqattn.data.tokenizer import SPACE, Tokenizer, pieces
from keras_seqattn.training.scores import metrics
from keras_seqattn.training.tasks import captioning

PUNCTUATION = set("'`(){}.?!,:-;\u201c\u201d\u2018\u2019")


def translations(model: typing.Any, tokenizer: Tokenizer, texts: collections.abc.Sequence[str],
                 beam: int = 1, batch_size: int = 64) -> list[str]:
    """Translates texts.

    Args:
        model: `models.Generator`, or an exported file as of `edge.load`.
        tokenizer: `data.tokenizer.Tokenizer`.
        texts: Source sentences.
        beam: Number of beginnings that are followed; 1 is greedy decoding.
        batch_size: Sentences at a time. A file takes one at a time anyway.

    Returns:
        List of texts, one for each.
    """
    sources, length = pairs.encode(texts, tokenizer, model.max_length), model.max_length
    order = sorted(range(len(sources)), key=lambda index: len(sources[index]))
    written = [""] * len(sources)
    for first in range(0, len(order), batch_size):
        chosen = order[first:first + batch_size]
        # Full batches of the longest size only, so that one compiled loop serves all.
        rows = [sources[index] for index in chosen]
        batch = pairs.pad([*rows, *[rows[-1]] * (batch_size - len(rows))], length)
        for index, tokens in zip(chosen, model.write(batch, beam), strict=False):
            written[index] = tokenizer.decode(tokens, model.end_token)
    return written


def bleu_scores(written: collections.abc.Sequence[str], examples: pairs.Pairs
                ) -> dict[str, typing.Any]:
    """Computes the corpus BLEU of translations, and how many are right word by word.

    Args:
        written: Text for each distinct source, in the order of `examples.references()`.
        examples: `data.pairs.Pairs`.

    Returns:
        Name to value:

        - `bleu`: of pairs. A source with several translations counts as often, each time with one
          reference.
        - `bleu_all_references`: of each distinct source once, against all its translations.
        - `exact_match`: share of the distinct sources that are right word by word.
        - `sentences` and `pairs`: numbers of distinct sources and of pairs.
        - `signature`: how sacrebleu computed `bleu`.
    """
    references = list(examples.references().values())
    repeated = [text for text, known in zip(written, references, strict=True) for _ in known]
    single = [[reference] for known in references for reference in known]
    score = metrics.bleu(repeated, single)
    return {"bleu": score.corpus, "signature": score.signature,
            "bleu_all_references": metrics.bleu(written, references).corpus,
            "exact_match": metrics.exact_match(written, references).corpus,
            "sentences": len(written), "pairs": len(repeated)}


def captions(model: typing.Any, tokenizer: Tokenizer, examples: StoredImages, beam: int = 1,
             batch_size: int = 64) -> list[str]:
    """Writes a caption for each picture.

    Args:
        model: `models.Generator` that reads pictures, or an exported file as of `edge.load`.
        tokenizer: `data.tokenizer.Tokenizer`.
        examples: What `data.captions.load` returns.
        beam: Number of beginnings that are followed; 1 is greedy decoding.
        batch_size: Pictures at a time.

    Returns:
        List of texts, one for each.
    """
    prepare = getattr(model, "normalise", scale)
    written: list[str] = []
    for first in range(0, len(examples), batch_size):
        # Full batches only, so that one compiled loop serves all.
        images, _ = examples.read(np.arange(first, first + batch_size) % len(examples))
        written += [tokenizer.decode(tokens, model.end_token)
                    for tokens in model.write(prepare(images), beam)]
    return written[:len(examples)]


def caption_scores(written: collections.abc.Sequence[str], examples: StoredImages
                   ) -> dict[str, float]:
    """Compares captions with those of the examples, in lower case and without punctuation.

    Args:
        written: Text for each picture.
        examples: `data.captions.load`'s.

    Returns:
        Value of each metric for the data set: four of `bleu_1` … `bleu_4`, and one each of
        `rouge_l` and `cider_d` and `exact_match`.
    """
    hypotheses = [_words(text) for text in written]
    references = [[_words(text) for text in texts] for texts in captioning.texts_of(examples)]
    return {**{f"bleu_{n}": each.corpus for n, each in
               enumerate(metrics.bleu_n(hypotheses, references), 1)},
            **{metric.__name__: metric(hypotheses, references).corpus for metric in (
                metrics.rouge_l, metrics.cider_d, metrics.exact_match)}}


def _words(text: str) -> list[str]:
    found = (piece.lstrip(SPACE) for piece in pieces(text.lower()))
    return [word for word in found if word not in PUNCTUATION]
