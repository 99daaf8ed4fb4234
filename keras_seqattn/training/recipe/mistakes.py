"""What is wrong with a recipe, all of it at once, each field by its own path."""

import collections.abc
import difflib
import typing

import yaml

from keras_seqattn.arguments import ELSEWHERE
from keras_seqattn.errors import explain

Kind: typing.TypeAlias = typing.Any   # class of a recipe
# Right values of fields that have none by default.
EXAMPLES: dict[str, typing.Any] = {
    "size": "tiny", "image_shape": [64, 64, 3], "source": "folder:pictures", "epochs": 10,
    "weights": "vit_eurosat", "sha256": "the file's hash", "num_layers": 4, "num_heads": 4,
    "embed_dim": 128, "mlp_dim": 256, "layer_scale": 1e-5, "width": 64, "attention_dim": 128,
    "num_decoder_layers": 4, "steps": 1000, "clip_all": 1.0, "accumulate": 2, "average": 0.999,
    "start": "runs/train/first", "freeze": ["patches"], "lora_rank": 4, "patience": 5,
    "augment": ["flip"]}


class Mistake(typing.NamedTuple):
    """One field that is wrong.

    Attributes:
        path: The field, such as `train.epochs`.
        value: What it was given.
        rule: What must hold, as the end of a sentence about the field.
        remedy: What to write instead.
    """

    path: str
    value: typing.Any
    rule: str
    remedy: str


def message(mistakes: collections.abc.Sequence[Mistake], recipe: str) -> str:
    """Phrases all mistakes of a recipe as one error."""
    received = {each.path: each.value for each in mistakes}
    fix = "; ".join(f"{each.path} {each.rule} ({each.remedy})" for each in mistakes)
    return explain("every field of a recipe must be known and its value right", fix=fix,
                   recipe=recipe, **received)


def mistakes_of(errors: collections.abc.Iterable[typing.Any], kind: Kind) -> list[Mistake]:
    """Turns the findings of pydantic into mistakes, one for each field.

    Args:
        errors: `pydantic.ValidationError.errors()`.
        kind: Class of the recipe.
    """
    found: dict[str, list[typing.Any]] = {}
    for error in errors:
        # Below the field stand places in a list, and names that pydantic gives to the types of a
        # union. An item that is missing is a mistake of the whole list.
        section, *below = error["loc"]
        items = [each for each in below[1:] if isinstance(each, int) and error["type"] != "missing"]
        path = ".".join(map(str, [section, *below[:1], *items]))
        found.setdefault(path, []).append(error)
    return [_mistake(path, errors, kind) for path, errors in found.items()]


def unknown(path: str, value: typing.Any, kind: Kind) -> Mistake:
    """A field that no recipe of a kind has: the name that is meant, if one is near."""
    *sections, name = path.split(".")
    fields = {section: _fields(kind, section) for section in kind.model_fields}
    own = fields.get(sections[0], {}) if sections else {}
    others = [f"{section}.{name}" for section, known in fields.items() if name in known]
    meant = next((each for each in ELSEWHERE.get(name, ()) if each in own), None)
    near = [meant] if meant else difflib.get_close_matches(name, own or fields, 1, 0.6)
    if others:
        remedy = f"did you mean {others[0]!r}?"
    elif near:
        remedy = f"did you mean {near[0]!r}?"
    else:
        remedy = f"use one of {', '.join(map(repr, sorted(own or fields)))}"
    return Mistake(path, value, "is not known", remedy)


def _fields(kind: Kind, section: str) -> dict[str, typing.Any]:
    known = kind.model_fields.get(section)
    return {} if known is None else known.annotation.model_fields


def _mistake(path: str, errors: list[typing.Any], kind: Kind) -> Mistake:
    error, section = errors[0], path.split(".")[0]
    value = "nothing" if error["type"] == "missing" and "." not in path else error["input"]
    if error["type"] == "extra_forbidden":
        return unknown(path, error["input"], kind)
    if error["type"] == "missing" and len(error["loc"]) <= 2:
        return Mistake(path, "nothing", "must be given", _example(path, kind))
    if error["type"] in ("model_type", "model_attributes_type"):
        first = ", ".join(list(_fields(kind, section))[:3])
        return Mistake(path, value, "must be a section of fields", f"such as {first}")
    rules = list(dict.fromkeys(_rule(each) for each in errors))
    names = [name for each in errors if each["type"] == "literal_error"
             for name in yaml.safe_load(f"[{each['ctx']['expected'].replace(' or ', ', ')}]")]
    near = difflib.get_close_matches(str(value), map(str, names), 1, 0.5)
    remedy = f"did you mean {near[0]!r}?" if near else _example(path, kind)
    return Mistake(path, value, f"must be {' or '.join(rules)}", remedy)


def _rule(error: typing.Any) -> str:
    """What a value must be."""
    kinds = {"missing": "of full length", "too_long": "of full length",
             "tuple_type": "a list", "bool_parsing": "true or false"}
    text = kinds.get(error["type"]) or error["msg"].partition(", unable")[0]
    for start in ("Input should be ", "Value error, ", "a valid "):
        text = text.removeprefix(start)
    return {"integer": "a whole number", "string": "a text"}.get(text, text)


def _example(path: str, kind: Kind) -> str:
    """A right value, as a change on the command line writes it."""
    section, *name = path.split(".")[:2]
    known = _fields(kind, section)
    if not name:
        first = next(iter(known))
        return f"with fields such as {first}"
    default = known[name[0]].get_default() if name[0] in known else None
    value = EXAMPLES.get(name[0], list(default) if isinstance(default, tuple) else default)
    text = yaml.safe_dump(value, default_flow_style=True).removesuffix("\n").removesuffix("\n...")
    return f"such as {section}.{name[0]}={text}"
