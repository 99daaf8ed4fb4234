"""The command `seqattn`: each subcommand is one function of the library, with files to read."""

import os
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated, NoReturn

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

try:
    import rich  # noqa: F401
    import typer
except ImportError:
    sys.exit("The command needs the extra `cli`. To fix: pip install 'keras_seqattn[cli]'.")

from keras_seqattn.cli import convert, export, inspect, measure, reproduce, summary, train, write
from keras_seqattn.cli.screen import notes

app = typer.Typer(
    name="seqattn", no_args_is_help=True, add_completion=False, rich_markup_mode="markdown",
    help="Train sequence and attention models with Keras 3 and take them to the edge.")
for verb in (train.demo, train.train, train.doctor, measure.evaluate, export.export,
             measure.verify, measure.benchmark, write.classify, write.caption, write.translate,
             inspect.inspect, convert.convert, summary.summary, reproduce.reproduce):
    app.command()(verb)
app.command("list")(summary.list_models)


@app.callback()
def options(debug: Annotated[bool, typer.Option(
        "--debug", help="Show the traceback of an error; may stand anywhere.")] = False) -> None:
    """Every command explains itself: `seqattn COMMAND --help`."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the command; a user's mistake becomes one line and exit code 2.

    Args:
        arguments: What stands after `seqattn`. Defaults to the arguments of the process.

    Raises:
        SystemExit: with the exit code, in every case but an error that is no mistake of the user.
    """
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


def _is_mistake(error: Exception) -> bool:
    """Whether the user can mend the error: wrong arguments, or what `explain` phrased."""
    return hasattr(error, "format_message") or "To fix:" in str(error)
