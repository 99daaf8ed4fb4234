"""What the commands share: options of one meaning, what is printed and what is written."""

import json
import pathlib
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from keras_seqattn.errors import explain

screen = Console(markup=False, emoji=False, highlight=False)
notes = Console(markup=False, emoji=False, highlight=False, stderr=True)

ReportFile = Annotated[
    pathlib.Path | None, typer.Option("--report", help="Write the result to this JSON file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
SkipBad = Annotated[bool, typer.Option(
    "--skip-bad", help="Leave out what is unreadable or incomplete, and count it.")]
Beam = Annotated[int, typer.Option(
    min=1, help="Beginnings that are followed at once; 1 is greedy. A file has one other width.")]


def busy(text):
    """Says what goes on, until the block ends; nothing where no terminal is."""
    return notes.status(text)


def refuse(kind, **given):
    """Refuses options that the model at hand would not heed; their defaults count as not given."""
    given = {name: value for name, value in given.items() if value}
    if given:
        raise ValueError(explain(f"such options are for models that {kind}",
                                 fix="leave them out", **given))


def table(*columns):
    """An empty table."""
    return Table(*columns, box=box.SIMPLE)


def show_reports(reports):
    """Prints reports on exported files, one line each."""
    shown = table("precision", "bytes", "accuracy", "agree", "error", "ms", "holds")
    for each in reports:
        accuracy, agreement = each["accuracy"], each["top1_agreement"]
        shown.add_row(
            each["precision"], f"{each['bytes']:,}",
            "–" if accuracy is None else f"{accuracy['edge']:.3f}",
            "–" if agreement is None else f"{agreement:.3f}", f"{each['max_abs_error']:.2g}",
            f"{each['latency']['median_ms']:.2f}", "no" if each["failures"] else "yes")
    screen.print(shown)


def finish_report(result, report, as_json, more=None):
    """Prints and writes the report on one exported file."""
    if not as_json:
        show_reports([result.to_dict()])
    finish({**result.to_dict(), **(more or {})}, report, as_json, shown=True)
    for text in (*result.notes, *result.warnings, *result.failures):
        notes.print(f"note: {text}", soft_wrap=True)


def finish(result, report, as_json, shown=False):
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
