"""What kinds of training have in common whose models write tokens."""

import typing

import keras

from keras_seqattn.data.tokenizer import Tokenizer
from keras_seqattn.errors import explain
from keras_seqattn.trained import TOKENIZER
from keras_seqattn.training.tasks import task
from keras_seqattn.training.tasks.losses import TokenAccuracy, TokenCrossentropy


class Encoded(task.Examples, typing.Protocol):
    """Examples as ids.

    Attributes:
        tokenizer: What made the ids, learned from the training split.
    """

    @property
    def tokenizer(self) -> Tokenizer: ...


E = typing.TypeVar("E", bound=Encoded)


class Writing(task.Task[E]):
    """A kind of training whose model writes tokens; a subclass loads examples and batches them."""

    def build(self, recipe: task.Sections, examples: E) -> keras.Model:
        settings = recipe.train
        if settings.start is not None or settings.freeze or settings.lora_rank is not None:
            raise ValueError(explain(
                "`start`, `freeze` and `lora_rank` are for classifiers", start=settings.start,
                freeze=settings.freeze, lora_rank=settings.lora_rank, fix="leave them out"))
        return recipe.model.build(examples.tokenizer.vocab_size, seed=settings.seed)

    def loss(self, settings: typing.Any) -> keras.losses.Loss:
        return TokenCrossentropy(settings.label_smoothing)

    def accuracy(self) -> keras.metrics.Metric:
        return TokenAccuracy()

    def files(self, examples: E) -> dict[str, str]:
        return {TOKENIZER: examples.tokenizer.to_json()}

    def facts(self, examples: E) -> dict[str, typing.Any]:
        return {"vocab_size": examples.tokenizer.vocab_size}
