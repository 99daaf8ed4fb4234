"""What the TPU's own compiler says of a recipe: of its steps on the devices of a topology."""

import collections.abc
import typing

import keras

from keras_seqattn import borrowed
from keras_seqattn.errors import explain
from keras_seqattn.training.devices import layouts
from keras_seqattn.training.doctor import compiler, loans, serving, step, traced
from keras_seqattn.training.doctor.compiler import DoesNotFit, NotCompiled
from keras_seqattn.training.doctor.diagnosis import check_ops, check_padding, check_size
from keras_seqattn.training.doctor.figures import PASSES, Figures, figures, gradient_dtypes
from keras_seqattn.training.doctor.finding import Finding
from keras_seqattn.training.doctor.largest import Largest, Tried, largest
from keras_seqattn.training.doctor.subject import subject
from keras_seqattn.training.doctor.topologies import Topology
from keras_seqattn.training.recipe.recipe import AnyRecipe

ROWS = 8    # examples of a device are multiples of it where the largest batch is sought


class Options(typing.NamedTuple):
    """What to look at, beside the recipe and the topology.

    Attributes:
        outputs: Classes or tokens in the place of data that are not read, or `None`.
        largest: Whether to look for the largest batch.
        serve: Loop that writes, as for `serving.trace`, in the place of the steps of the training.
        layout: Where the weights lie, as for `step.trace`.
        per_model: Devices that share one model, as for `step.trace`.
        effort: As for `compiler.compile_program`.
        tell: Function that is told what is compiled now.
    """

    outputs: int | None = None
    largest: bool = True
    serve: str | None = None
    layout: str | None = None
    per_model: int = 1
    effort: float | None = compiler.FAST
    tell: collections.abc.Callable[[str], None] = lambda text: None


class Examination(typing.NamedTuple):
    """What was found.

    Attributes:
        topology: `Topology`.
        parameters: Numbers in the weights of the model.
        figures: `Figures` of what compiles: of `"training"` and `"validation"`, or of the loop.
        largest: `Largest` batch, or `None`.
        shapes: Shapes of the batches of an epoch; the step is compiled for each.
        findings: List of `Finding`, errors first.
    """

    topology: Topology
    parameters: int
    figures: dict[str, Figures]
    largest: Largest | None
    shapes: int
    findings: list[Finding]


def examine(recipe: AnyRecipe, topology: Topology, options: Options | None = None) -> Examination:
    """Builds a recipe as `fit` does, and compiles its steps for the devices of a topology.

    Nothing is trained or written, and no TPU is needed.

    Cost: seconds to minutes for each step. Some ten batches are compiled where the largest one is
    sought.

    Args:
        recipe: `Recipe`.
        topology: As of `topologies.parse`.
        options: `Options`.

    Returns:
        `Examination`.

    Raises:
        ValueError: one of these:

            - The backend is not JAX, or libtpu is missing, of another version or in use.
            - The layout is unknown, or `per_model` does not divide the devices.
            - The data or the recipe are not as they must be.
    """
    if keras.backend.backend() != "jax":
        raise ValueError(explain(
            "steps are compiled for a topology on JAX", backend=keras.backend.backend(),
            fix="pass --backend jax"))
    options = options or Options()
    _check_layout(options, topology)
    compiler.devices(topology)   # refuses before the data are read
    findings, batch_size = _check_hosts(recipe.train.batch_size, topology)
    settings = recipe.train.model_copy(update={"batch_size": batch_size})
    recipe = recipe.model_copy(update={"train": settings})
    keras.utils.set_random_seed(settings.seed)
    try:
        with loans.without_values(), step.told():
            seen = subject(recipe, topology.devices, options.outputs)
    except NotCompiled as error:   # Keras traces the model when it builds it
        return Examination(topology, 0, {}, None, 0, [*findings, _refused(error, "training")])
    findings += [*seen.findings, *_of_recipe(recipe), *check_padding(seen.model)]
    batch = step.of_size(seen.batch, batch_size)
    compiling = _Compiling(seen.model, topology, options)
    names = [options.serve] if options.serve else ["training", *["validation"] * seen.validates]
    found = {name: made for name in names if (made := compiling.step(name, batch)) is not None}
    most = (compiling.largest(names[0], batch, batch_size, found.get(names[0]))
            if options.largest and compiling.may_fit else None)
    findings += [_with_largest(finding, most) for finding in compiling.findings]
    for name, made in found.items():
        findings += _of_figures(name, made, most)
    return Examination(topology, seen.model.count_params(), found, most, seen.shapes,
                       sorted(findings, key=lambda finding: finding.severity != "error"))


class _Compiling:
    """Compiles the steps of one model for one topology, and keeps what went wrong."""

    def __init__(self, model: keras.Model, topology: Topology, options: Options):
        self._model, self._topology, self._options = model, topology, options
        self.findings: list[Finding] = []
        self.may_fit = True   # whether nothing but memory keeps the training step from a TPU

    def step(self, name: str, batch: typing.Any) -> Figures | None:
        """Returns the figures of a step; where there are none, findings say why."""
        try:
            made = self._trace(name, batch)
            ops = check_ops(traced.nodes_of(made.jaxpr))
            self.findings += [each for each in ops if each not in self.findings]
            self.may_fit &= not ops
            return None if ops else self._compile(name, made, batch)
        except NotCompiled as error:
            self.may_fit &= isinstance(error, DoesNotFit)
            self.findings.append(_refused(error, name))
        return None

    def largest(self, name: str, batch: typing.Any, start: int, first: Figures | None) -> Largest:
        """Looks for the largest batch of a step."""
        fixed = sum(array.nbytes for array in keras.tree.flatten(
            borrowed.jax_state(self._model, name == "training")))

        def compile_batch(size: int) -> Tried | None:
            scaled = step.of_size(batch, size)
            try:
                found = first if first is not None and size == start else self._compile(
                    name, self._trace(name, scaled), scaled)
            except DoesNotFit:
                return None
            return Tried(fixed, found.peak, found.flops_ratio or 1.0)

        unit = self._topology.devices
        unit *= ROWS if start % (ROWS * unit) == 0 else 1
        return largest(compile_batch, unit if first is None else start, unit,
                       self._topology.usable)

    def _trace(self, name: str, batch: typing.Any) -> typing.Any:
        devices = compiler.devices(self._topology)
        if name in PASSES:
            return step.trace(self._model, batch, devices, name == "training",
                              self._options.layout, self._options.per_model)
        source = batch[0][self._model.source_name] if isinstance(batch[0], dict) else batch[0]
        return serving.trace(self._model, source, devices, name)

    def _compile(self, name: str, made: typing.Any, batch: typing.Any) -> Figures:
        size = keras.tree.flatten(batch)[0].shape[0]
        self._options.tell(f"compiling {name} of {size} examples for {self._topology.name}")
        compiled = compiler.compile_lowered(made.lower(), self._topology, self._options.effort)
        return figures(compiled, self._model, batch, self._topology, name)


def _check_hosts(batch_size: int, topology: Topology) -> tuple[list[Finding], int]:
    """Findings about the batch size, and one that the devices divide."""
    if batch_size < topology.devices:
        return [Finding(
            f"a batch of {batch_size} does not fill the {topology.devices} devices on "
            f"{topology.hosts} hosts of {topology.name}", "train.batch_size",
            f"use train.batch_size={topology.devices} or more, or a smaller topology")
            ], topology.devices
    return check_size(batch_size, topology.devices)


def _check_layout(options: Options, topology: Topology) -> None:
    if options.layout is not None:
        layouts.rules(options.layout)
    elif options.per_model > 1:
        raise ValueError(explain("devices share a model in a layout", per_model=options.per_model,
                                 layout=None, fix="pass the layout heads too"))
    if topology.devices % options.per_model:
        raise ValueError(explain(
            "`per_model` must divide the devices", per_model=options.per_model,
            devices=topology.devices, fix="pass a divisor"))


def _of_recipe(recipe: AnyRecipe) -> collections.abc.Iterator[Finding]:
    augment = getattr(recipe.data, "augment", ())
    if augment:
        yield Finding(f"{', '.join(augment)}: the hosts do it before the step, on their own CPUs",
                      "data.augment", "nothing; watch examples_per_s against the bound", "note")
    if recipe.train.xla is False:
        yield Finding("each operation is compiled and started by itself, not the whole step",
                      "train.xla", "use train.xla=auto", "note")


def _of_figures(name: str, found: Figures, most: Largest | None
                ) -> collections.abc.Iterator[Finding]:
    if found.host_transfers:
        yield Finding("the step exchanges data with the host", ", ".join(found.host_transfers[:3]),
                      "write it with keras.ops, or do it to the data, before the step")
    if name != "training":
        return
    shares = gradient_dtypes(found.collectives)
    if shares.get("bf16", 0) > 0:
        yield Finding(f"{shares['bf16']:.0%} of what the devices sum up is summed in bfloat16",
                      "the exchange of gradients", "know that it rounds to 8 bits, or use "
                      "model.dtype=float32", "note")
    if most is not None and most.not_repeated < found.batch_size <= most.batch_size:
        yield Finding("the compiler computes activations twice to make the step fit",
                      "train.batch_size", f"use train.batch_size={most.not_repeated}", "note")


def _refused(error: NotCompiled, name: str) -> Finding:
    """What kept the compiler from a step."""
    what, _, rest = str(error).partition(". Received: ")
    said, _, fix = rest.rpartition(". To fix: ")
    return Finding(f"{name}: {what} ({said})", error.place or "the whole step",
                   DOES_NOT_FIT if isinstance(error, DoesNotFit) else fix.removesuffix("."))


DOES_NOT_FIT = ("lower train.batch_size, use model.rematerialise=true or "
                "model.dtype=mixed_bfloat16, or take a larger topology")


def _with_largest(finding: Finding, most: Largest | None) -> Finding:
    """A finding about memory, with the batch that fits."""
    if finding.fix != DOES_NOT_FIT or most is None or not most.batch_size:
        return finding
    return finding._replace(where="train.batch_size", fix=DOES_NOT_FIT.replace(
        "lower train.batch_size", f"use train.batch_size={most.batch_size}"))
