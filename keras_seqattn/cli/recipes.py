"""Recipes named on the command line: each is read, with its changes, before anything heavy is."""

import typer

from keras_seqattn.cli import given, sources

DEMO = "demo"   # of a command that takes no recipe
# Kinds of data by the section of a recipe that names them.
READ = {"ImageSection": sources.CLASSES, "PairSection": sources.PAIRS,
        "CaptionSection": sources.CAPTIONS}


def changes(context: typer.Context, overrides: list[str] | None) -> list[str] | None:
    """Checks the changes of a command's recipe, which is known by now, and returns them."""
    if not context.resilient_parsing:
        check(context.params.get("recipe", DEMO), overrides)
    return overrides


def check(recipe: str, overrides: list[str] | None, data: bool = True) -> None:
    """Checks a recipe with its changes, and that the data and the models that it names are there.

    Args:
        recipe: Name or file.
        overrides: Changes to the recipe.
        data: Whether its data are looked for.

    Raises:
        ValueError: a field is unknown or its value wrong, or something named is not there.
    """
    from keras_seqattn import training

    plan = training.read(recipe, overrides or ())
    if data:
        _check_data(plan.data)
    for name in (plan.train.start, getattr(plan.model, "weights", None)):
        if name is not None:
            given.keras_model(name)


def _check_data(data) -> None:
    given.check_source(data.source, "data.source")
    sources.check_kind(data.source, READ[type(data).__name__])
    given.check_split(data.source, getattr(data, "split", "train"))
    if getattr(data, "validation", None) == "split":
        given.check_split(data.source, "validation")
