"""Training of models from pictures to captions."""

import collections.abc
import dataclasses
import itertools
import typing

import keras
import numpy as np

from keras_seqattn.data import captions, pairs, tokenizer
from keras_seqattn.data.stored import StoredImages
from keras_seqattn.training.tasks.task import Sections
from keras_seqattn.training.tasks.writing import Writing


@dataclasses.dataclass(frozen=True)
class EncodedCaptions:
    """Pictures with their captions as ids.

    Attributes:
        examples: Pictures, as of `captions.load`.
        captions: For each picture a list of sequences of ids, with the start token.
        tokenizer: `data.tokenizer.Tokenizer`.
    """

    examples: StoredImages
    captions: list[list[np.ndarray]]
    tokenizer: tokenizer.Tokenizer

    @property
    def skipped(self) -> int:
        """Number of pictures and captions that were left out."""
        return self.examples.skipped

    def __len__(self) -> int:
        return sum(map(len, self.captions))


class Captioning(Writing[EncodedCaptions]):
    """From pictures to captions, whose tokens are the words of the training split.

    A picture that is missing or damaged cannot be read, and neither can an empty caption.
    """

    def load(self, recipe: Sections, skip_bad: bool = False
             ) -> tuple[EncodedCaptions, EncodedCaptions]:
        section, model = recipe.data, recipe.model
        training, validation = (
            captions.load(section.source, split, model.image_shape, skip_bad)
            for split in ("train", "validation"))
        texts = texts_of(training)
        known = tokenizer.learn((text for each in texts for text in each), section.vocab_size,
                                words=True)
        return (EncodedCaptions(training, encode(texts, known, model.max_length), known),
                EncodedCaptions(validation, encode(
                    texts_of(validation), known, model.max_length), known))

    def batches(self, recipe: Sections, examples: EncodedCaptions, training: bool = True,
                step: int = 0, share: tuple[int, int] = (0, 1)) -> keras.utils.PyDataset:
        return captions.CaptionBatches(
            examples.examples, examples.captions, recipe.train.batch_size, recipe.data.augment,
            recipe.train.seed if training else None, step, share)


def encode(texts: collections.abc.Sequence[collections.abc.Sequence[str]],
           known: tokenizer.Tokenizer, max_length: int) -> list[list[np.ndarray]]:
    """Returns the ids of the captions of each picture, as `pairs.encode` makes them."""
    ids = iter(pairs.encode([text for each in texts for text in each], known, max_length, True))
    return [list(itertools.islice(ids, len(each))) for each in texts]


def texts_of(examples: StoredImages) -> list[collections.abc.Sequence[str]]:
    """Returns the captions of each example; no picture is decoded."""
    records: typing.Any = examples.records
    return [records[index][1] for index in examples.order]


CAPTIONING = Captioning()
