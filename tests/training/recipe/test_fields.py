"""`keras_seqattn.training.recipe.fields`."""

import typing

import pydantic
import pytest

from keras_seqattn.training.recipe.fields import ModelSection, OneOf, Section


class Fruit(Section):
    name: typing.Annotated[str, OneOf({"apple": 3, "pear": 5})] = "pear"


def test_one_of_the_keys_of_a_table():
    assert Fruit(name="apple").name == "apple"
    assert Fruit().name == "pear"
    with pytest.raises(pydantic.ValidationError, match="'apple' or 'pear'"):
        Fruit(name="plum")


def test_unknown_fields_are_refused():
    with pytest.raises(pydantic.ValidationError, match="Extra inputs"):
        Fruit(colour="red")


def test_a_model_section_must_build():
    class Idle(ModelSection):
        pass

    with pytest.raises(TypeError, match="build"):
        Idle(architecture="idle")


def test_the_card_repeats_the_fields_that_are_named():
    class Tiny(ModelSection):
        IN_CARD = frozenset({"sides", "source"})
        sides: tuple[int, int] = (3, 5)
        depth: int = 7
        source: str | None = None

        def build(self, num_outputs, seed=None, **others):
            return None

    assert Tiny(architecture="tiny").card() == {"sides": [3, 5]}
    assert Tiny(architecture="tiny", source="a").card() == {"sides": [3, 5], "source": "a"}
