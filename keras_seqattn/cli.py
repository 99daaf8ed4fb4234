"""The command `seqattn`: each subcommand is one function of the library, with files to read."""

import contextlib
import json
import os
import pathlib
import sys
import warnings
from typing import Annotated

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

try:
    import typer
    from rich import box
    from rich.console import Console
    from rich.table import Table
except ImportError:
    sys.exit("The command needs the extra `cli`. To fix: pip install 'keras_seqattn[cli]'.")

from keras_seqattn.errors import explain, nearest

BACKENDS = ("tensorflow", "jax", "torch")
CHOICE = 1_000  # training images that a precision is chosen on

app = typer.Typer(
    name="seqattn", no_args_is_help=True, add_completion=False, rich_markup_mode="markdown",
    help="Train sequence and attention models with Keras 3 and take them to the edge.")
screen = Console(markup=False, highlight=False)
notes = Console(markup=False, highlight=False, stderr=True)

ReportFile = Annotated[
    pathlib.Path | None, typer.Option("--report", help="Write the result to this JSON file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Threads = Annotated[int, typer.Option(help="CPU threads to run the file on.")]
Runs = Annotated[int, typer.Option(help="Number of timed runs.")]
Source = Annotated[str, typer.Option(
    "--data",
    help="sample:NAME, folder:PATH (PATH/SPLIT/CLASS/pictures), pack:FILE.npz or tfds:NAME.")]
Backend = Annotated[str | None, typer.Option(
    help="Keras backend: tensorflow, jax or torch. Defaults to KERAS_BACKEND.")]
OptionalSource = Annotated[str | None, typer.Option(
    "--data", help="Verify on the test split of this source; random inputs without.")]


@app.callback()
def options(debug: Annotated[bool, typer.Option(
        "--debug", help="Show the traceback of an error; may stand anywhere.")] = False):
    """Every command explains itself: `seqattn COMMAND --help`."""


@app.command()
def demo(out: Annotated[pathlib.Path, typer.Option(help="Folder for the results.")] =
         pathlib.Path("runs/demo"),
         overrides: Annotated[list[str] | None, typer.Argument(
             metavar="[SECTION.FIELD=VALUE]...", help="Changes to the recipe.")] = None):
    """Train a small ViT on the sample images, export, verify, classify, report.

    Example: `seqattn demo --out runs/demo`
    """
    from keras_seqattn import demo as demonstration

    report = demonstration.run(out, overrides=overrides or (), tell=screen.print)
    _show_reports(report["edge"])


@app.command()
def train(recipe: Annotated[str, typer.Argument(help="Name of a recipe, or a YAML file.")],
          overrides: Annotated[list[str] | None, typer.Argument(
              metavar="[SECTION.FIELD=VALUE]...", help="Changes to the recipe.")] = None,
          out: Annotated[pathlib.Path | None, typer.Option(
              help="Run folder. Defaults to runs/RECIPE.")] = None,
          strategy: Annotated[str, typer.Option(
              help="auto, none, mirrored, multiworker or tpu.")] = "auto",
          resume: Annotated[bool, typer.Option(
              "--resume", help="Go on from the last checkpoint, if there is one.")] = False,
          skip_bad: Annotated[bool, typer.Option(
              "--skip-bad", help="Leave unreadable pictures out and count them.")] = False,
          wait: Annotated[float, typer.Option(
              help="Longest wait for the other workers, in seconds.")] = 300.0,
          backend: Backend = None, as_json: AsJson = False):
    """Train a recipe with `model.fit` and write a run folder.

    The same command on a laptop, on several GPUs, on every host of `TF_CONFIG` and on a TPU.
    Exit code 75 means that SIGTERM came and the state was saved, or that another worker was
    lost: start it again with `--resume`.

    Example: `seqattn train demo train.epochs=3 --out runs/short`
    """
    _choose_backend(backend)
    from keras_seqattn import training

    out = out or pathlib.Path("runs") / _run_name(recipe)
    with contextlib.redirect_stdout(sys.stderr if as_json else sys.stdout):
        try:
            run = training.fit(training.read(recipe, overrides or ()), out, strategy, resume,
                               skip_bad, wait)
        except training.Preempted as stop:
            notes.print(f"seqattn: {stop}", soft_wrap=True)
            raise typer.Exit(training.EXIT_PREEMPTED) from None
    last = {name: values[-1] for name, values in run.history.items()}
    _finish({**last, "out": str(out), "epochs": len(run.history["loss"]), "seconds": run.seconds,
             "examples_per_s": run.examples_per_s}, None, as_json)


@app.command()
def doctor(recipe: Annotated[str, typer.Argument(help="Name of a recipe, or a YAML file.")],
           overrides: Annotated[list[str] | None, typer.Argument(
               metavar="[SECTION.FIELD=VALUE]...", help="Changes to the recipe.")] = None,
           strategy: Annotated[str, typer.Option(help="tpu, so far the only one.")] = "tpu",
           replicas: Annotated[int, typer.Option(
               min=1, help="TPU cores that share each batch.")] = 8,
           backend: Backend = None, report: ReportFile = None, as_json: AsJson = False):
    """List what keeps a recipe from a TPU, without one; exit 0 when nothing does, 1 otherwise.

    The training and the validation step are compiled with XLA on the CPU.

    Example: `seqattn doctor demo train.batch_size=64 --strategy tpu`
    """
    _choose_backend(backend)
    if strategy != "tpu":
        raise ValueError(explain("only a TPU needs a check beforehand", strategy=strategy,
                                 fix="pass --strategy tpu"))
    from keras_seqattn import training
    from keras_seqattn.training import doctor as examination

    with _busy(f"compiling the steps of {recipe}"):
        findings = examination.examine(training.read(recipe, overrides or ()), replicas)
    if not as_json:
        for finding in findings:
            screen.print(f"{finding.severity}: {finding.what}\n  at {finding.where}\n"
                         f"  to fix: {finding.fix}", soft_wrap=True)
    _finish({"recipe": recipe, "replicas": replicas,
             "findings": [finding._asdict() for finding in findings]}, report, as_json, shown=True)
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(1)


@app.command()
def evaluate(model: Annotated[str, typer.Argument(
                 help="Model name, URL, run folder, .keras, .tflite or .onnx file.")],
             source: Source,
             split: Annotated[str, typer.Option(help="Split of the source.")] = "test",
             report: ReportFile = None, as_json: AsJson = False):
    """Measure the accuracy of a Keras model or an exported file.

    Example: `seqattn evaluate runs/demo --data sample:eurosat`
    """
    from keras_seqattn import data, edge, models
    from keras_seqattn.data.batches import scale

    if model.endswith((".tflite", ".onnx")):
        runner = edge.load(model)
        shape = next(iter(runner.inputs.values()))["shape"][1:]
        labels = runner.contract.get("labels")

        def predict(images):
            return runner(runner.normalise(images))
    else:
        keras_model = models.load(model)
        shape, labels = keras_model.input_shape[1:], models.labels(model)

        def predict(images):
            return keras_model.predict_on_batch(scale(images))
    examples = _examples(source, split, shape, labels)
    with _busy(f"evaluating {model}"):
        accuracy, count = data.accuracy(predict, examples)
    _finish({"model": model, "data": source, "split": split, "examples": count,
             "accuracy": accuracy}, report, as_json)


@app.command()
def export(model: Annotated[str, typer.Argument(help="Model name, run folder or .keras file.")],
           out: Annotated[pathlib.Path, typer.Option(help="The .tflite or .onnx file to write.")],
           precision: Annotated[str, typer.Option(
               help="float32, float16, dynamic_wi8_afp32, dynamic_wi4_afp32, mixed_wi8_ai8, "
                    "static_wi8_ai8, static_wi8_ai16, or auto: the smallest that is accurate "
                    "enough.")] = "dynamic_wi8_afp32",
           source: OptionalSource = None,
           calibration: Annotated[str | None, typer.Option(
               help="Source of training images for the ranges of activations. Defaults to --data "
                    "where a precision needs one.")] = None,
           max_drop: Annotated[float, typer.Option(
               help="With --precision auto: largest loss of accuracy, in points.")] = 0.5,
           image_input: Annotated[str, typer.Option(
               help="uint8 for a file that takes pixels 0 to 255 as they are.")] = "float32",
           attention: Annotated[bool, typer.Option(
               "--attention", help="Add an output with the last block's attention map.")] = False,
           licence: Annotated[str | None, typer.Option(
               help="Licence of model and data, written into the file.")] = None,
           force: Annotated[bool, typer.Option(
               "--force", help="Keep a file that fails, as OUT.rejected.")] = False,
           report: ReportFile = None, as_json: AsJson = False):
    """Write a model as a .tflite or .onnx file, verified before it gets its name.

    Example: `seqattn export runs/demo --out vit.tflite --precision mixed_wi8_ai8 --data
    sample:eurosat`
    """
    from keras_seqattn import edge, models

    keras_model = models.load(model)
    inputs, targets = _test_examples(source, model, keras_model)
    fixed = precision == "auto" or (
        precision in edge.PRECISIONS and edge.PRECISIONS[precision].needs_calibration)
    options = {"labels": models.labels(model), "image_input": image_input, "attention": attention,
               "licence": licence, "calibration": calibration or (source if fixed else None)}
    with _busy(f"exporting {out}"):
        if precision == "auto":
            result, rows = _export_smallest(model, keras_model, out, source, max_drop, options)
            result = edge.verify(out, keras_model, inputs, targets)
        else:
            result, rows = edge.export(keras_model, out, precision, inputs=inputs,
                                       targets=targets, force=force, **options), None
    if rows and not as_json:
        _show_choice(rows, max_drop)
    _finish_report(result, report, as_json, {"choice": rows} if rows else {})
    if not as_json:
        screen.print(f"wrote {out} and {out.with_suffix('.json')}")


@app.command()
def verify(file: Annotated[str, typer.Argument(help="The .tflite or .onnx file.")],
           against: Annotated[str, typer.Option(help="Model name, run folder or .keras file.")],
           source: OptionalSource = None, report: ReportFile = None, as_json: AsJson = False):
    """Hold a file against its Keras model; exit 0 when it holds, 1 when it does not.

    Example: `seqattn verify vit.tflite --against runs/demo --data sample:eurosat`
    """
    from keras_seqattn import edge, models

    keras_model = models.load(against)
    inputs, targets = _test_examples(source, against, keras_model)
    with _busy(f"verifying {file}"):
        result = edge.verify(file, keras_model, inputs, targets)
    _finish_report(result, report, as_json)
    if not result.holds:
        raise typer.Exit(1)


@app.command()
def benchmark(files: Annotated[list[str], typer.Argument(help=".tflite files.")],
              threads: Threads = 2, runs: Runs = 50, report: ReportFile = None,
              as_json: AsJson = False):
    """Time exported files on random inputs.

    Example: `seqattn benchmark runs/demo/*.tflite --threads 2 --runs 50`
    """
    from keras_seqattn import edge

    results = dict(zip(files, edge.benchmark(files, threads, runs), strict=True))
    if not as_json:
        table = Table("file", "median ms", "p90 ms", "runs", "threads", box=box.SIMPLE)
        for file, row in results.items():
            table.add_row(file, f"{row['median_ms']:.3f}", f"{row['p90_ms']:.3f}",
                          str(runs), str(threads))
        screen.print(table)
    _finish(results, report, as_json, shown=True)


@app.command()
def classify(file: Annotated[str, typer.Argument(help="The .tflite file.")],
             images: Annotated[list[str], typer.Argument(help="Picture files.")],
             top: Annotated[int, typer.Option(help="Number of classes to show.")] = 3,
             as_json: AsJson = False):
    """Name what is on pictures, from the exported file alone.

    Example: `seqattn classify runs/demo/vit_dynamic_wi8_afp32.tflite photo.jpg`
    """
    from keras_seqattn import edge

    runner = edge.load(file)
    results = {image: runner.classify(image, top) for image in images}
    if not as_json:
        table = Table("image", "classes", box=box.SIMPLE)
        for image, ranked in results.items():
            table.add_row(image, ", ".join(f"{label} {share:.1%}" for label, share in ranked))
        screen.print(table)
    _finish(results, None, as_json, shown=True)


def main(arguments=None):
    """Runs the command; a user's mistake becomes one line and exit code 2."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    warnings.showwarning = lambda message, *_, **__: notes.print(
        f"note: {message}", style="dim", soft_wrap=True)
    try:
        sys.exit(app(arguments, standalone_mode=False) or 0)
    except (typer.Exit, typer.Abort) as stop:
        sys.exit(getattr(stop, "exit_code", 130))
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if debug or not _is_mistake(error):
            raise
        text = error.format_message() if hasattr(error, "format_message") else str(error)
        if text:  # without any argument the help is already on the screen
            notes.print(f"seqattn: {' '.join(text.split())}", style="red", soft_wrap=True)
        sys.exit(2)


def _is_mistake(error):
    """Whether the user can mend it: wrong arguments, or an error phrased by `explain`."""
    return hasattr(error, "format_message") or "To fix:" in str(error)


def _examples(source, split, shape, labels):
    """Loads a source in a model's size, and refuses classes that are not the model's."""
    from keras_seqattn import data

    examples = data.load(source, split, tuple(map(int, shape)))
    if labels is not None and list(examples.classes) != list(labels):
        raise ValueError(explain(
            "the source must have the classes of the model, in its order", source=source,
            source_classes=list(examples.classes), model_classes=list(labels),
            fix="pass the data that the model was trained for"))
    return examples


def _test_examples(source, name, model):
    """Inputs and targets of a source's test split, or `None` twice without a source."""
    if source is None:
        return None, None
    import numpy as np

    from keras_seqattn import models
    from keras_seqattn.data.batches import scale

    examples = _examples(source, "test", model.input_shape[1:], models.labels(name))
    images, labels = examples.read(np.arange(len(examples)))
    return scale(images), labels


def _run_name(recipe):
    """Name of the run of a recipe: its file's, or its folder's if it is called recipe.yaml."""
    path = pathlib.Path(recipe)
    return path.resolve().parent.name if path.stem == "recipe" else path.stem


def _choose_backend(backend):
    """Sets the backend of Keras, which it reads when it is imported."""
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


def _busy(text):
    return notes.status(text)


def _export_smallest(name, model, out, source, max_drop, options):
    """Chooses on training images that calibration does not see, so that no test image chooses."""
    import numpy as np

    from keras_seqattn import edge, models
    from keras_seqattn.data.batches import scale
    from keras_seqattn.edge import calibrate

    if source is None:
        raise ValueError(explain("--precision auto needs data to measure accuracy on", data=None,
                                 fix="pass --data SOURCE"))
    examples = _examples(source, "train", model.input_shape[1:], models.labels(name))
    left = np.setdiff1d(np.arange(len(examples)), calibrate.places(len(examples)))
    chosen = left[np.linspace(0, len(left) - 1, min(len(left), CHOICE)).astype(int)]
    images, labels = examples.read(chosen)
    return edge.smallest(model, out, scale(images), labels, max_drop=max_drop, **options)


def _show_choice(rows, max_drop):
    table = Table("precision", "bytes", "drop", "agree", "ms", f"drop <= {max_drop:g}", "",
                  box=box.SIMPLE)
    for row in rows:
        measured = [f"{row['bytes']:,}", f"{row['drop']:+.2f}", f"{row['top1_agreement']:.3f}",
                    f"{row['latency_ms']:.2f}"] if "bytes" in row else ["–"] * 4
        table.add_row(row["precision"], *measured, "yes" if row["holds"] else "no",
                      "chosen" if row["chosen"] else "")
    screen.print(table)


def _finish_report(result, report, as_json, more=None):
    if not as_json:
        _show_reports([result.to_dict()])
    _finish({**result.to_dict(), **(more or {})}, report, as_json, shown=True)
    for text in (*result.notes, *result.warnings, *result.failures):
        notes.print(f"note: {text}", soft_wrap=True)


def _show_reports(reports):
    table = Table("precision", "bytes", "accuracy", "agree", "error", "ms", "holds",
                  box=box.SIMPLE)
    for each in reports:
        accuracy, agreement = each["accuracy"], each["top1_agreement"]
        table.add_row(
            each["precision"], f"{each['bytes']:,}",
            "–" if accuracy is None else f"{accuracy['edge']:.3f}",
            "–" if agreement is None else f"{agreement:.3f}", f"{each['max_abs_error']:.2g}",
            f"{each['latency']['median_ms']:.2f}", "no" if each["failures"] else "yes")
    screen.print(table)


def _finish(result, report, as_json, shown=False):
    """Prints a result for people or machines, and writes it if a file was named."""
    from keras_seqattn.files import whole

    text = json.dumps(result, indent=1)
    if as_json:
        print(text)
    elif not shown:
        for name, value in result.items():
            screen.print(f"{name}: {value:.4g}" if isinstance(value, float) else f"{name}: {value}")
    if report is not None:
        with whole(report) as path:
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
