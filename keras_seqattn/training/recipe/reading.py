"""Reading recipes: YAML becomes a recipe, and every field is checked before anything runs."""

import collections.abc
import os
import pathlib
import typing

import pydantic
import yaml

from keras_seqattn.errors import explain, nearest
from keras_seqattn.files import existing, is_path
from keras_seqattn.training.recipe.kinds import KINDS
from keras_seqattn.training.recipe.mistakes import Mistake, message, mistakes_of, unknown
from keras_seqattn.training.recipe.recipe import AnyRecipe, Recipe

FOLDER = pathlib.Path(__file__).parent / "recipes"
DEFAULT = "vit"   # architecture of a recipe that names none
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
    wrong = [mistake for override in overrides if (mistake := _change(fields, override))]
    return check(fields, str(recipe), wrong)


def _change(fields: Fields, override: str) -> Mistake | None:
    """Takes one change over into the fields; returns what is wrong with it, if anything is."""
    name, equals, value = override.partition("=")
    section, dot, field = name.partition(".")
    if not equals:
        return Mistake(override, "no value", "must be a change", "such as train.epochs=3")
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError:
        return Mistake(name, value, "must have a value in YAML", "such as [flip, shift] for a list")
    if not (dot and isinstance(fields.get(section), dict)):
        return unknown(name, parsed, KINDS[DEFAULT].recipe)
    fields[section][field] = parsed
    return None


def check(fields: Fields, name: str = "fields",
          wrong: collections.abc.Sequence[Mistake] = ()) -> AnyRecipe:
    """Makes a recipe of its fields and checks every one.

    Args:
        fields: Names of sections to names of fields to values.
        name: What errors call the recipe.
        wrong: Mistakes that are known already.

    Returns:
        `Recipe`.

    Raises:
        ValueError: the architecture or a field is unknown, or a value is wrong. The message names
            every such field.
    """
    model, mistakes = fields.get("model"), list(wrong)
    architecture = model.get("architecture", DEFAULT) if isinstance(model, dict) else DEFAULT
    known = isinstance(architecture, str) and architecture in KINDS
    if not known:
        mistakes.append(Mistake("model.architecture", architecture, "is not known",
                                nearest(architecture, KINDS)))
    kind = KINDS[architecture if known else DEFAULT].recipe
    try:
        recipe = kind.model_validate(fields)
    except pydantic.ValidationError as error:
        # What the other sections may hold follows from the architecture.
        found = [each for each in error.errors() if known or each["loc"][0] == "train"]
        mistakes += mistakes_of(found, kind)
    if mistakes:
        raise ValueError(message(mistakes, name))
    return recipe


def _read_yaml(recipe: os.PathLike | str) -> Fields:
    known = {file.stem: file for file in FOLDER.glob("*.yaml")}
    text = str(recipe)
    if text not in known and not (is_path(text) or pathlib.Path(text).exists()):
        raise ValueError(explain("`recipe` is not known", recipe=text,
                                 fix=f"{nearest(recipe, known)}, or pass a YAML file"))
    path = known.get(text) or existing(text, recipe=text)
    try:
        fields = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(explain(
            "`recipe` must be a readable YAML file", recipe=str(recipe), error=error.strerror,
            fix="pass a YAML file")) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(explain(
            "`recipe` must be valid YAML", recipe=str(recipe),
            error=" ".join(str(error).split()), fix="mend the file")) from error
    if not isinstance(fields, dict):
        raise ValueError(explain(
            "a recipe must have sections", recipe=str(recipe), content=fields,
            fix=f"write the sections {', '.join(Recipe.model_fields)}"))
    return fields
