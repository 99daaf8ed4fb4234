"""The commands that train: `demo` and `train`."""

import contextlib
import os
import pathlib
import sys
import typing
from collections.abc import Iterator
from typing import Annotated

import typer

from keras_seqattn.cli import given, recipes
from keras_seqattn.cli.screen import (
    AsJson,
    SkipBad,
    busy,
    finish,
    notes,
    screen,
    show_reports,
)
from keras_seqattn.errors import explain, nearest

if typing.TYPE_CHECKING:
    from keras_seqattn import training

BACKENDS = ("tensorflow", "jax", "torch")

Recipe = Annotated[str, typer.Argument(
    help="Name of a recipe, or a YAML file.", callback=given.recipe)]
Overrides = Annotated[list[str] | None, typer.Argument(
    metavar="[SECTION.FIELD=VALUE]...", help="Changes to the recipe.", callback=recipes.changes)]
Backend = Annotated[str | None, typer.Option(
    help="Keras backend: tensorflow, jax or torch. Defaults to KERAS_BACKEND.")]


Overwrite = Annotated[bool, typer.Option(
    "--overwrite", help="Replace the run that the folder holds.")]
DryRun = Annotated[bool, typer.Option(
    "--dry-run", help="Show shapes, counts, steps, memory and time per step; write nothing.")]


@contextlib.contextmanager
def preemptible(advice: str) -> Iterator[None]:
    """Ends the command with one line and its exit code where a training ends before its time.

    Args:
        advice: How to go on, as the end of a sentence.
    """
    from keras_seqattn import training

    try:
        yield
    except training.Preempted as stop:
        notes.print(f"seqattn: {stop}; {advice}", soft_wrap=True)
        raise typer.Exit(stop.exit_code) from None
    except KeyboardInterrupt:   # before the first step or after the last one
        notes.print(f"seqattn: ended by Ctrl-C; nothing that was saved is lost, {advice}",
                    soft_wrap=True)
        raise typer.Exit(training.EXIT_INTERRUPTED) from None


def demo(out: Annotated[pathlib.Path, typer.Option(
             help="Folder for the results.", callback=given.folder)] =
         pathlib.Path("runs/demo"), overrides: Overrides = None, overwrite: Overwrite = False
         ) -> None:
    """Train a small ViT on the sample images and take it to the edge.

    The command exports and verifies files, classifies test images with one, and writes a report.

    Example: `seqattn demo --out runs/demo`
    """
    _check_folder(recipes.DEMO, overrides, out, False, overwrite)
    from keras_seqattn import demo as demonstration

    with preemptible("go on with `seqattn train demo`, the same changes, --out and --resume"):
        report = demonstration.run(out, overrides=overrides or (), tell=screen.print,
                                   overwrite=overwrite)
    show_reports(report["edge"])


def train(recipe: Recipe, overrides: Overrides = None,
          out: Annotated[pathlib.Path | None, typer.Option(
              help="Run folder. Defaults to runs/train/RECIPE.", callback=given.folder)] = None,
          strategy: Annotated[str, typer.Option(
              help="auto, none, mirrored, multiworker or tpu.",
              callback=given.one_of("--strategy", *given.STRATEGIES))] = "auto",
          resume: Annotated[bool, typer.Option(
              "--resume", help="Go on from the last checkpoint, if there is one; a finished run "
                           "goes on where train.epochs is larger now.")] = False,
          overwrite: Overwrite = False, dry_run: DryRun = False,
          skip_bad: SkipBad = False,
          wait: Annotated[float, typer.Option(
              help="Longest wait for the other workers, in seconds.")] = 300.0,
          backend: Backend = None, as_json: AsJson = False) -> None:
    """Train a recipe with `model.fit` and write a run folder.

    The command is the same on a laptop, on several GPUs, on every host of `TF_CONFIG` and on a
    TPU.

    Ctrl-C saves the state and ends with exit code 130. Exit code 75 means that SIGTERM came and the
    state was saved, or that another worker was lost. Start the command again then, with `--resume`.

    Example: `seqattn train demo train.epochs=3 --out runs/short`
    """
    choose_backend(backend)
    from keras_seqattn import training

    if dry_run:
        plan = training.read(recipe, overrides or ())
        with busy(f"trying the steps of {recipe}"):
            finish(training.rehearse(plan, strategy, skip_bad, wait), None, as_json)
        return
    out = out or pathlib.Path("runs/train") / _run_name(recipe)
    plan = _check_folder(recipe, overrides, out, resume, overwrite)
    again = f"the same command, --out {out} and --resume"
    with (contextlib.redirect_stdout(sys.stderr if as_json else sys.stdout),
          preemptible(f"go on with {again}")):
        run = training.fit(plan, out, strategy, resume, skip_bad, wait, overwrite=overwrite)
    last = {name: values[-1] for name, values in run.history.items()}
    finish({**last, "out": str(out), "epochs": len(run.history["loss"]), "seconds": run.seconds,
            "examples_per_s": run.examples_per_s}, None, as_json)


def _check_folder(recipe: str, overrides: list[str] | None, out: pathlib.Path, resume: bool,
                  overwrite: bool) -> "training.Recipe":
    """Reads a recipe and checks that it may be trained in a folder."""
    from keras_seqattn import training
    from keras_seqattn.training.run_folder import claim

    plan = training.read(recipe, overrides or ())
    claim.check(plan, out, resume, overwrite)
    return plan


def _run_name(recipe: str) -> str:
    """Name of a recipe's run: that of its file, or of the folder of a file called recipe.yaml."""
    path = pathlib.Path(recipe)
    return path.resolve().parent.name if path.stem == "recipe" else path.stem


def choose_backend(backend: str | None) -> None:
    """Sets the backend of Keras, which Keras reads when it is imported.

    Args:
        backend: Its name, or `None` to leave it as it is.

    Raises:
        ValueError: there is no such backend, or Keras has another one already.
    """
    if backend is None:
        return
    if backend not in BACKENDS:
        raise ValueError(explain("`--backend` is not known", backend=backend,
                                 fix=nearest(backend, BACKENDS)))
    os.environ["KERAS_BACKEND"] = backend
    if "keras" in sys.modules and sys.modules["keras"].backend.backend() != backend:
        raise ValueError(explain(
            "Keras has another backend already", backend=backend,
            loaded=sys.modules["keras"].backend.backend(), fix=f"set KERAS_BACKEND={backend}"))
