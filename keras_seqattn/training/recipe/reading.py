"""Reading recipes: YAML becomes a recipe, and every field is checked before anything runs."""

import collections.abc
import os
import pathlib
import typing

import pydantic
import yaml

from keras_seqattn.errors import explain, nearest
from keras_seqattn.training.recipe.kinds import KINDS
from keras_seqattn.training.recipe.recipe import AnyRecipe, Recipe

FOLDER = pathlib.Path(__file__).parent / "recipes"
Fields: typing.TypeAlias = dict[str, typing.Any]


def read(recipe: os.PathLike | str, overrides: collections.abc.Iterable[str] = ()) -> AnyRecipe:
    """Reads a recipe and checks every field.

    Args:
        recipe: Name of a recipe that comes with the project, or path of a YAML file.
        overrides: Texts `section.field=value` that replace values of the file. The value is YAML.

    Returns:
        `Recipe`.

    Raises:
        ValueError: the recipe is not found or is no YAML, a field is unknown or its value wrong.

    >>> read("demo", ["train.epochs=3"]).train.epochs
    3
    """
    fields = _read_yaml(recipe)
    for override in overrides:
        name, equals, value = override.partition("=")
        section, dot, field = name.partition(".")
        if not (equals and dot and isinstance(fields.get(section), dict)):
            raise ValueError(explain(
                "an override must read SECTION.FIELD=VALUE with a section of the recipe",
                override=override, fix=nearest(section, Recipe.model_fields)))
        fields[section][field] = yaml.safe_load(value)
    return check(fields, str(recipe))


def check(fields: Fields, name: str = "fields") -> AnyRecipe:
    """Makes a recipe of its fields and checks every one.

    Args:
        fields: Names of sections to names of fields to values.
        name: What errors call the recipe.

    Returns:
        `Recipe`.

    Raises:
        ValueError: the architecture or a field is unknown, or a value is wrong.
    """
    model = fields.get("model")
    architecture = model.get("architecture", "vit") if isinstance(model, dict) else "vit"
    if architecture not in KINDS:
        raise ValueError(explain(
            "the value of `model.architecture` is not known", recipe=name, value=architecture,
            fix=nearest(architecture, KINDS)))
    kind = KINDS[architecture].recipe
    try:
        return kind.model_validate(fields)
    except pydantic.ValidationError as error:
        raise ValueError(_phrase(error.errors()[0], name, kind)) from None


def _read_yaml(recipe: os.PathLike | str) -> Fields:
    known = {file.stem: file for file in FOLDER.glob("*.yaml")}
    path = known.get(str(recipe), pathlib.Path(recipe))
    try:
        fields = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(explain(
            "`recipe` must be a known name or a readable YAML file", recipe=str(recipe),
            error=error.strerror, fix=nearest(recipe, known))) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(explain(
            "`recipe` must be valid YAML", recipe=str(recipe),
            error=" ".join(str(error).split()), fix="mend the file")) from error
    if not isinstance(fields, dict):
        raise ValueError(explain(
            "a recipe must have sections", recipe=str(recipe), content=fields,
            fix=f"write the sections {', '.join(Recipe.model_fields)}"))
    return fields


def _phrase(error: typing.Any, recipe: str, kind: type[AnyRecipe]) -> str:
    """Turns pydantic's first finding into the house's sentence, naming the nearest known field."""
    # Below the field stand places in a list, and names that pydantic gives to the types of a union.
    place = [*error["loc"][:2], *(each for each in error["loc"][2:] if isinstance(each, int))]
    path = ".".join(map(str, place))
    if error["type"] == "extra_forbidden":
        fields: typing.Any = kind.model_fields  # of the recipe, or of the section named first
        known = fields[place[0]].annotation.model_fields if place[0] in fields else fields
        return explain(f"the field `{path}` is not known", recipe=recipe, field=path,
                       fix=nearest(place[-1], known))
    if error["type"] == "literal_error" and isinstance(error["input"], str):
        names = error["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        return explain(f"the value of `{path}` is not known", recipe=recipe,
                       value=error["input"], fix=nearest(error["input"], names))
    value = "nothing" if error["type"] == "missing" else error["input"]
    return explain(f"the field `{path}` is wrong: {error['msg'].lower()}", recipe=recipe,
                   value=value, fix=f"change {path}")
