"""The commands that use a file on what they are given; of a file NumPy and LiteRT suffice."""

import sys
import typing
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated

import typer

from keras_seqattn.cli import classifiers, given
from keras_seqattn.cli.screen import AsJson, Beam, finish, refuse, screen, table
from keras_seqattn.errors import explain

File = Annotated[str, typer.Argument(help="The .tflite file.", callback=given.exported)]


def classify(model: given.AnyModel, images: given.Images,
             top: Annotated[int, typer.Option(min=1, help="Number of classes to show.")] = 3,
             output: Annotated[str | None, typer.Option(
                 help="Output with the classes, of a file that has several.")] = None,
             as_json: AsJson = False) -> None:
    """Name what is on pictures, from an exported file alone or by a Keras model.

    Example: `seqattn classify runs/demo/vit_dynamic_wi8_afp32.tflite photo.jpg`

    Example: `seqattn classify runs/demo photo.jpg`
    """
    if classifiers.is_exported(model):
        runner = _load(model, writes=False)
        results = {image: runner.classify(image, top, output) for image in images}
    else:
        refuse("are exported files", output=output)
        named = _classifier(model)
        results = {image: named.classify(image, top) for image in images}
    if not as_json:
        shown = table("image", "classes")
        for image, ranked in results.items():
            shown.add_row(image, ", ".join(f"{label} {share:.1%}" for label, share in ranked))
        screen.print(shown)
    finish(results, None, as_json, shown=True)


def caption(file: File, images: given.Images, beam: Beam = 1, as_json: AsJson = False) -> None:
    """Write what is on pictures, one line each, from the exported file alone.

    Example: `seqattn caption captioner.tflite photo.png --beam 4`
    """
    writer = _load(file, writes=True)
    _write("image", "caption", images, lambda image: writer.caption(image, beam), as_json)


def translate(file: File,
              texts: Annotated[list[str], typer.Argument(
                  help="Texts to translate; - stands for the lines of standard input.")],
              beam: Beam = 1, as_json: AsJson = False) -> None:
    """Translate texts, one line each, from the exported file alone.

    Example: `seqattn translate translate.tflite "We are here." --beam 4`
    """
    writer = _load(file, writes=True)

    def write(text: str) -> str:
        if not text.strip():
            warnings.warn("an empty text has an empty translation", stacklevel=2)
        return writer.translate(text, beam)

    _write("text", "translation", _lines(texts), write, as_json)


def _load(file: str, writes: bool) -> typing.Any:
    """Opens a file that writes sequences, or one that tells classes apart, as a command needs it.

    Args:
        file: Path of the file.
        writes: Whether the file must write sequences.

    Returns:
        `edge.run.writer.Writer` or `edge.Runner`.

    Raises:
        ValueError: the file is no exported file, or one of the other kind.
    """
    from keras_seqattn import edge

    runner = edge.load(file)
    if ("writer" in runner.contract) != writes:
        raise ValueError(explain(
            f"the file must {'write sequences' if writes else 'tell classes apart'}", file=file,
            fix="use `caption` for pictures, `translate` for text, `classify` for classes"))
    return runner


def _classifier(name: str) -> classifiers.Classifier:
    from keras_seqattn import models

    model = models.load(name)
    if isinstance(model, models.Generator):
        raise ValueError(explain(
            "the model must tell classes apart", model=name,
            fix=f"export it and use the file: seqattn export {name} --out FILE.tflite"))
    return classifiers.of_model(name, model)


def _write(source: str, result: str, given: Iterable[str], write: Callable[[str], str],
           as_json: bool) -> None:
    """Prints what is written about each source as soon as it is, or all at the end as JSON.

    Args:
        source: What a source is called in JSON.
        result: What a text about a source is called in JSON.
        given: The sources.
        write: Function from a source to a text.
        as_json: Print JSON.
    """
    results = []
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)  # about each source, not about the first only
        for each in given:
            results.append({source: each, result: write(each)})
            if not as_json:
                print(results[-1][result], flush=True)
    finish(results, None, as_json, shown=True)


def _lines(texts: Iterable[str]) -> Iterator[str]:
    """The texts, with the lines of standard input in place of each `-`."""
    for text in texts:
        if text != "-":
            yield text
            continue
        try:
            yield from (line.rstrip("\n") for line in sys.stdin)
        except UnicodeDecodeError as error:
            raise ValueError(explain("standard input must be text", error=str(error),
                                     encoding=sys.stdin.encoding,
                                     fix="convert it to that encoding")) from error
