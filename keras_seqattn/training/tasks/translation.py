"""Models from sentences to sentences from a recipe: data, model, optimizer, loss and metric."""

import dataclasses

from keras_seqattn.data import pairs, tokenizer
from keras_seqattn.errors import explain
from keras_seqattn.files import whole
from keras_seqattn.training.optimizer.optimizer import make
from keras_seqattn.training.tasks.losses import TokenAccuracy, TokenCrossentropy

TOKENIZER = "tokenizer.json"


@dataclasses.dataclass(frozen=True)
class Encoded:
    """Pairs as ids.

    Attributes:
        sources: Sequences of ids.
        targets: Sequences of ids, with the start token.
        tokenizer: `data.tokenizer.Tokenizer`.
        skipped: Number of lines that were left out.
    """

    sources: list
    targets: list
    tokenizer: tokenizer.Tokenizer
    skipped: int
    classes = ()

    def __len__(self):
        return len(self.sources)


def load(recipe, skip_bad=False):
    """Loads the pairs of a recipe and learns its tokenizer from the training split.

    Args:
        recipe: `TranslationRecipe`.
        skip_bad: Whether to leave lines without a source or target out, and count them.

    Returns:
        `Encoded` for training and for validation.
    """
    section = recipe.data
    splits = [pairs.load(section.source, split, skip_bad) for split in ("train", "validation")]
    known = tokenizer.learn((*splits[0].sources, *splits[0].targets), section.vocab_size,
                            section.words)
    length = recipe.model.max_length
    return tuple(Encoded(pairs.encode(split.sources, known, length),
                         pairs.encode(split.targets, known, length, start=True),
                         known, split.skipped) for split in splits)


def batches(recipe, examples, training=True, step=0, share=(0, 1)):
    """The batches of a recipe, as of `data.pairs.PairBatches`; arguments as of `classifier`."""
    return pairs.PairBatches(
        examples.sources, examples.targets, recipe.train.batch_size,
        recipe.train.seed if training else None, step, share)


def build(recipe, examples):
    """Builds the model of a recipe with fresh weights.

    Args:
        recipe: `TranslationRecipe`.
        examples: Training examples.

    Returns:
        `models.Generator`, not compiled.

    Raises:
        ValueError: the recipe asks for what only classifiers have.
    """
    settings = recipe.train
    if settings.start is not None or settings.freeze or settings.lora_rank is not None:
        raise ValueError(explain(
            "`start`, `freeze` and `lora_rank` are for classifiers", start=settings.start,
            freeze=settings.freeze, lora_rank=settings.lora_rank, fix="leave them out"))
    return recipe.model.build(examples.tokenizer.vocab_size, seed=settings.seed)


def compile_model(model, settings, num_steps):
    """Gives the model its optimizer, loss and metric; arguments as of `classifier`."""
    model.compile(make(model, settings, num_steps), TokenCrossentropy(settings.label_smoothing),
                  weighted_metrics=[TokenAccuracy()], jit_compile=settings.xla)


def finish(recipe, examples, model, out):
    """Writes what is needed to use a model: `tokenizer.json`; arguments as of `classifier`."""
    with whole(out / TOKENIZER) as path:
        path.write_text(examples.tokenizer.to_json(), encoding="utf-8")
    return {
        "model": {"parameters": model.count_params(), "architecture": recipe.model.architecture},
        "data": {"source": recipe.data.source, "training_examples": len(examples),
                 "skipped": examples.skipped, "vocab_size": examples.tokenizer.vocab_size}}
