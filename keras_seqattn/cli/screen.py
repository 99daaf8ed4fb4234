"""What the commands share: options of one meaning, what is printed and what is written."""

import contextlib
import faulthandler
import io
import json
import logging
import math
import os
import pathlib
import sys
import typing
from collections.abc import Iterable, Iterator
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.status import Status
from rich.table import Table

from keras_seqattn.cli import given
from keras_seqattn.errors import explain
from keras_seqattn.files import whole

if typing.TYPE_CHECKING:
    from keras_seqattn.edge import Report

screen = Console(markup=False, emoji=False, highlight=False)
notes = Console(markup=False, emoji=False, highlight=False, stderr=True)

ReportFile = Annotated[
    pathlib.Path | None, typer.Option("--report", callback=given.output("--report"),
                                      help="Write the result to this JSON file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
SkipBad = Annotated[bool, typer.Option(
    "--skip-bad", help="Leave out what is unreadable or incomplete, and count it.")]
Beam = Annotated[int, typer.Option(
    min=1, help="Beginnings that are followed at once; 1 is greedy. A file has one other width.")]


@contextlib.contextmanager
def quiet(silent: bool = True) -> Iterator[None]:
    """Keeps the logs of other libraries from the screen until the block ends.

    Libraries in C++ write to the process's standard error itself, whatever Python has in its place.
    A crash of one still shows where it happened.

    Args:
        silent: `False` changes nothing.
    """
    if not silent:
        yield
        return
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    with contextlib.ExitStack() as stack:
        stack.callback(logging.disable, disabled)
        if _writes_to_the_process():
            shown, errors = os.dup(2), sys.stderr
            stack.callback(os.close, shown)
            stack.callback(os.dup2, shown, 2)
            sys.stderr = stack.enter_context(open(
                shown, "w", buffering=1, encoding=errors.encoding, errors=errors.errors,
                closefd=False))
            stack.callback(setattr, sys, "stderr", errors)
            faulthandler.enable(sys.stderr)
            stack.callback(faulthandler.disable)
            with open(os.devnull, "w", encoding="utf-8") as nowhere:
                os.dup2(nowhere.fileno(), 2)
        yield


def _writes_to_the_process() -> bool:
    """Whether Python's standard error is that of the process, which it is not in a test."""
    try:
        return sys.stderr.fileno() == 2
    except (AttributeError, io.UnsupportedOperation):
        return False


def busy(text: str) -> Status:
    """Says what goes on until the block ends, if there is a terminal."""
    return notes.status(text)


def refuse(kind: str, **given: typing.Any) -> None:
    """Refuses options that the model at hand would not heed.

    Args:
        kind: What models do for which the options are made.
        **given: The options by name. One with a false value counts as not given.

    Raises:
        ValueError: an option is given.
    """
    given = {name: value for name, value in given.items() if value}
    if given:
        raise ValueError(explain(f"such options are for models that {kind}",
                                 fix="leave them out", **given))


def table(*columns: str) -> Table:
    """An empty table."""
    return Table(*columns, box=box.SIMPLE)


def show_reports(reports: Iterable[dict]) -> None:
    """Prints reports on exported files, one line each."""
    shown = table("precision", "bytes", "accuracy", "agree", "error", "ms", "holds")
    for each in reports:
        accuracy, agreement = each["accuracy"], each["top1_agreement"]
        error = each["max_abs_error"]   # of integers there is none
        shown.add_row(
            each["precision"], f"{each['bytes']:,}",
            "–" if accuracy is None else f"{accuracy['edge']:.3f}",
            "–" if agreement is None else f"{agreement:.3f}",
            "–" if error is None else f"{error:.2g}",
            f"{each['latency']['median_ms']:.2f}", "no" if each["failures"] else "yes")
    screen.print(shown)


def finish_report(result: "Report", report: pathlib.Path | None, as_json: bool,
                  more: dict | None = None) -> None:
    """Prints and writes the report on one exported file, as `finish` does.

    Args:
        result: The report.
        report: As for `finish`.
        as_json: As for `finish`.
        more: Fields that are printed and written beside those of the report.
    """
    if not as_json:
        show_reports([result.to_dict()])
    finish({**result.to_dict(), **(more or {})}, report, as_json, shown=True)
    for text in (*result.notes, *result.warnings, *result.failures):
        notes.print(f"note: {text}", soft_wrap=True)


def finish(result: typing.Any, report: pathlib.Path | None, as_json: bool,
           shown: bool = False) -> None:
    """Prints a result for people or machines, and writes it if a file was named.

    Args:
        result: What JSON can hold. It is a dictionary, unless `shown`.
        report: JSON file to write, or `None`.
        as_json: Print for machines.
        shown: The command has printed the result for people.

    Raises:
        ValueError: the file cannot be written.
    """
    text = json.dumps(_known(result), indent=1, allow_nan=False)
    if as_json:
        print(text)
    elif not shown:
        for name, value in result.items():
            screen.print(f"{name}: {value:.4g}" if isinstance(value, float) else f"{name}: {value}")
    if report is not None:
        with whole(report) as path:
            path.write_text(text, encoding="utf-8")


def _known(value: typing.Any) -> typing.Any:
    """The value with `None` for numbers that JSON has not: infinities and what is no number."""
    if isinstance(value, dict):
        return {key: _known(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_known(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
