"""`keras_seqattn.training.tasks.task`: what the base does for every kind."""

import types

import keras
import numpy as np
import pytest
from arrays import normal

from keras_seqattn.training.recipe.train_section import TrainSection
from keras_seqattn.training.tasks.task import Task


class Regression(Task):
    """The smallest kind: it promises what must be promised, and no more."""

    one_shape = True

    def load(self, recipe, skip_bad=False):
        return recipe.data.examples, None

    def batches(self, recipe, examples, training=True, step=0, share=(0, 1)):
        return [examples]

    def build(self, recipe, examples):
        return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])

    def loss(self, settings):
        return keras.losses.MeanSquaredError()

    def accuracy(self):
        return keras.metrics.MeanAbsoluteError(name="accuracy")

    def files(self, examples):
        return {"unit.txt": "°C\n"}

    def facts(self, examples):
        return {"unit": "°C"}


def test_a_kind_must_keep_every_promise():
    with pytest.raises(TypeError, match=r"accuracy.*batches.*build.*facts.*files.*load.*loss"):
        type("Idle", (Task,), {})()


def test_a_loop_is_refused_where_no_blocks_are():
    task, settings = Regression(), TrainSection(epochs=1, scan=True)
    with pytest.raises(ValueError, match=r"blocks in a row|on JAX only"):
        task.compile_model(task.build(None, None), settings, 7)


def test_a_model_is_compiled_as_the_recipe_says(rng):
    task, settings = Regression(), TrainSection(epochs=1, weight_decay=0.3, xla=False)
    model = task.build(None, None)
    task.compile_model(model, settings, 7)
    assert model.optimizer.weight_decay == 0.3
    assert not model.jit_compile
    batch = normal(rng, 5, 3), normal(rng, 5, 2), np.ones(5, "float32")
    task.build_state(model, batch)
    before = [variable.path for variable in model.optimizer.variables]
    loss, error = model.train_on_batch(*batch)
    assert error > 0
    assert loss > 0
    assert [variable.path for variable in model.optimizer.variables] == before


def test_the_files_and_the_card(tmp_path):
    class Examples:
        skipped = 2

        def __len__(self):
            return 5

    recipe = types.SimpleNamespace(
        model=types.SimpleNamespace(card=lambda: {"size": "nano"}),
        data=types.SimpleNamespace(source="pack:a.npz"))
    task, model = Regression(), Regression().build(None, None)
    assert task.finish(recipe, Examples(), model, tmp_path) == {
        "model": {"parameters": 8, "size": "nano"},
        "data": {"source": "pack:a.npz", "training_examples": 5, "skipped": 2, "unit": "°C"}}
    assert (tmp_path / "unit.txt").read_text("utf-8") == "°C\n"
    assert task.classes(Examples()) == ()
