"""What is particular to a model that writes sequences when it leaves.

Its file decodes by itself. It holds the tokenizer and the following signatures. They share their
weights.

- `encode`: source to state;
- `decode_step`: token and state to logits, and what changed of the state;
- `greedy` and `beam`: source to tokens, lengths and scores.

The signatures are traced from `model.start`, `model.step` and `decoding`. So they compute what
these compute in Keras.
"""

import keras

from keras_seqattn import decoding
from keras_seqattn.data.tokenizer import Tokenizer
from keras_seqattn.decoding.greedy_search import end_tokens
from keras_seqattn.edge.fold.fold import join
from keras_seqattn.edge.formats import Format
from keras_seqattn.edge.graph.graph import Graph
from keras_seqattn.edge.lower.trace import lower_function
from keras_seqattn.errors import check_count, explain
from keras_seqattn.models.generator import Generator

LENGTH_PENALTY = 0.6


def check(model: Generator, form: Format, tokenizer: Tokenizer | None, beam_width: int,
          ) -> Tokenizer:
    """Refuses what cannot become a file that writes.

    Args:
        model: `models.Generator`.
        form: `formats.Format` of the file.
        tokenizer: `data.tokenizer.Tokenizer`, or `None`.
        beam_width: Width of the signature `beam`.

    Returns:
        The tokenizer.

    Raises:
        ValueError: a format without signatures, a tokenizer of another vocabulary, or a beam that
            is wider than the vocabulary.
    """
    if not form.writes:
        raise ValueError(explain("the format must hold models that write sequences",
                                 suffix=form.suffix, fix="export to a .tflite file"))
    if tokenizer is None or tokenizer.vocab_size != model.vocab_size:
        raise ValueError(explain(
            "`tokenizer` must have the vocabulary of the model",
            tokenizer=None if tokenizer is None else tokenizer.vocab_size,
            model=model.vocab_size, fix="pass the tokenizer that the model was trained with"))
    check_count(beam_width=beam_width)
    if beam_width > model.vocab_size:
        raise ValueError(explain("`beam_width` must not exceed the vocabulary",
                                 beam_width=beam_width, vocab_size=model.vocab_size,
                                 fix="pass a smaller one"))
    return tokenizer


def lower(model: Generator, beam_width: int) -> dict[str, Graph]:
    """Lowers the signatures for one source.

    Args:
        model: `models.Generator`.
        beam_width: Width of the signature `beam`.

    Returns:
        `Graph` by the name of its signature, with what is done at once in one node.
    """
    source = _source(model)
    encode = lower_function(model.start, {source.name: source})
    state = {name: keras.KerasTensor(*encode.made[name]) for name in sorted(encode.made)}

    def step(tokens, *values):
        before = dict(zip(state, values, strict=True))
        logits, after = model.step(tokens, before)
        return {"logits": logits, **{
            name: each for name, each in after.items() if each is not before[name]}}

    def decode(method, **options):
        def write_all(sources):
            start = model.start(sources)
            return method(model.step, model.first_tokens(start), start, end=model.end_token,
                          max_length=model.max_length, **options)._asdict()
        return lower_function(write_all, {source.name: source})

    tokens = keras.KerasTensor((1,), "int32", name="tokens")
    graphs = {
        "encode": encode,
        "decode_step": lower_function(step, {"tokens": tokens, **state}),
        "greedy": decode(decoding.greedy),
        "beam": decode(decoding.beam, width=beam_width, length_penalty=LENGTH_PENALTY,
                       num_best=beam_width)}
    return {name: join(graph) for name, graph in graphs.items()}


def complete(contract: dict, model: Generator, beam_width: int) -> dict:
    """Adds to a file's contract how the file writes.

    Args:
        contract: Of the signature `greedy`, as `contract.describe` gives it.
        model: `models.Generator`.
        beam_width: Width of the signature `beam`.

    Returns:
        The contract, with an entry `"writer"`. Its `"end"` is the token that ends a text, or a list
        of several such tokens.
    """
    ends = end_tokens(model.end_token)
    for each in (*contract["inputs"], *contract["outputs"]):
        if each["name"] in ("tokens", "scores"):
            each["content"] = each["name"]
    return {**contract, "writer": {
        "source": "tokens" if _source(model).dtype == "int32" else "image",
        "start": model.start_token, "end": ends[0] if len(ends) == 1 else list(ends),
        "vocab_size": model.vocab_size, "beam_width": beam_width, "length_penalty": LENGTH_PENALTY,
        "max_length": model.max_length}}


def _source(model):
    """The source as a symbolic tensor, for one example of the largest size."""
    tensor = model.input[model.source_name]
    shape = (1, *(model.max_length if size is None else size for size in tensor.shape[1:]))
    return keras.KerasTensor(shape, tensor.dtype, name=model.source_name)
