"""`keras_seqattn.training.loop.overview`: a training in numbers and words."""

import pytest

from keras_seqattn.training.loop.overview import Overview


def _overview(**changes):
    return Overview(**{"training": 116, "validation": 31, "skipped": 0, "classes": {},
                       "epochs": 3, "steps_per_epoch": 29, "batch_size": 4, **changes})


def test_numbers_are_told():
    assert _overview(skipped=7, classes={"cat": 5, "dog": 111}).lines() == [
        "training examples: 116  validation: 31  left out: 7",
        "classes: 2 (cat 5, dog 111)",
        "steps: 3 epochs of 29, 4 examples each"]


@pytest.mark.parametrize(("validation", "note"), [
    (30, None), (29, "29 validation examples say little; one of them is 3%"),
    (4, "4 validation examples say little; one of them is 25%"), (0, "nothing is validated")])
def test_few_validation_examples_are_told(validation, note):
    last = _overview(validation=validation).lines()[-1]
    assert last.startswith(f"note: {note}" if note else "steps:")


def test_of_many_classes_the_rarest_and_the_most_frequent_are_told():
    classes = {f"class {number}": number for number in range(3, 103)}
    assert "classes: 100 (3 examples of class 3 to 102 of class 102)" in _overview(
        classes=classes).lines()
