"""The recipe: a whole training run as data."""

import typing

import typing_extensions

from keras_seqattn.training.recipe import fields, sections, train_section

Model = typing_extensions.TypeVar("Model", default=sections.ViTSection)
Data = typing_extensions.TypeVar("Data", default=sections.ImageSection)


class Recipe(fields.Section, typing.Generic[Model, Data]):
    """A whole training run as data.

    `Recipe` alone is that of a Vision Transformer. Other kinds name their sections, such as
    `Recipe[BiTSection, ImageSection]`; `kinds.KINDS` has them all.

    Attributes:
        model: Which model: a `fields.ModelSection`.
        data: Which examples: a section of `sections`.
        train: How to train: `train_section.TrainSection`.
    """

    model: Model
    data: Data
    train: train_section.TrainSection


AnyRecipe: typing.TypeAlias = Recipe[typing.Any, typing.Any]
