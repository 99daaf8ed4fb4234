"""The command `npu`: what the NPUs of phones make of an exported file."""

import pathlib
import typing
from typing import Annotated

import typer

from keras_seqattn.cli import given
from keras_seqattn.cli.screen import AsJson, ReportFile, busy, finish, screen, table

if typing.TYPE_CHECKING:
    from keras_seqattn.edge.npu.report import NpuReport

SHOWN, SOME = 12, 3   # ops that stay behind, of each chip; weights that are floats


def chips(text: str | None) -> str | None:
    """Checks that chips are known."""
    if text is not None:
        from keras_seqattn.edge.npu.chips import parse

        parse(text)
    return text


def npu(file: given.Exported,
        chips: Annotated[str | None, typer.Option(
            callback=chips, help="Such as qualcomm:SM8750,SM8650; all that are known unless told.")
        ] = None,
        write: Annotated[bool, typer.Option(
            "--write", help="Write the compiled files beside the portable one.")] = False,
        report: ReportFile = None, as_json: AsJson = False) -> None:
    """Tell which ops of a file the NPUs of phones take; exit 0 when each takes the file whole.

    No phone is needed: the file is compiled by the chip maker's compiler. What stays on the CPU is
    told by layer, with the reason.

    Example: `seqattn npu vit.tflite --chips qualcomm:SM8750`
    """
    from keras_seqattn import edge

    with busy(f"compiling {file}"):
        made = edge.compile_for_npu(file, names(chips), write=write)
    if not as_json:
        show(made)
    finish(made.to_dict(), report, as_json, shown=True)
    if not all(each.whole for each in made.chips.values()):
        raise typer.Exit(1)


def compiled(file: pathlib.Path, text: str | None) -> "NpuReport | None":
    """Compiles a file for the chips that the command line tells, if it tells any."""
    if text is None:
        return None
    from keras_seqattn import edge

    with busy(f"compiling {file}"):
        return edge.compile_for_npu(file, names(text))


def names(text: str | None) -> list[str] | None:
    """Names of the chips that the command line tells."""
    from keras_seqattn.edge.npu.chips import parse

    return None if text is None else [chip.name for chip in parse(text)]


def show(made: "NpuReport") -> None:
    """Prints a row for each chip, and each op that stays on the CPU with the chips that leave it.

    Args:
        made: What `edge.compile_for_npu` returned.
    """
    shown = table("chip", "HTP", "ops taken", "partitions", "whole", "file")
    left: dict[str, list[str]] = {}
    for each in made.chips.values():
        shown.add_row(each.chip, f"v{each.architecture}", f"{each.taken} of {each.ops}",
                      str(each.partitions), "yes" if each.whole else "no", each.file or "–")
        for text in [each.error] if each.error else each.left[:SHOWN]:
            left.setdefault(text, []).append(each.chip)
    screen.print(shown)
    for text, chips in left.items():
        screen.print(f"{', '.join(chips)}: {text}", soft_wrap=True, markup=False)
    if made.floats:
        more = ", …" if len(made.floats) > SOME else ""
        screen.print(f"{len(made.floats)} weights are floats on the NPU: "
                     f"{', '.join(made.floats[:SOME])}{more}", soft_wrap=True, markup=False)
    screen.print(f"compiled by Qualcomm's SDK {made.sdk}, not run on a chip")
