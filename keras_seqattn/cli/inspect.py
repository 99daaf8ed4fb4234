"""The command that draws what a model looks at."""

import pathlib
from typing import Annotated

import typer

from keras_seqattn.cli import sources
from keras_seqattn.cli.screen import AsJson, Beam, finish
from keras_seqattn.errors import explain, nearest


def inspect(model: Annotated[str, typer.Argument(help="Model name, run folder or .keras file.")],
            image: Annotated[str, typer.Argument(help="Picture file.")],
            out: Annotated[pathlib.Path, typer.Option(help="The .png file to write.")],
            figure: Annotated[str, typer.Option(
                help="attention: the last block of a Vision Transformer; words: what a captioner "
                     "looks at for each word.")] = "attention",
            beam: Beam = 1, as_json: AsJson = False):
    """Draw what a model looks at on a picture.

    Example: `seqattn inspect captioner_emoji picture.png --figure words --out words.png`
    """
    from keras_seqattn import data, models
    from keras_seqattn.data.batches import scale
    from keras_seqattn.files import whole

    if figure not in FIGURES:
        raise ValueError(explain("`--figure` is not known", figure=figure,
                                 fix=nearest(figure, FIGURES)))
    if out.suffix != ".png":
        raise ValueError(explain("`--out` must be a .png file", out=str(out),
                                 fix="change the suffix"))
    loaded = models.load(model)
    if sources.writes(loaded) != (figure == "words"):
        raise ValueError(explain(
            "`words` is for captioners, `attention` for Vision Transformers", figure=figure,
            model=model, fix="pass the other figure"))
    shape = (loaded.input["images"] if figure == "words" else loaded.input).shape[1:]
    pixels = data.decode(image, shape[:2], shape[2])
    drawn, told = FIGURES[figure](model, loaded, pixels, scale(pixels), beam)
    with whole(out) as path:
        drawn.savefig(path, dpi=150)
    finish({"model": model, "image": image, "figure": figure, **told, "out": str(out)}, None,
           as_json)


def _attention(name, model, pixels, image, beam):
    from keras_seqattn import inspection, models

    maps = inspection.attention_maps(model, image[None])
    logits = model.predict_on_batch(image[None])[0]
    labels = models.labels(name) or [str(place) for place in range(len(logits))]
    label = labels[int(logits.argmax())]
    return inspection.attention_figure(pixels[None], maps, [label]), {"label": label}


def _words(name, model, pixels, image, beam):
    from keras_seqattn import inspection

    found, scores = inspection.words(model, image, sources.tokenizer(name, model), beam)
    return inspection.words_figure(pixels, found, scores), {"caption": " ".join(found)}


FIGURES = {"attention": _attention, "words": _words}
