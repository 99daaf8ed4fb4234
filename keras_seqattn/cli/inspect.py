"""The command that draws what a model sees and attends to."""

import pathlib
from typing import Annotated

import typer

from keras_seqattn.cli import sources
from keras_seqattn.cli.screen import AsJson, Beam, busy, finish
from keras_seqattn.errors import explain, nearest

WORDS = "words"


def inspect(model: Annotated[str, typer.Argument(help="Model name, run folder or .keras file.")],
            images: Annotated[list[str] | None, typer.Argument(
                help="Picture files. Means and ranges are over all of them.")] = None,
            figure: Annotated[str | None, typer.Option(
                help="attention: the last block; rollout: all blocks; gradient-rollout: what "
                     "speaks for the class; distance: how far each head looks; positions: which "
                     "are alike; filters: of the patches; ranges: of activations; words: what a "
                     "captioner looks at for each word. Default: attention, or words.")] = None,
            out: Annotated[pathlib.Path | None, typer.Option(
                help="The .png file to write the figure to.")] = None,
            report: Annotated[pathlib.Path | None, typer.Option(
                help="The .html file to write all figures to, on one page.")] = None,
            arrays: Annotated[pathlib.Path | None, typer.Option(
                help="The .npz file to write the numbers of what is drawn to.")] = None,
            beam: Beam = 1, as_json: AsJson = False):
    """Draw what a model sees and attends to.

    Example: `seqattn inspect vit_eurosat field.png river.png --figure rollout --out rollout.png`

    Example: `seqattn inspect vit_eurosat *.png --report report.html --arrays report.npz`
    """
    from keras_seqattn import models
    from keras_seqattn.inspection import gallery
    from keras_seqattn.inspection.report import write_report

    known = (*gallery.FIGURES, WORDS)
    if figure is not None and figure not in known:
        raise ValueError(explain("`--figure` is not known", figure=figure,
                                 fix=nearest(figure, known)))
    if out is None and report is None:
        raise ValueError(explain("there must be a file to write", out=out, report=report,
                                 fix="pass --out figure.png or --report page.html"))
    for option, path, suffix in (("out", out, ".png"), ("report", report, ".html"),
                                 ("arrays", arrays, ".npz")):
        if path is not None and path.suffix != suffix:
            raise ValueError(explain(f"`--{option}` must be a {suffix} file",
                                     **{option: str(path)}, fix="change the suffix"))
    loaded = models.load(model)
    fitting = (WORDS,) if sources.writes(loaded) else tuple(gallery.FIGURES)
    figure = fitting[0] if figure is None else figure
    if figure not in fitting:
        raise ValueError(explain(
            "`words` is for captioners, the other figures for Vision Transformers", figure=figure,
            model=model, fix=f"pass {' or '.join(fitting)}"))
    pixels, told = _pixels(loaded, images), {}
    if figure == WORDS:
        def draw(name):
            return _words(model, loaded, pixels, beam, told)
    else:
        labels = models.labels(model)
        if pixels is not None:
            told = {"label": ", ".join(gallery.classes_said(loaded, pixels, labels))}

        def draw(name):
            return gallery.draw(name, loaded, pixels, labels)

    with busy("drawing"):
        drawn, missing = {}, {}
        if out is not None:
            drawn[figure] = draw(figure)
        for name in fitting if report is not None else ():
            try:
                drawn[name] = drawn[name] if name in drawn else draw(name)
            except ValueError as reason:  # what the model has not, is told on the page
                if "To fix:" not in str(reason):
                    raise
                missing[name] = str(reason)
        if out is not None:
            _write(out, lambda path: drawn[figure].figure.savefig(path, dpi=150))
        if report is not None:
            names = [pathlib.Path(image).name for image in images or ()]
            write_report(report, model, names, {
                name: drawn[name] for name in fitting if name in drawn}, missing)
        if arrays is not None:
            import numpy as np

            _write(arrays, lambda path: np.savez(path, **{
                name: array for each in drawn.values() for name, array in each.arrays.items()}))
    written = {"out": out, "report": report, "arrays": arrays}
    finish({"model": model, "images": images or [], "figures": list(drawn), **told,
            **({"missing": missing} if missing else {}),
            **{name: str(path) for name, path in written.items() if path is not None}}, None,
           as_json)


def _write(path, save):
    from keras_seqattn.files import whole

    with whole(path) as temporary:
        save(temporary)


def _pixels(model, images):
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


def _words(name, model, pixels, beam, told):
    import numpy as np

    from keras_seqattn import inspection
    from keras_seqattn.data.batches import scale
    from keras_seqattn.inspection.gallery import Drawn

    if pixels is None or len(pixels) != 1:
        raise ValueError(explain("`words` is drawn on one picture",
                                 pictures=0 if pixels is None else len(pixels), fix="pass one"))
    found, scores = inspection.words(
        model, scale(pixels[0]), sources.tokenizer(name, model), beam)
    told["caption"] = " ".join(found)
    return Drawn(inspection.words_figure(pixels[0], found, scores),
                 {"words_tokens": np.array(found), "words_scores": scores}, "What each word is of",
                 "Bright parts of the picture were looked at most when the word was written.")
