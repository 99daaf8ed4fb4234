"""What a translator writes, and how good it is."""

from keras_seqattn.data import pairs
from keras_seqattn.training import metrics


def translations(model, tokenizer, texts, beam=1, batch_size=64):
    """Translates texts.

    Args:
        model: `models.Generator`, or an exported file as of `edge.load`.
        tokenizer: `data.tokenizer.Tokenizer`.
        texts: Source sentences.
        beam: Number of beginnings that are followed; 1 is greedy decoding.
        batch_size: Sentences at a time; a file takes one at a time anyway.

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
            written[index] = tokenizer.decode(tokens)
    return written


def bleu_scores(written, examples):
    """Corpus BLEU of translations, by sacrebleu.

    Args:
        written: Text for each distinct source, in the order of `examples.references()`.
        examples: `data.pairs.Pairs`.

    Returns:
        `bleu`: each pair is an example of its own, so a source with several translations counts
        as often, with one reference each; `bleu_all_references`: each distinct source once, against
        all its translations; `sentences`, `pairs`: how many; `signature`: sacrebleu's.
    """
    references = list(examples.references().values())
    repeated = [text for text, known in zip(written, references, strict=True) for _ in known]
    single = [[reference] for known in references for reference in known]
    score = metrics.bleu(repeated, single)
    return {"bleu": score.corpus, "signature": score.signature,
            "bleu_all_references": metrics.bleu(written, references).corpus,
            "sentences": len(written), "pairs": len(repeated)}
