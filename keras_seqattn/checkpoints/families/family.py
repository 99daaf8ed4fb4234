"""What `load` and `save` have to know of one family of checkpoints."""

import dataclasses
import inspect
import pathlib
import re
import typing

import keras

from keras_seqattn.checkpoints.weights.state import State


@dataclasses.dataclass(frozen=True)
class Family:
    """The checkpoints of one project: how they are known, loaded and written.

    A new family takes two edits:

    1. A file in this folder with a function `load`, and below it the constant `FAMILY`.
    2. The place of `FAMILY` in the list of `checkpoints/sources.py`.

    Attributes:
        name: Name of the family, which is `source` of `checkpoints.load`.
        load: Function that builds the model. First it takes the `State` of the arrays. Then it
            takes one dictionary for each name in `configs`. What it takes by name only are
            arguments of `checkpoints.load`, each with a default.
        keys: Regular expressions. In a checkpoint of the family, each of them matches some key
            from its first letter to its last.
        metadata: Key of the metadata that every file of the family has, if there is one.
        configs: Names of the JSON files that may lie beside the weights. One that is missing
            gives an empty dictionary.
        files: Names of files that are one checkpoint when they lie in one folder. Each array's
            key then begins with the stem of its file and a point, such as `encoder.` Without
            `files`, a folder holds one file of a usual name (`files.arrays.IN_FOLDERS`).
        formats: Dictionary from a `format` of `checkpoints.save` to the function that writes it,
            of a model and a path.
    """

    name: str
    load: typing.Callable[..., keras.Model]
    keys: tuple[str, ...] = ()
    metadata: str | None = None
    configs: tuple[str, ...] = ("config.json",)
    files: tuple[str, ...] = ()
    formats: dict[str, typing.Callable[[keras.Model, pathlib.Path], None]] = (
        dataclasses.field(default_factory=dict))

    @property
    def takes(self) -> tuple[str, ...]:
        """Arguments of `checkpoints.load` that the family heeds."""
        return tuple(name for name, each in inspect.signature(self.load).parameters.items()
                     if each.kind is each.KEYWORD_ONLY)

    def prefixes(self, state: State) -> list[str]:
        """Returns what stands before all keys of each checkpoint of this family in a file.

        It is `""` where a file is such a checkpoint. A training or a larger model has it under a
        prefix such as `model.` or `params/img/`.
        """
        if self.metadata is not None and self.metadata not in state.metadata:
            return []
        found: set[str] = {""} if not self.keys else set()
        for number, pattern in enumerate(self.keys):
            # The shortest prefix first: a pattern may begin with one that it knows.
            match = re.compile(rf"(|.*?[./])(?:{pattern})").fullmatch
            mine = {each[1] for each in map(match, state) if each}
            found = found & mine if number else mine
        return sorted(found)

    def knows(self, state: State) -> bool:
        """Whether a file is a checkpoint of this family."""
        return "" in self.prefixes(state)
