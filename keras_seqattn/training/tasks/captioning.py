"""Models from pictures to captions from a recipe: data, model, optimizer, loss and metric."""

import dataclasses
import itertools

from keras_seqattn.data import captions, pairs, tokenizer
from keras_seqattn.data.stored import StoredImages
from keras_seqattn.files import whole
from keras_seqattn.training.tasks import translation
from keras_seqattn.training.tasks.translation import TOKENIZER


@dataclasses.dataclass(frozen=True)
class Encoded:
    """Pictures with their captions as ids.

    Attributes:
        examples: Pictures, as of `captions.load`.
        captions: For each picture a list of sequences of ids, with the start token.
        tokenizer: `data.tokenizer.Tokenizer`.
    """

    examples: StoredImages
    captions: list
    tokenizer: tokenizer.Tokenizer
    classes = ()

    def __len__(self):
        return sum(map(len, self.captions))


def load(recipe, skip_bad=False):
    """Loads the captioned pictures of a recipe; its tokens are the words of the training split.

    Args:
        recipe: `CaptioningRecipe`.
        skip_bad: Whether to leave out pictures that are missing or unreadable and captions that
            are empty, and count them.

    Returns:
        `Encoded` for training and for validation.
    """
    section, model = recipe.data, recipe.model
    splits = [captions.load(section.source, split, model.image_shape, skip_bad)
              for split in ("train", "validation")]
    texts = [texts_of(split) for split in splits]
    known = tokenizer.learn((text for each in texts[0] for text in each), section.vocab_size,
                            words=True)
    return tuple(
        Encoded(split, encode(own, known, model.max_length), known)
        for split, own in zip(splits, texts, strict=True))


def encode(texts, known, max_length):
    """Ids of the captions of each picture, as `pairs.encode` makes them."""
    ids = iter(pairs.encode([text for each in texts for text in each], known, max_length, True))
    return [list(itertools.islice(ids, len(each))) for each in texts]


def texts_of(examples):
    """The captions of each example, without decoding a picture."""
    return [examples.records[index][1] for index in examples.order]


def batches(recipe, examples, training=True, step=0, share=(0, 1)):
    """The batches of a recipe, as of `captions.CaptionBatches`; arguments as of `classifier`."""
    return captions.CaptionBatches(
        examples.examples, examples.captions, recipe.train.batch_size, recipe.data.augment,
        recipe.train.seed if training else None, step, share)


# A captioner is built and compiled as any model that writes.
build, compile_model = translation.build, translation.compile_model


def finish(recipe, examples, model, out):
    """Writes what is needed to use a model: `tokenizer.json`; arguments as of `classifier`."""
    with whole(out / TOKENIZER) as path:
        path.write_text(examples.tokenizer.to_json(), encoding="utf-8")
    return {
        "model": {"parameters": model.count_params(), "architecture": recipe.model.architecture,
                  "encoder": recipe.model.encoder,
                  "image_shape": list(recipe.model.image_shape)},
        "data": {"source": recipe.data.source, "training_examples": len(examples),
                 "skipped": examples.examples.skipped,
                 "vocab_size": examples.tokenizer.vocab_size}}
