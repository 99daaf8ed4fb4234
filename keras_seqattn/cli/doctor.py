"""The command `doctor`: what a TPU would say of a recipe, before one is paid for."""

import importlib.util
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from keras_seqattn.cli import recipes
from keras_seqattn.cli.screen import AsJson, ReportFile, busy, finish, screen, table
from keras_seqattn.cli.train import Backend, Recipe, choose_backend
from keras_seqattn.errors import explain, nearest

if TYPE_CHECKING:
    from keras_seqattn.training.doctor.figures import Figures
    from keras_seqattn.training.doctor.pod import Examination

MIB, MB = 2 ** 20, 10 ** 6
LOOPS = ("greedy", "beam", "sample")


class Asked(NamedTuple):
    """What to look at, as the options of the command say it."""

    outputs: int | None
    largest: bool
    serve: str | None
    layout: str | None
    per_model: int
    full_effort: bool


def doctor(recipe: Recipe, overrides: Annotated[list[str] | None, typer.Argument(
               metavar="[SECTION.FIELD=VALUE]...", help="Changes to the recipe.")] = None,
           strategy: Annotated[str, typer.Option(help="tpu, so far the only one.")] = "tpu",
           replicas: Annotated[int, typer.Option(
               min=1, help="TPU cores that share each batch, where no topology tells.")] = 8,
           topology: Annotated[str | None, typer.Option(
               help="A TPU such as v5e:4x4. Its own compiler then compiles the steps, on this "
                    "machine: memory, bytes, copies, exchanges. Needs the extra `tpu`. On "
                    "TensorFlow it compiles one replica, without the exchanges.")
           ] = None,
           outputs: Annotated[int | None, typer.Option(
               min=1, help="Read no data: suppose so many classes, or tokens.")] = None,
           largest: Annotated[bool, typer.Option(
               help="Look for the largest batch that fits, with some ten compilations.")] = True,
           serve: Annotated[str | None, typer.Option(
               help="Compile the loop that writes in place of the training: greedy, beam or "
                    "sample.")] = None,
           layout: Annotated[str | None, typer.Option(
               help="Divide the weights among devices: heads or parts.")] = None,
           per_model: Annotated[int, typer.Option(
               min=1, help="Devices that share one model, for the layout heads.")] = 1,
           full_effort: Annotated[bool, typer.Option(
               "--full-effort", help="Let the compiler take minutes, as before a run. Products and "
                                     "copies are the same as in seconds; bytes then count what "
                                     "stays on the chip too.")] = False,
           backend: Backend = None, report: ReportFile = None, as_json: AsJson = False) -> None:
    """List what keeps a recipe from a TPU; exit 0 when nothing does, 1 when something does.

    No TPU is needed. Without a topology the training and the validation step are compiled with XLA
    for the CPU.

    Example: `seqattn doctor demo train.batch_size=64 --strategy tpu --topology v5e:2x2`
    """
    if strategy != "tpu":
        raise ValueError(explain("only a TPU needs a check beforehand", strategy=strategy,
                                 fix="pass --strategy tpu"))
    recipes.check(recipe, overrides, data=outputs is None)
    if serve is not None and serve not in LOOPS:
        raise ValueError(explain("the loop is not known", serve=serve,
                                 fix=nearest(serve, LOOPS)))
    if topology is None:
        if outputs is not None or serve is not None or full_effort:
            raise ValueError(explain(
                "`--outputs`, `--serve` and `--full-effort` are for a topology", outputs=outputs,
                serve=serve, full_effort=full_effort, fix="pass --topology v5e:4x4 too"))
        choose_backend(backend)
        told = _on_this_machine(recipe, overrides or [], replicas)
    else:
        choose_backend(backend or os.environ.get("KERAS_BACKEND") or "jax")
        examination = _examined(recipe, overrides or [], topology, Asked(
            outputs, largest, serve, layout, per_model, full_effort))
        told = _as_json(examination)
        if not as_json:
            _show(examination)
    if not as_json:
        for finding in told["findings"]:
            screen.print(f"{finding['severity']}: {finding['what']}\n  at {finding['where']}\n"
                         f"  to fix: {finding['fix']}", soft_wrap=True)
    finish({"recipe": recipe, **told}, report, as_json, shown=True)
    if any(finding["severity"] == "error" for finding in told["findings"]):
        raise typer.Exit(1)


def _on_this_machine(recipe: str, overrides: list[str], replicas: int) -> dict[str, Any]:
    from keras_seqattn import training
    from keras_seqattn.training.doctor import diagnosis

    with busy(f"compiling the steps of {recipe}"):
        findings = diagnosis.examine(training.read(recipe, overrides), replicas)
    return {"replicas": replicas, "findings": [finding._asdict() for finding in findings]}


def _examined(recipe: str, overrides: list[str], topology: str, asked: Asked
              ) -> "Examination":
    missing = [name for name in ("jax", "libtpu") if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(explain(
            "a topology needs the TPU's compiler", missing=missing,
            fix="pip install 'keras_seqattn[tpu]', in an environment of its own"))
    from keras_seqattn.training.doctor import compiler, environment, topologies

    place = topologies.parse(topology)
    environment.prepare()
    from keras_seqattn import training
    from keras_seqattn.training.doctor import pod

    with busy(f"building {recipe}") as status:
        return pod.examine(training.read(recipe, overrides), place, pod.Options(
            outputs=asked.outputs, largest=asked.largest, serve=asked.serve, layout=asked.layout,
            per_model=asked.per_model, effort=None if asked.full_effort else compiler.FAST,
            tell=status.update))


def _as_json(examination: "Examination") -> dict[str, Any]:
    place, most = examination.topology, examination.largest
    return {
        "topology": place.name, "chips": place.chips, "devices": place.devices,
        "hosts": place.hosts, "usable_bytes": place.usable, "parameters": examination.parameters,
        "shapes": examination.shapes,
        "figures": {name: found._asdict() for name, found in examination.figures.items()},
        "largest": most and {**most._asdict(), "tried": {
            size: found and found._asdict() for size, found in most.tried.items()}},
        "findings": [finding._asdict() for finding in examination.findings]}


def _show(examination: "Examination") -> None:
    """Prints the figures as a table: one column for each step."""
    place, most = examination.topology, examination.largest
    screen.print(f"{place.name}: {place.chips} chips with {place.devices} devices on "
                 f"{place.hosts} hosts, {place.usable / MIB:,.0f} MiB of memory for a program on "
                 f"each; {examination.parameters:,} parameters. Compiled, not run.", soft_wrap=True)
    steps = {name: dict(_rows(found)) for name, found in examination.figures.items()}
    shown = table("of one device", *steps)
    for name in dict.fromkeys(name for rows in steps.values() for name in rows):
        shown.add_row(name, *(rows.get(name, "") for rows in steps.values()))
    if steps:
        screen.print(shown)
    if most is not None:
        refused = f"; {most.refused:,} does not fit" if most.refused else ""
        repeats = ("" if most.not_repeated == most.batch_size else
                   f"; above {most.not_repeated:,} the compiler computes activations twice")
        screen.print(f"largest batch that fits, over all devices: {most.batch_size:,}"
                     f"{refused}{repeats}", soft_wrap=True)


def _rows(found: "Figures") -> Iterator[tuple[str, str]]:
    """Names and texts of the figures of one step."""
    yield "batch, of all devices", f"{found.batch_size:,}"
    yield "memory at its peak", f"{found.peak / MIB:,.0f} MiB"
    yield "  weights, optimizer, batch", f"{found.arguments / MIB:,.0f} MiB"
    yield "  temporaries", f"{found.temporaries / MIB:,.0f} MiB"
    yield "  left", f"{found.left / MIB:,.0f} MiB"
    if found.flops_ratio is not None:
        yield "operations ÷ the model's own", f"{found.flops_ratio:.3f}"
    yield "bytes read and written, per example", f"{found.bytes_per_example / MB:,.1f} MB"
    yield "padding of arguments, of results", " ".join(
        f"{found.padding[name]:.0%}" for name in ("arguments", "results"))
    yield "exchanged with other devices", "; ".join(
        f"{kind} {size / MB:,.1f} MB {dtype}" for kind, moved in found.collectives.items()
        for dtype, size in moved.items()) or "nothing"
    yield "copies and transpositions", f"{found.copies}, {found.copied_bytes / MB:,.0f} MB"
    yield "exchanges with the host", str(len(found.host_transfers))
    yield "custom calls", ", ".join(
        f"{count} {target}" for target, count in found.custom_calls.items()) or "none"
    if found.loops:
        yield "loops, each counted as one turn", str(found.loops)
    yield "bound for examples/s, at published peaks", (
        f"{found.examples_per_s_bound:,.0f} (by {found.bound_by})")
    yield "seconds to compile", f"{found.compile_seconds:.0f}"
    for layer, count in found.copied_in.items():
        yield f"copies in {layer}", str(count)
