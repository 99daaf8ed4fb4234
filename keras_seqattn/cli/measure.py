"""The commands that measure exported files: `verify` and `benchmark`."""

from typing import Annotated

import typer

from keras_seqattn.cli import given, sources
from keras_seqattn.cli.screen import (
    AsJson,
    ReportFile,
    SkipBad,
    busy,
    finish,
    finish_report,
    screen,
    table,
)


def verify(file: given.Exported,
           against: Annotated[str, typer.Option(
               help="Model name, run folder or .keras file.", callback=given.keras_model)],
           source: sources.OptionalSource = None, skip_bad: SkipBad = False,
           on: Annotated[str, typer.Option(
               help="gpu to also hold it against LiteRT's GPU accelerator.",
               callback=given.one_of("--on", "cpu", "gpu"))] = "cpu",
           report: ReportFile = None, as_json: AsJson = False) -> None:
    """Hold a file against its Keras model; exit 0 when the file holds, 1 when it does not.

    The GPU's accelerator needs a Vulkan driver. Without a graphics card that is SwiftShader, which
    Chromium brings along.

    Example: `seqattn verify vit.tflite --against runs/demo --data sample:eurosat`

    Example: `seqattn verify vit.tflite --against runs/demo --on gpu`
    """
    from keras_seqattn import edge, models

    keras_model = models.load(against)
    shape = None if source is None else list(
        map(int, next(iter(edge.load(file).inputs.values()))["shape"][1:]))
    inputs, targets = sources.test_examples(source, against, keras_model, skip_bad, shape)
    with busy(f"verifying {file}"):
        result = edge.verify(file, keras_model, inputs, targets, on=on)
    finish_report(result, report, as_json)
    if not result.holds:
        raise typer.Exit(1)


def benchmark(files: Annotated[list[str], typer.Argument(
                  help=".tflite files.", callback=given.every(given.exported))],
              threads: Annotated[int, typer.Option(
                  min=1, help="CPU threads to run the file on.")] = 2,
              runs: Annotated[int, typer.Option(min=1, help="Number of timed runs.")] = 50,
              report: ReportFile = None, as_json: AsJson = False) -> None:
    """Time exported files on random inputs, and count the tokens per second of those that write.

    Example: `seqattn benchmark runs/demo/*.tflite --threads 2 --runs 50`
    """
    from keras_seqattn import edge

    results = dict(zip(files, edge.benchmark(files, threads, runs), strict=True))
    if not as_json:
        writers = any("tokens_per_s" in row for row in results.values())
        shown = table("file", "median ms", "p90 ms", "runs", "threads",
                      *["tokens/s"] * writers)
        for file, row in results.items():
            rate = f"{row['tokens_per_s']:,.1f}" if "tokens_per_s" in row else "–"
            shown.add_row(file, f"{row['median_ms']:.3f}", f"{row['p90_ms']:.3f}",
                          str(runs), str(threads), *[rate] * writers)
        screen.print(shown)
    finish(results, report, as_json, shown=True)
