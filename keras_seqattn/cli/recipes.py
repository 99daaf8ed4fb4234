"""Recipes named on the command line: each is read, with its changes, before anything heavy is."""

import typer

from keras_seqattn.cli import given, sources

DEMO = "demo"   # of a command that takes no recipe
# Kinds of data by the section of a recipe that names them.
READ = {"ImageSection": sources.CLASSES, "PairSection": sources.PAIRS,
        "CaptionSection": sources.CAPTIONS}


def changes(context: typer.Context, overrides: list[str] | None) -> list[str] | None:
    """Checks a recipe with its changes, and that the data and the models that it names are there.

    Args:
        context: Of the command, whose recipe is known by now.
        overrides: Changes to the recipe.

    Raises:
        ValueError: a field is unknown or its value wrong, or something named is not there.
    """
    if context.resilient_parsing:
        return overrides
    from keras_seqattn import training

    plan = training.read(context.params.get("recipe", DEMO), overrides or ())
    source = plan.data.source
    given.check_source(source, "data.source")
    sources.check_kind(source, READ[type(plan.data).__name__])
    given.check_split(source, getattr(plan.data, "split", "train"))
    if getattr(plan.data, "validation", None) == "split":
        given.check_split(source, "validation")
    for name in (plan.train.start, getattr(plan.model, "weights", None)):
        if name is not None:
            given.keras_model(name)
    return overrides
