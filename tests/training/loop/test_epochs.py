"""`keras_seqattn.training.loop.epochs`: how long an epoch is, and when the last one was."""

import types

import pytest

from keras_seqattn.training.loop.epochs import Epochs
from keras_seqattn.training.run_folder.states import Position


class _Task:
    def batches(self, recipe, examples, step=0, share=(0, 1)):
        return types.SimpleNamespace(steps_per_epoch=-(-len(examples) // recipe.train.batch_size),
                                     step=step, share=share)


def _epochs(position=None, **train):
    settings = {"epochs": 2, "steps": None, "batch_size": 8, "patience": None, **train}
    return Epochs(types.SimpleNamespace(train=types.SimpleNamespace(**settings)), _Task(),
                  range(29), None, None, None, position or Position())


def test_an_epoch_is_one_pass_over_the_examples():
    epochs = _epochs()
    assert (epochs.steps_per_epoch, epochs.examples) == (4, 29)


def test_or_an_equal_part_of_the_steps():
    epochs = _epochs(steps=6)
    assert (epochs.steps_per_epoch, epochs.examples) == (3, 24)


def test_batches_are_those_of_the_task():
    batches = _epochs().batches((1, 2), 5)
    assert (batches.share, batches.step) == ((1, 2), 5)


@pytest.mark.parametrize(("patience", "best", "epoch", "over"), [
    (None, 0, 9, False), (2, -1, 9, False), (2, 3, 5, False), (2, 3, 6, True)])
def test_patience_counts_the_epochs_after_the_best(patience, best, epoch, over):
    position = Position(epoch=epoch, best=best)
    assert _epochs(position, patience=patience).is_patience_over() is over


def test_a_closed_epoch_is_in_the_history_and_may_be_the_best():
    position = Position(step=4, seconds=2.0)
    epochs = _epochs(position)
    epochs._close({"loss": 3.0, "val_loss": 5.0})
    position.seconds, position.step = 6.0, 4
    epochs._close({"loss": 2.0, "val_loss": 7.0})
    assert position.history == {"loss": [3.0, 2.0], "val_loss": [5.0, 7.0], "seconds": [2.0, 4.0],
                                "examples_per_s": [29 / 2, 29 / 4]}
    assert (position.epoch, position.step, position.best) == (2, 0, 0)
