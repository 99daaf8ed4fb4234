"""What a kind of training promises, from its examples to its files."""

import abc
import pathlib
import typing

import keras

from keras_seqattn import borrowed
from keras_seqattn.files import whole
from keras_seqattn.training.optimizer import optimizer
from keras_seqattn.training.tasks.scan import scan_blocks


class Sections(typing.Protocol):
    """What a task reads of a recipe: three sections, whose fields depend on the kind."""

    @property
    def model(self) -> typing.Any: ...

    @property
    def data(self) -> typing.Any: ...

    @property
    def train(self) -> typing.Any: ...


class Examples(typing.Protocol):
    """What every kind trains on.

    Attributes:
        skipped: Number of examples that could not be read and were left out.
    """

    @property
    def skipped(self) -> int: ...

    def __len__(self) -> int: ...


E = typing.TypeVar("E", bound=Examples)


class Task(abc.ABC, typing.Generic[E]):
    """A kind of training. It holds no state: one instance serves every run.

    Attributes:
        one_shape: Whether all batches of a training have one shape, so that one compiled program
            takes them all. Only such a training can be examined by the doctor.
    """

    one_shape: typing.ClassVar[bool] = False

    @abc.abstractmethod
    def load(self, recipe: Sections, skip_bad: bool = False) -> tuple[E, E | None]:
        """Loads the examples of a recipe.

        Args:
            recipe: `Recipe`.
            skip_bad: Whether to leave out examples that cannot be read, and count them.

        Returns:
            Examples for training, and those for validation or `None`.

        Raises:
            ValueError: the source is not there, or an example cannot be read and `skip_bad` is
                false.
        """

    @abc.abstractmethod
    def batches(self, recipe: Sections, examples: E, training: bool = True, step: int = 0,
                share: tuple[int, int] = (0, 1)) -> keras.utils.PyDataset:
        """Makes batches of examples.

        Args:
            recipe: `Recipe`.
            examples: As of `load`.
            training: Whether the batches are shuffled, augmented and without end.
            step: Step of the first batch.
            share: `(index, count)`: which share of each batch is made.

        Returns:
            `keras.utils.PyDataset` with `steps_per_epoch` and with `num_batches`, which is `None`
            where the batches have no end.
        """

    @abc.abstractmethod
    def build(self, recipe: Sections, examples: E) -> keras.Model:
        """Builds the model of a recipe, and says what of it trains.

        Args:
            recipe: `Recipe`.
            examples: Training examples.

        Returns:
            `keras.Model`, not compiled.

        Raises:
            ValueError: the recipe asks for what this kind or this model cannot do.
        """

    @abc.abstractmethod
    def loss(self, settings: typing.Any) -> keras.losses.Loss:
        """Returns what the training makes small.

        Args:
            settings: The recipe's `TrainSection`.
        """

    @abc.abstractmethod
    def accuracy(self) -> keras.metrics.Metric:
        """Returns the metric `accuracy` of the curves: a share of right answers."""

    def compile_model(self, model: keras.Model, settings: typing.Any, num_steps: int) -> None:
        """Gives a model its optimizer, loss and metric.

        Args:
            model: `keras.Model` that returns logits.
            settings: The recipe's `TrainSection`.
            num_steps: Steps of the whole training.

        Raises:
            ValueError: `settings.scan` is true, and the model has no row of equal blocks, or Keras
                is not on JAX.
        """
        if settings.scan:
            scan_blocks(model)
        model.compile(
            optimizer.make(model, settings, num_steps), self.loss(settings),
            weighted_metrics=[self.accuracy()], jit_compile=settings.xla)

    def build_state(self, model: keras.Model, batch: tuple) -> None:
        """Makes every variable of a compiled model: optimizer, loss and metrics included.

        Args:
            model: `keras.Model`.
            batch: One batch: inputs, targets, weights.
        """
        borrowed.build_with(model, batch)
        model.optimizer.build(model.trainable_variables)

    def classes(self, examples: E) -> tuple[str, ...]:
        """Returns the names of the classes, in the order of the logits; none by default.

        Where there are names, TensorBoard shows pictures of the validation examples with them.
        """
        return ()

    def counts(self, examples: E) -> dict[str, int]:
        """Returns the number of examples of each class; none by default."""
        return {}

    @abc.abstractmethod
    def files(self, examples: E) -> dict[str, str]:
        """Returns what is needed to use a model beside its weights: names of files to texts."""

    @abc.abstractmethod
    def facts(self, examples: E) -> dict[str, typing.Any]:
        """Returns what the card says of the examples beside their number."""

    def finish(self, recipe: Sections, examples: E, model: keras.Model, out: pathlib.Path
               ) -> dict[str, dict[str, typing.Any]]:
        """Writes the files of the kind.

        Args:
            recipe: `Recipe`.
            examples: Those that the model was trained on.
            model: `keras.Model`.
            out: The run folder.

        Returns:
            The sections `model` and `data` of the card.
        """
        for name, text in self.files(examples).items():
            with whole(out / name) as path:
                path.write_text(text, encoding="utf-8")
        return {
            "model": {"parameters": model.count_params(), **recipe.model.card()},
            "data": {"source": recipe.data.source, "training_examples": len(examples),
                     "skipped": examples.skipped, **self.facts(examples)}}
