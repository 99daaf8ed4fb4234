"""The command `seqattn`: each subcommand is one function of the library, with files to read."""

import importlib
import sys
import typing
import warnings
from collections.abc import Callable, Sequence
from typing import Annotated, NoReturn

try:
    import rich  # noqa: F401
    import typer
    from typer.core import TyperGroup
except ImportError:
    print("The command needs the extra `cli`. To fix: pip install 'keras_seqattn[cli]'.",
          file=sys.stderr)
    sys.exit(2)

import keras_seqattn
from keras_seqattn.cli.extras import check_backend, needed
from keras_seqattn.cli.screen import notes, quiet
from keras_seqattn.errors import explain, nearest

# Each command and the module that holds it. A module is imported when its command is asked for.
VERBS = {
    "demo": "train", "new": "new", "train": "train", "doctor": "doctor", "evaluate": "evaluate",
    "export": "export", "npu": "npu", "verify": "measure", "benchmark": "measure",
    "classify": "write", "caption": "write", "translate": "write", "inspect": "inspect",
    "list": "summary", "summary": "summary", "convert": "convert", "reproduce": "reproduce"}
FUNCTIONS = {"list": "list_models"}   # of commands whose name is one of Python's


def verb(name: str) -> typing.Any:
    """Makes one command of the function that has its name."""
    module = importlib.import_module(f"{__name__}.{VERBS[name]}")
    function: Callable = getattr(module, FUNCTIONS.get(name, name))
    alone = typer.Typer(add_completion=False, rich_markup_mode="markdown")
    alone.command(name)(function)
    return typer.main.get_command(alone)


class Verbs(TyperGroup):
    """The commands by name."""

    def list_commands(self, ctx: typing.Any) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: typing.Any, cmd_name: str) -> typing.Any:
        if cmd_name in VERBS:
            return verb(cmd_name)
        if ctx.resilient_parsing:
            return None
        raise ValueError(explain("the command is not known", command=cmd_name,
                                 fix=nearest(cmd_name, VERBS)))


app = typer.Typer(
    name="seqattn", cls=Verbs, no_args_is_help=True, rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Train sequence and attention models with Keras 3 and take them to the edge.")


def _version(asked: bool) -> None:
    if asked:
        print(f"keras_seqattn {keras_seqattn.__version__}")
        raise typer.Exit


@app.callback()
def options(version: Annotated[bool, typer.Option(
                "--version", callback=_version, is_eager=True, help="Show the version.")] = False,
            debug: Annotated[bool, typer.Option(
                "--debug", help="Show the traceback of an error, and what other libraries log; "
                                "may stand anywhere.")] = False) -> None:
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
        check_backend()
        with quiet(not debug):
            sys.exit(app(arguments, standalone_mode=False) or 0)
    except (typer.Exit, typer.Abort) as stop:
        sys.exit(getattr(stop, "exit_code", 130))
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        text = _mistake(error)
        if debug or text is None:
            raise
        if text:  # without any argument the help is already on the screen
            notes.print(f"seqattn: {' '.join(text.split())}", style="red", soft_wrap=True)
        sys.exit(2)


def _mistake(error: Exception) -> str | None:
    """What to say of an error that the user can mend; `None` of any other.

    Such are wrong arguments, what `explain` phrased, and libraries that are not installed.
    """
    if hasattr(error, "format_message"):
        return _wrong_use(error)
    return str(error) if "To fix:" in str(error) else needed(error)


def _wrong_use(error: typing.Any) -> str:
    """What to say of arguments that do not fit the command."""
    text = error.format_message().rstrip(".")
    if not text:
        return text
    verb = f" {error.ctx.info_name}" if error.ctx is not None and error.ctx.parent else ""
    return f"{text}. To fix: see `seqattn{verb} --help`."
