"""The command `reproduce`: the ViT paper's table, cell by cell."""

import hashlib
import pathlib
import typing
from collections.abc import Sequence
from typing import Annotated

import typer

from keras_seqattn.cli.screen import (
    AsJson,
    ReportFile,
    SkipBad,
    busy,
    finish,
    notes,
    refuse,
    screen,
)
from keras_seqattn.cli.train import preemptible
from keras_seqattn.errors import explain, nearest

if typing.TYPE_CHECKING:
    import keras

    from keras_seqattn.training.vit_paper import published

PAPERS = ("vit-paper",)
PROBES = ("linear",)
FOREIGN = (".npz", ".safetensors", ".pth", ".pt", ".bin")  # what `checkpoints.load` reads


Paper = Annotated[str, typer.Argument(help="vit-paper, so far the only one.")]
Weights = Annotated[str, typer.Option(
    help="Pre-trained weights: model name, run folder, .keras file, or a checkpoint as "
         "`seqattn convert` reads it.")]
Dataset = Annotated[str, typer.Option(
    help="imagenet2012, imagenet2012_real, cifar10, cifar100, oxford_iiit_pet, "
         "oxford_flowers102, vtab (all 19 tasks) or vtab/TASK; or another source: "
         "pack:FILE.npz, folder:PATH, tfds:NAME.")]
Column = Annotated[str | None, typer.Option(
    help="Column of the paper's table that the weights belong to: vit_h14, vit_l16, "
         "vit_l16_i21k or bit_r152x4. Without it nothing is published to compare with.")]
Probe = Annotated[str | None, typer.Option(
    help="linear: fit a linear map to frozen features in place of fine-tuning.")]
Shots = Annotated[int | None, typer.Option(
    min=1, help="With --probe: training images of each class. Defaults to all.")]
Runs = Annotated[int, typer.Option(min=1, help="Runs to take mean and deviation of.")]
Steps = Annotated[int | None, typer.Option(
    min=1, help="Training steps in place of the paper's.")]
Side = Annotated[int | None, typer.Option(
    min=1, help="Side of the square images in place of the paper's, in pixels; without "
                "--model in place of the model's own size.")]
BatchSize = Annotated[int | None, typer.Option(
    min=1, help="Images per step in place of the paper's 512, over all devices.")]
Accumulate = Annotated[int | None, typer.Option(
    min=2, help="Parts that a batch is computed in, where memory is short; the step is the same.")]
Rates = Annotated[str | None, typer.Option(
    metavar="RATE,RATE…", help="Learning rates to choose among on validation images, in place of "
                               "the paper's.")]
Strategy = Annotated[str, typer.Option(help="auto, none, mirrored or tpu.")]
Out = Annotated[pathlib.Path, typer.Option(
    help="Folder of runs and table. Trainings that it holds are not done again.")]


def reproduce(paper: Paper, weights: Weights, dataset: Dataset, model: Column = None,
              probe: Probe = None, shots: Shots = None, runs: Runs = 3, steps: Steps = None,
              side: Side = None, batch_size: BatchSize = None, accumulate: Accumulate = None,
              learning_rates: Rates = None, strategy: Strategy = "auto",
              out: Out = pathlib.Path("runs/vit-paper"), skip_bad: SkipBad = False,
              report: ReportFile = None, as_json: AsJson = False) -> None:
    """Fine-tune weights as the ViT paper did and write the result beside the published one.

    The published one is from table 2 of Dosovitskiy et al. 2021. The learning rate is chosen on
    images kept from the training split. Then each run trains on the whole split and is measured on
    the test images. The cells of one folder make one table: OUT/table.md and OUT/table.json. A
    command that was stopped goes on where it was when it is given again.

    Example: `seqattn reproduce vit-paper --model vit_l16_i21k --weights ViT-L_16.npz --dataset
    cifar10`
    """
    from keras_seqattn import models
    from keras_seqattn.training.vit_paper import published, reproduction

    _check("paper", paper, PAPERS)
    if probe is None:
        refuse("are probed", shots=shots)
    else:
        _check("probe", probe, PROBES)
        refuse("are fine-tuned", steps=steps, learning_rates=learning_rates,
               accumulate=accumulate)
    given = {"steps": steps, "side": side, "batch_size": batch_size,
             "learning_rates": _rates(learning_rates)}
    changes: dict[str, typing.Any] = {name: value for name, value in given.items() if value}
    plans = published.plans(dataset, model, **changes, accumulate=accumulate)
    with busy(f"loading {weights}"):
        trained = _weights(weights, out)
        loaded = models.load(trained["weights"], trained["sha256"])
    column = model or _stem(weights)
    shapes = {task: _image_shape(plan, loaded) for task, plan in plans.items()}
    results = {}
    for task, plan in plans.items():
        notes.print(f"{column} on {plan.source}", style="dim", soft_wrap=True)
        if probe is None:  # the runs of ReaL are those of ImageNet
            results[_title(task)] = _fine_tune(
                plan, trained, shapes[task], out / column / _folder(plan.source), runs=runs,
                skip_bad=skip_bad, strategy=strategy, quiet=as_json)
        else:
            results[_title(task)] = reproduction.linear_probe(
                plan, trained, shapes[task], runs=runs, skip_bad=skip_bad, shots=shots)
    entry = reproduction.cell(
        _title(dataset), column, results, method=_method(probe, shots),
        weights=pathlib.Path(weights).name, parameters=loaded.count_params(),
        image_shapes=sorted(set(shapes.values())),
        steps=None if probe else next(iter(plans.values())).train["steps"] // (accumulate or 1),
        changes=[f"{name} {_text(value)}" for name, value in changes.items()])
    ending = "" if probe is None else f"_{probe}" + (f"_{shots}" if shots else "")
    text = reproduction.write(entry, out / column / f"{_folder(dataset)}{ending}", out)
    if not as_json:
        screen.print(text, soft_wrap=True)
        screen.print(f"wrote {out / 'table.md'} and {out / 'table.json'}", soft_wrap=True)
    finish(entry, report, as_json, shown=True)


def _check(option: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise ValueError(explain(f"`{option}` is not known", **{option: value},
                                 fix=nearest(value, known)))


def _fine_tune(plan: "published.Plan", trained: dict[str, str],
               image_shape: tuple[int, int, int], folder: pathlib.Path, **how: typing.Any) -> dict:
    """Fine-tunes as planned. Where SIGTERM or Ctrl-C came, the command ends with its exit code."""
    from keras_seqattn.training.vit_paper import reproduction

    with preemptible("go on with the same command"):
        return reproduction.fine_tune(plan, trained, image_shape, folder, **how)


def _method(probe: str | None, shots: int | None) -> str:
    if probe is None:
        return "fine-tuning"
    return "linear probe" + (f", {shots} per class" if shots else "")


def _weights(weights: str, out: pathlib.Path) -> dict[str, str]:
    """Weights as a recipe names them; those of other projects are converted once, into `out`."""
    from keras_seqattn import checkpoints
    from keras_seqattn.download import digest
    from keras_seqattn.trained import locate
    from keras_seqattn.training.run_folder import journal

    path = pathlib.Path(weights)
    if path.suffix in FOREIGN or (path / "config.json").is_file():
        files = sorted(each for each in path.iterdir()) if path.is_dir() else [path]
        for each in files:
            if not each.is_file():
                raise ValueError(explain("`weights` must be files", weights=weights,
                                         missing=str(each), fix="pass another path"))
        known = hashlib.sha256("".join(map(digest, files)).encode()).hexdigest()
        path = out / "weights" / f"{_stem(weights)}-{known[:16]}.keras"
        if not path.is_file():
            journal.save_model(checkpoints.load(weights), path)
        weights = str(path)
    return {"weights": weights, "sha256": digest(locate(weights))}


def _image_shape(plan: "published.Plan", model: "keras.Model") -> tuple[int, int, int]:
    """`(height, width, channels)` that a model is fine-tuned at, in pixels."""
    shape = model.input_shape[1:]
    side = plan.side
    shape = tuple(shape) if side is None else (side, side, shape[-1])
    if None in shape:
        raise ValueError(explain("the size of the images must be known", image_shape=shape,
                                 fix="pass --side, in pixels"))
    return shape


def _rates(text: str | None) -> tuple[float, ...]:
    """Learning rates, as `--learning-rates` names them."""
    try:
        rates = tuple(float(each) for each in text.split(",")) if text else ()
    except ValueError:
        rates = (0.0,)
    if not all(rate > 0 for rate in rates):
        raise ValueError(explain("`--learning-rates` must be positive numbers with commas between",
                                 learning_rates=text, fix="pass such as 0.001,0.003"))
    return rates


def _stem(weights: str) -> str:
    """Name of a file or folder, up to its first dot."""
    return pathlib.Path(weights).name.split(".")[0] or "model"


def _title(dataset: str) -> str:
    """A data set without the folder that its file lies in."""
    scheme, _, name = dataset.rpartition(":")
    local = scheme in ("pack", "folder")
    return f"{scheme}:{pathlib.Path(name).name}" if local else dataset


def _folder(dataset: str) -> str:
    """Name of a data set's folder: that of a file without its path."""
    scheme, _, name = dataset.rpartition(":")
    return _stem(name) if scheme in ("pack", "folder") else name.replace("/", "_")


def _text(value: typing.Any) -> str:
    return "/".join(f"{each:g}" for each in value) if isinstance(value, tuple) else str(value)
