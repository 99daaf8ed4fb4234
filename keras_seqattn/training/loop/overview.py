"""What is told before the first step: the examples, their classes and the number of steps."""

import collections.abc
import typing

FEW = 30      # validation examples below which their scores say little
LISTED = 20   # classes that are listed one by one


class Overview(typing.NamedTuple):
    """A training in numbers.

    Attributes:
        training: Examples to train on.
        validation: Examples to validate on.
        skipped: Examples that could not be read and were left out.
        classes: Name of each class to its training examples. Empty where there are no classes, or
            too many examples to look at each.
        epochs: Number of epochs.
        steps_per_epoch: Steps of a whole epoch.
        batch_size: Examples per step.
    """

    training: int
    validation: int
    skipped: int
    classes: collections.abc.Mapping[str, int]
    epochs: int
    steps_per_epoch: int
    batch_size: int

    def lines(self) -> list[str]:
        """Returns the overview in words, with a note where validation says little."""
        told = [f"training examples: {self.training:,}  validation: {self.validation:,}"
                + (f"  left out: {self.skipped:,}" if self.skipped else ""),
                f"steps: {self.epochs:,} epochs of {self.steps_per_epoch:,}, "
                f"{self.batch_size:,} examples each"]
        if self.classes:
            told.insert(1, f"classes: {len(self.classes):,} ({self._counts()})")
        if not self.validation:
            told.append("note: nothing is validated; the last epoch's weights are kept")
        elif self.validation < FEW:
            told.append(
                f"note: {self.validation} validation examples say little; one of them is "
                f"{1 / self.validation:.0%} of the accuracy that picks the best epoch. Give more "
                "data to validation")
        return told

    def _counts(self) -> str:
        """Examples of each class, or of the rarest and the most frequent one."""
        if len(self.classes) <= LISTED:
            return ", ".join(f"{name} {count:,}" for name, count in self.classes.items())
        rarest, most = (choose(self.classes, key=self.classes.__getitem__) for choose in (min, max))
        return (f"{self.classes[rarest]:,} examples of {rarest} to {self.classes[most]:,} of "
                f"{most}")
