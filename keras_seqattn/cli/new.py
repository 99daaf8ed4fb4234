"""The command `new`: a first recipe for a user's own data."""

import pathlib
from typing import Annotated

import typer

from keras_seqattn.cli.screen import busy, screen
from keras_seqattn.cli.sources import Source
from keras_seqattn.errors import explain
from keras_seqattn.files import whole


def new(name: Annotated[str, typer.Argument(
            help="Name of the recipe; it is written to NAME.yaml.")],
        source: Source,
        overwrite: Annotated[bool, typer.Option(
            "--overwrite", help="Replace the file, if there is one.")] = False) -> None:
    """Write a commented recipe for pictures, captions or pairs of sentences.

    The kind and the first numbers follow from the data.

    Example: `seqattn new birds --data folder:birds`
    """
    file = pathlib.Path(name if name.endswith((".yaml", ".yml")) else f"{name}.yaml")
    if file.exists() and not overwrite:
        raise ValueError(explain("the recipe must not exist", file=str(file), overwrite=False,
                                 fix="pass another NAME, or --overwrite to replace it"))
    from keras_seqattn.training.recipe.draft import draft

    with busy(f"looking at {source}"):
        text = draft(source, str(file))
        with whole(file) as path:
            path.write_text(text, encoding="utf-8")
    screen.print(f"wrote {file}; look at it, then: seqattn train {file} --dry-run",
                 soft_wrap=True)
