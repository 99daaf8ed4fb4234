"""Training of models from sentences to sentences."""

import dataclasses

import keras
import numpy as np

from keras_seqattn.data import pairs, tokenizer
from keras_seqattn.training.tasks.task import Sections
from keras_seqattn.training.tasks.writing import Writing


@dataclasses.dataclass(frozen=True)
class EncodedPairs:
    """Pairs of sentences as ids.

    Attributes:
        sources: Sequences of ids.
        targets: Sequences of ids, with the start token.
        tokenizer: `data.tokenizer.Tokenizer`.
        skipped: Number of lines that were left out.
    """

    sources: list[np.ndarray]
    targets: list[np.ndarray]
    tokenizer: tokenizer.Tokenizer
    skipped: int

    def __len__(self) -> int:
        return len(self.sources)


class Translation(Writing[EncodedPairs]):
    """From sentences to sentences; a line without a source or target cannot be read."""

    def load(self, recipe: Sections, skip_bad: bool = False) -> tuple[EncodedPairs, EncodedPairs]:
        section, length = recipe.data, recipe.model.max_length
        training, validation = (
            pairs.load(section.source, split, skip_bad) for split in ("train", "validation"))
        known = tokenizer.learn((*training.sources, *training.targets), section.vocab_size,
                                section.words)

        def encoded(split: pairs.Pairs) -> EncodedPairs:
            return EncodedPairs(
                pairs.encode(split.sources, known, length),
                pairs.encode(split.targets, known, length, start=True), known, split.skipped)

        return encoded(training), encoded(validation)

    def batches(self, recipe: Sections, examples: EncodedPairs, training: bool = True,
                step: int = 0, share: tuple[int, int] = (0, 1)) -> keras.utils.PyDataset:
        return pairs.PairBatches(
            examples.sources, examples.targets, recipe.train.batch_size,
            recipe.train.seed if training else None, step, share)


TRANSLATION = Translation()
