"""`keras_seqattn.edge.check.trial`: no row of NaN, and padding where the model masks."""

import numpy as np
import pytest

from keras_seqattn.edge.check import trial
from keras_seqattn.edge.check.drawn import Reading
from keras_seqattn.testing import check_error

IDS = np.arange(1, 36, dtype="int32").reshape(5, 7)


class Held:
    """A reference whose model doubles its input, and gives NaN for some rows."""

    def __init__(self, nan=lambda row: False, masks=False, run=None):
        self.readings = {"x": Reading(bound=99, padding=0.0 if masks else None)}
        self._nan, self._run = nan, run
        self.draws = []

    def drawn(self, seed):
        self.draws.append(seed)
        return {"x": IDS + seed}

    def taken(self, given, targets):
        return {"x": given}

    def outputs(self, arrays, patience):
        made = 2.0 * arrays["x"][:self._run]
        for row in made:
            if self._nan(row):
                row[0] = np.nan
        return {"y": made}


def test_rows_that_are_nan_in_keras_are_left_out_and_told():
    begun = trial.begin(Held(lambda row: row[0] in (16, 58)), IDS, np.arange(5), 20)
    assert begun.arrays["x"].tolist() == IDS[[0, 2, 3]].tolist()
    assert begun.expected["y"].tolist() == (2 * IDS[[0, 2, 3]]).tolist()
    assert begun.targets.tolist() == [0, 2, 3]
    (note,) = begun.notes
    assert note.startswith("2 of 5 examples were left out, since Keras itself gives NaN")


def test_other_rows_are_drawn_where_all_are_nan():
    held = Held(lambda row: row.max() <= 70)    # of the first draw
    begun = trial.begin(held, None, None, 20)
    assert held.draws == [0, 1]
    assert (begun.arrays["x"].tolist(), begun.notes) == ([(IDS + 1)[-1].tolist()], [])


@pytest.mark.parametrize("given", [None, IDS])
def test_a_model_that_gives_nothing_but_nan_is_told(given):
    never = Held(lambda row: True, masks=True)
    begun = trial.begin(never, given, None, 20)
    assert never.draws == (list(range(trial.TRIES)) if given is None else [])
    assert np.isnan(begun.expected["y"][:, 0]).all()
    assert (len(begun.arrays["x"]), begun.notes) == (
        5, ["Keras itself gives NaN for all examples"])


def test_padded_copies_stand_behind_the_examples():
    begun = trial.begin(Held(masks=True), IDS, np.arange(5), 20)
    assert (begun.num_own, len(begun.arrays["x"]), len(begun.targets)) == (5, 9, 5)
    np.testing.assert_array_equal(begun.arrays["x"][:5], IDS)
    assert (begun.arrays["x"][5:] == 0).sum(axis=1).tolist() == [1, 3, 5, 6]
    np.testing.assert_array_equal(begun.expected["y"], 2 * begun.arrays["x"])
    assert "padding" in begun.notes[0]


@pytest.mark.parametrize("held", [Held(masks=False), Held(masks=True)])
def test_no_copies_where_nothing_masks_or_some_are_padded(held):
    padded = np.where(IDS % 7 == 0, 0, IDS) if held.readings["x"].padding == 0 else IDS
    begun = trial.begin(held, padded, None, 20)
    assert (len(begun.arrays["x"]), begun.notes) == (5, [])


def test_there_is_a_target_for_each_example():
    for count in (4, 6):
        check_error(lambda count=count: trial.begin(Held(), IDS, np.arange(count), 20),
                    targets=count, examples=5)


def test_a_copy_that_is_nan_is_left_out():
    begun = trial.begin(Held(lambda row: row[1] == 0, masks=True), IDS, None, 20)
    assert len(begun.arrays["x"]) == 8


def test_examples_that_were_not_run_are_told():
    begun = trial.begin(Held(run=3), IDS, None, 20)
    assert (len(begun.arrays["x"]), begun.num_own) == (3, 3)
    assert begun.notes == ["of 5 examples 3 were run, since the model takes long"]


def test_the_first_examples_alone():
    first = trial.begin(Held(masks=True), IDS, np.arange(5), 20).first(2)
    assert (len(first.arrays["x"]), len(first.expected["y"]), first.targets.tolist()) == (
        2, 2, [0, 1])
    assert first.num_own == 2


def test_a_column_of_classes_is_a_class_for_each_example():
    begun = trial.begin(Held(), IDS, np.arange(5)[:, None], 20)
    assert begun.targets.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("targets", [
    np.eye(5), list("abcde"), [0, 1, 2, 3, -1], [0, 1, 2, 3, 0.5]],
    ids=["one-hot", "texts", "negative", "halves"])
def test_targets_that_are_no_classes_are_refused(targets):
    given = np.asarray(targets)
    check_error(lambda: trial.begin(Held(), IDS, targets, 20), shape=given.shape,
                dtype=given.dtype.name)
