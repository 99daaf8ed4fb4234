"""The command that draws what a model sees and attends to."""

import pathlib
import typing
from collections.abc import Callable, Iterable
from typing import Annotated

import typer

from keras_seqattn.cli import given, sources
from keras_seqattn.cli.screen import AsJson, Beam, busy, finish
from keras_seqattn.errors import explain
from keras_seqattn.files import whole

if typing.TYPE_CHECKING:
    import keras
    import numpy

    from keras_seqattn.inspection.gallery import Drawn

WORDS = "words"
FIGURES = ("attention", "rollout", "gradient-rollout", "distance", "positions", "filters", "ranges",
           WORDS)

Figure = Annotated[str | None, typer.Option(
    callback=given.one_of("--figure", *FIGURES),
    help="attention: the last block; rollout: all blocks; gradient-rollout: what speaks for the "
         "class; distance: how far each head looks; positions: which are alike; filters: of the "
         "patches; ranges: of activations; words: what a captioner looks at for each word. "
         "Default: attention, or words.")]
Images = Annotated[list[str] | None, typer.Argument(
    help="Picture files. Means and ranges are over all of them.",
    callback=given.every(given.picture))]
Out = Annotated[pathlib.Path | None, typer.Option(
    help="The .png file to write the figure to.", callback=given.output("--out", [".png"]))]
Page = Annotated[pathlib.Path | None, typer.Option(
    help="The .html file to write all figures to, on one page.",
    callback=given.output("--report", [".html"]))]
Arrays = Annotated[pathlib.Path | None, typer.Option(
    help="The .npz file to write the numbers of what is drawn to.",
    callback=given.output("--arrays", [".npz"]))]


def inspect(model: given.KerasModel, images: Images = None, figure: Figure = None,
            out: Out = None, report: Page = None, arrays: Arrays = None, beam: Beam = 1,
            as_json: AsJson = False) -> None:
    """Draw what a model sees and attends to.

    Example: `seqattn inspect vit_eurosat field.png river.png --figure rollout --out rollout.png`

    Example: `seqattn inspect vit_eurosat *.png --report report.html --arrays report.npz`
    """
    files = {"out": out, "report": report, "arrays": arrays}
    if out is None and report is None:
        raise ValueError(explain("there must be a file to write", out=None, report=None,
                                 fix="pass --out figure.png or --report page.html"))
    from keras_seqattn import models
    from keras_seqattn.inspection import gallery
    from keras_seqattn.inspection.report import write_report

    loaded = models.load(model)
    _check_sees(model, loaded)
    fitting = (WORDS,) if sources.writes(loaded) else tuple(gallery.FIGURES)
    figure = fitting[0] if figure is None else figure
    if figure not in fitting:
        raise ValueError(explain(
            "`words` is for captioners, the other figures for Vision Transformers", figure=figure,
            model=model, fix=f"pass {' or '.join(fitting)}"))
    pixels, labels = _pixels(loaded, images), models.labels(model)
    names = [pathlib.Path(image).name for image in images or ()]

    def draw(name: str) -> "Drawn":
        return (_words(model, loaded, pixels, beam) if name == WORDS
                else gallery.draw(name, loaded, pixels, labels, names))

    with busy("drawing"):
        drawn, missing = _drawn((figure,) if out else (), fitting if report else (), draw)
        said = {}
        if WORDS in drawn:
            said["caption"] = " ".join(drawn[WORDS].arrays["words_tokens"])
        elif pixels is not None and WORDS not in fitting:
            said["label"] = ", ".join(gallery.classes_said(loaded, pixels, labels))
        if out is not None:
            with whole(out) as path:
                drawn[figure].figure.savefig(path, dpi=150)
        if report is not None:
            write_report(report, model, names, {
                name: drawn[name] for name in fitting if name in drawn}, missing)
        if arrays is not None:
            _save_numbers(arrays, drawn.values())
    finish({"model": model, "images": images or [], "figures": list(drawn), **said,
            **({"missing": missing} if missing else {}),
            **{option: str(path) for option, path in files.items() if path is not None}}, None,
           as_json)


def _check_sees(name: str, model: "keras.Model") -> None:
    """Refuses a model that takes no pictures."""
    if not any(len(each.shape) == 4 and each.shape[-1] in (1, 3) for each in model.inputs):
        raise ValueError(explain(
            "the command draws what a model sees on pictures, and the model takes none", model=name,
            inputs={each.name: tuple(each.shape) for each in model.inputs},
            fix=f"use `seqattn summary {name}` for its layers"))


def _pixels(model: "keras.Model", images: list[str] | None) -> "numpy.ndarray | None":
    """Pictures in a model's size, uint8 `(n, height, width, channels)`, or `None` without any."""
    import numpy as np

    from keras_seqattn import data, models

    if not images:
        return None
    taken = model.input["images"] if isinstance(model.input, dict) else model.input
    height, width, channels = taken.shape[1:]
    if None in (height, width):
        geometry = models.vit_geometry(model)
        height, width = (side * geometry.patch_size for side in geometry.grid)
    return np.stack([data.decode(image, (height, width), channels) for image in images])


def _drawn(needed: Iterable[str], others: Iterable[str],
           draw: Callable[[str], "Drawn"]) -> tuple[dict[str, "Drawn"], dict[str, str]]:
    """Draws figures.

    Args:
        needed: Names of the figures that must be drawn.
        others: Names of the figures that are drawn if the model has what they show.
        draw: Function from a name to a figure.

    Returns:
        The figures, and the reasons why others could not be drawn, both by name.
    """
    drawn, missing = {name: draw(name) for name in needed}, {}
    for name in others:
        try:
            drawn[name] = drawn[name] if name in drawn else draw(name)
        except ValueError as reason:
            if "To fix:" not in str(reason):
                raise
            missing[name] = str(reason)
    return drawn, missing


def _save_numbers(file: pathlib.Path, drawn: Iterable["Drawn"]) -> None:
    """Writes the numbers of all figures into one file."""
    import numpy as np

    arrays: dict[str, typing.Any] = {}
    for each in drawn:
        arrays |= each.arrays
    with whole(file) as path:
        np.savez(path, **arrays)


def _words(name: str, model: "keras.Model", pixels: "numpy.ndarray | None",
           beam: int) -> "Drawn":
    """The figure of a captioner."""
    import numpy as np

    from keras_seqattn import inspection
    from keras_seqattn.data.batches import scale
    from keras_seqattn.inspection.gallery import Drawn

    if pixels is None or len(pixels) != 1:
        raise ValueError(explain("`words` is drawn on one picture",
                                 pictures=0 if pixels is None else len(pixels), fix="pass one"))
    found, scores = inspection.words(
        model, scale(pixels[0]), sources.tokenizer(name, model), beam)
    return Drawn(inspection.words_figure(pixels[0], found, scores),
                 {"words_tokens": np.array(found), "words_scores": scores}, "What each word is of",
                 "Bright parts of the picture were looked at most when the word was written.")
