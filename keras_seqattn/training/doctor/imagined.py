"""Examples in the place of data that are not at hand, of the shapes that a recipe names."""

import typing

import keras
import numpy as np

from keras_seqattn.data.stored import LabelledImages, StoredImages
from keras_seqattn.data.tokenizer import SPECIAL, Tokenizer
from keras_seqattn.errors import explain
from keras_seqattn.training.recipe.recipe import AnyRecipe
from keras_seqattn.training.tasks.captioning import CAPTIONING, EncodedCaptions
from keras_seqattn.training.tasks.task import Task
from keras_seqattn.training.tasks.translation import TRANSLATION, EncodedPairs


def examples(recipe: AnyRecipe, task: Task, outputs: int) -> typing.Any:
    """Returns what a task builds its model from.

    Args:
        recipe: `Recipe`.
        task: Its task.
        outputs: Classes, or tokens of the vocabulary.

    Raises:
        ValueError: a vocabulary must have more tokens than its special ones.
    """
    if task in (CAPTIONING, TRANSLATION):
        if outputs <= len(SPECIAL):
            raise ValueError(explain(
                f"a vocabulary has {len(SPECIAL)} special tokens and others", outputs=outputs,
                fix="pass the size of the whole vocabulary"))
        known = Tokenizer([f"word{i}" for i in range(outputs - len(SPECIAL))])
        if task is TRANSLATION:
            return EncodedPairs([], [], known, 0)
        return EncodedCaptions(StoredImages((), ()), [], known)
    images = np.zeros((2, *recipe.model.image_shape), "uint8")
    return LabelledImages(images, np.zeros(2, "int32"), tuple(map(str, range(outputs))))


def batch(model: keras.Model, task: Task) -> tuple:
    """Returns a batch of one example, as long as the model takes.

    Args:
        model: `keras.Model` of the task.
        task: The task.
    """
    def array(tensor: keras.KerasTensor) -> np.ndarray:
        sides = [model.max_length if side is None else side for side in tensor.shape[1:]]
        return np.zeros([1, *sides], tensor.dtype)

    inputs = keras.tree.map_structure(array, model.input)
    if task in (CAPTIONING, TRANSLATION):
        tokens = inputs["tokens"]
        return inputs, tokens, tokens.astype("float32")
    return inputs, np.zeros((1, *model.output.shape[1:]), "float32"), np.zeros(1, "float32")
