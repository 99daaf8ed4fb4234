"""The command `convert`: from other projects' weights to a model of this library, and back."""

import pathlib
import typing
from typing import Annotated

import typer

from keras_seqattn.cli import given
from keras_seqattn.cli.screen import AsJson, ReportFile, busy, finish
from keras_seqattn.errors import explain
from keras_seqattn.files import whole

if typing.TYPE_CHECKING:
    import keras

# Keys of `checkpoints.SOURCES`, and `layers.grid.INTERPOLATIONS`, which only Keras can import.
PROJECTS = ("keras_seqattn", "google", "big_vision", "huggingface-encoder-decoder", "dinov2",
            "beit", "huggingface", "clip", "siglip", "vit_pytorch", "keras_hub", "imagegpt", "timm",
            "torchvision", "bit", "huggingface-bit", "openai")
INTERPOLATIONS = ("bilinear", "corners", "bicubic", "bicubic_antialias")
FORMATS = {".keras": "keras", ".safetensors": "safetensors", ".npz": "npz-google"}


def convert(checkpoint: Annotated[str, typer.Argument(
                metavar="IN", help="File, folder or URL of a checkpoint, or a model's name.",
                callback=given.checkpoint)],
            out: Annotated[pathlib.Path, typer.Argument(
                metavar="OUT", help="The .keras, .safetensors or .npz file to write.",
                callback=given.output("OUT", tuple(FORMATS)))],
            source: Annotated[str, typer.Option(
                help="Format of the checkpoint; auto knows it by the keys.",
                callback=given.one_of("--source", "auto", *PROJECTS))] = "auto",
            image_size: Annotated[str | None, typer.Option(
                help="Images to take, as SIDE or HEIGHTxWIDTH; positions are resized.")] = None,
            channels: Annotated[int, typer.Option(
                min=1, help="Channels of these images.")] = 3,
            num_heads: Annotated[int | None, typer.Option(
                min=1, help="Attention heads, where the checkpoint does not tell.")] = None,
            num_groups: Annotated[int | None, typer.Option(
                min=1, help="Groups of a BiT's norms.")] = None,
            interpolation: Annotated[str | None, typer.Option(
                help="How positions are resized. Defaults to the other project's way.",
                callback=given.one_of("--interpolation", *INTERPOLATIONS))] = None,
            weights: Annotated[str | None, typer.Option(
                help="Weights to take of a file that holds several, such as ema.")] = None,
            sha256: Annotated[str | None, typer.Option(
                help="Expected hash of a URL's file.")] = None,
            report: ReportFile = None, as_json: AsJson = False) -> None:
    """Convert another project's checkpoint into a model, and say what became of its arrays.

    Names of classes that come with the checkpoint are written beside OUT, as NAME.labels.txt.

    Example: `seqattn convert vit-base/model.safetensors vit.keras --image-size 384`

    Example: `seqattn convert training.pth vit.keras --weights ema`
    """
    options: dict[str, typing.Any] = {
        "num_heads": num_heads, "num_groups": num_groups, "interpolation": interpolation,
        "weights": weights, "image_shape": image_size and (*_sides(image_size), channels)}
    from keras_seqattn import checkpoints

    with busy(f"converting {checkpoint}"):
        model, told = _read(checkpoint, source, sha256, options)
        if out.suffix == ".keras":
            with whole(out) as path:
                model.save(path)
        else:
            checkpoints.save(model, out, FORMATS[out.suffix])
        if told["labels"]:
            with whole(out.with_suffix(".labels.txt")) as path:
                path.write_text("".join(f"{name}\n" for name in told["labels"]), encoding="utf-8")
    finish({**told, "parameters": model.count_params(), "out": str(out)}, report, as_json)


def _read(checkpoint: str, source: str, sha256: str | None,
          options: dict[str, typing.Any]) -> tuple["keras.Model", dict]:
    """A model of another project, or of this library by its name, and what to tell about it."""
    from keras_seqattn import checkpoints, models
    from keras_seqattn.download import is_url

    kept = pathlib.Path(checkpoint)
    ours = kept.suffix == ".keras" or not (kept.exists() or is_url(checkpoint))
    if not ours and not any((kept / name).is_file() for name in ("model.keras", "best.keras")):
        model, told = checkpoints.load_with_report(checkpoint, source, sha256=sha256, **options)
        return model, told.to_dict()
    given = {name: value for name, value in options.items() if value is not None}
    if given or source != "auto":
        raise ValueError(explain("these options are for checkpoints of other projects",
                                 checkpoint=checkpoint, source=source, **given,
                                 fix="leave them out"))
    return models.load(checkpoint, sha256), {
        "source": "keras", "unused": [], "missing": [], "reshaped": {},
        "labels": models.labels(checkpoint)}


def _sides(text: str) -> tuple[int, int]:
    """Height and width in pixels, as `--image-size` names them."""
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.isdecimal() and int(side) for side in sides):
        raise ValueError(explain("`--image-size` must be SIDE or HEIGHTxWIDTH, in pixels",
                                 image_size=text, fix="pass such as 384 or 384x512"))
    return int(sides[0]), int(sides[-1])
