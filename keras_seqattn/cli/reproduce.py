"""The command `reproduce`: the ViT paper's table, cell by cell."""

import hashlib
import pathlib
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
from keras_seqattn.errors import explain, nearest

PAPERS = ("vit-paper",)
PROBES = ("linear",)
FOREIGN = (".npz", ".safetensors", ".pth", ".pt", ".bin")  # what `checkpoints.load` reads


def reproduce(
        paper: Annotated[str, typer.Argument(help="vit-paper, so far the only one.")],
        weights: Annotated[str, typer.Option(
            help="Pre-trained weights: model name, run folder, .keras file, or a checkpoint as "
                 "`seqattn convert` reads it.")],
        dataset: Annotated[str, typer.Option(
            help="imagenet2012, imagenet2012_real, cifar10, cifar100, oxford_iiit_pet, "
                 "oxford_flowers102, vtab (all 19 tasks) or vtab/TASK; or another source: "
                 "pack:FILE.npz, folder:PATH, tfds:NAME.")],
        model: Annotated[str | None, typer.Option(
            help="Column of the paper's table that the weights belong to: vit_h14, vit_l16, "
                 "vit_l16_i21k or bit_r152x4. Without it nothing is published to compare with.")
        ] = None,
        probe: Annotated[str | None, typer.Option(
            help="linear: fit a linear map to frozen features in place of fine-tuning.")] = None,
        shots: Annotated[int | None, typer.Option(
            min=1, help="With --probe: training images of each class. Defaults to all.")] = None,
        runs: Annotated[int, typer.Option(min=1, help="Runs to take mean and deviation of.")] = 3,
        steps: Annotated[int | None, typer.Option(
            min=1, help="Training steps in place of the paper's.")] = None,
        side: Annotated[int | None, typer.Option(
            min=1, help="Side of the square images in place of the paper's, in pixels; without "
                        "--model in place of the model's own size.")] = None,
        batch_size: Annotated[int | None, typer.Option(
            min=1, help="Images per step in place of the paper's 512, over all devices.")] = None,
        accumulate: Annotated[int | None, typer.Option(
            min=2, help="Parts that a batch is computed in, where memory is short; the step is "
                        "the same.")] = None,
        learning_rates: Annotated[str | None, typer.Option(
            metavar="RATE,RATE…", help="Learning rates to choose among on validation images, in "
                                       "place of the paper's.")] = None,
        strategy: Annotated[str, typer.Option(help="auto, none, mirrored or tpu.")] = "auto",
        out: Annotated[pathlib.Path, typer.Option(
            help="Folder of runs and table. Trainings that it holds are not done again.")] =
        pathlib.Path("runs/vit-paper"),
        skip_bad: SkipBad = False, report: ReportFile = None, as_json: AsJson = False):
    """Fine-tune weights as the ViT paper did and write the result beside the published one.

    Table 2 of Dosovitskiy et al. 2021. The learning rate is chosen on images kept from the
    training split; then each run trains on the whole split and is measured on the test images.
    The cells of one folder make one table: OUT/table.md and OUT/table.json. A command that was
    stopped goes on where it was when it is given again.

    Example: `seqattn reproduce vit-paper --model vit_l16_i21k --weights ViT-L_16.npz --dataset
    cifar10`
    """
    from keras_seqattn import models, training
    from keras_seqattn.training.vit_paper import published, reproduction

    for what, value, known in (("paper", paper, PAPERS), ("probe", probe, PROBES)):
        if value is not None and value not in known:
            raise ValueError(explain(f"`{what}` is not known", **{what: value},
                                     fix=nearest(value, known)))
    if probe is None:
        refuse("are probed", shots=shots)
    else:
        refuse("are fine-tuned", steps=steps, learning_rates=learning_rates,
               accumulate=accumulate)
    given = {"steps": steps, "side": side, "batch_size": batch_size,
             "learning_rates": _rates(learning_rates)}
    changes = {name: value for name, value in given.items() if value}
    plans = published.plans(dataset, model, **changes, accumulate=accumulate)
    with busy(f"loading {weights}"):
        trained = _weights(weights, out)
        loaded = models.load(trained["weights"], trained["sha256"])
    column = model or _stem(weights)
    shapes = {task: _image_shape(plan, loaded) for task, plan in plans.items()}
    how = {"runs": runs, "skip_bad": skip_bad}
    results = {}
    for task, plan in plans.items():
        notes.print(f"{column} on {plan.source}", style="dim", soft_wrap=True)
        if probe is not None:
            results[_title(task)] = reproduction.linear_probe(
                plan, trained, shapes[task], shots=shots, **how)
            continue
        try:  # the runs of ReaL are those of ImageNet
            results[_title(task)] = reproduction.fine_tune(
                plan, trained, shapes[task], out / column / _folder(plan.source),
                strategy=strategy, quiet=as_json, **how)
        except training.Preempted as stop:
            notes.print(f"seqattn: {stop}", soft_wrap=True)
            raise typer.Exit(training.EXIT_PREEMPTED) from None
    method = "fine-tuning" if probe is None else "linear probe" + (
        f", {shots} per class" if shots else "")
    entry = reproduction.cell(
        _title(dataset), column, results, method=method, weights=pathlib.Path(weights).name,
        parameters=loaded.count_params(), image_shapes=sorted(set(shapes.values())),
        steps=None if probe else next(iter(plans.values())).train["steps"] // (accumulate or 1),
        changes=[f"{name} {_text(value)}" for name, value in changes.items()])
    ending = "" if probe is None else f"_{probe}" + (f"_{shots}" if shots else "")
    text = reproduction.write(entry, out / column / f"{_folder(dataset)}{ending}", out)
    if not as_json:
        screen.print(text, soft_wrap=True)
        screen.print(f"wrote {out / 'table.md'} and {out / 'table.json'}", soft_wrap=True)
    finish(entry, report, as_json, shown=True)


def _weights(weights, out):
    """Weights as a recipe names them; those of other projects are converted once, into `out`."""
    from keras_seqattn import checkpoints
    from keras_seqattn.models.download import digest
    from keras_seqattn.models.pretrained import locate
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


def _image_shape(plan, model):
    shape = model.input_shape[1:]
    side = plan.side
    shape = tuple(shape) if side is None else (side, side, shape[-1])
    if None in shape:
        raise ValueError(explain("the size of the images must be known", image_shape=shape,
                                 fix="pass --side, in pixels"))
    return shape


def _rates(text):
    try:
        rates = tuple(float(each) for each in text.split(",")) if text else ()
    except ValueError:
        rates = (0.0,)
    if not all(rate > 0 for rate in rates):
        raise ValueError(explain("`--learning-rates` must be positive numbers with commas between",
                                 learning_rates=text, fix="pass such as 0.001,0.003"))
    return rates


def _stem(weights):
    return pathlib.Path(weights).name.split(".")[0] or "model"


def _title(dataset):
    """A data set without the folder that its file lies in."""
    scheme, _, name = dataset.rpartition(":")
    local = scheme in ("pack", "folder")
    return f"{scheme}:{pathlib.Path(name).name}" if local else dataset


def _folder(dataset):
    """Name of a data set's folder: that of a file without its path."""
    scheme, _, name = dataset.rpartition(":")
    return _stem(name) if scheme in ("pack", "folder") else name.replace("/", "_")


def _text(value):
    return "/".join(f"{each:g}" for each in value) if isinstance(value, tuple) else str(value)
