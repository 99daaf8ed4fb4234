"""What the TPU's own compiler says of a recipe: of its steps on the devices of a topology."""

import collections.abc
import contextlib
import typing

import keras

from keras_seqattn.errors import explain
from keras_seqattn.training.devices import layouts
from keras_seqattn.training.doctor import compiler, loans, step
from keras_seqattn.training.doctor.compiler import NotCompiled
from keras_seqattn.training.doctor.compiling import (
    DOES_NOT_FIT,
    Compiling,
    CompilingReplica,
    Options,
    refusal,
)
from keras_seqattn.training.doctor.diagnosis import check_padding, check_size
from keras_seqattn.training.doctor.figures import Figures, gradient_dtypes
from keras_seqattn.training.doctor.finding import Finding
from keras_seqattn.training.doctor.largest import Largest
from keras_seqattn.training.doctor.subject import subject
from keras_seqattn.training.doctor.topologies import Topology
from keras_seqattn.training.recipe.recipe import AnyRecipe


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

            - The backend is PyTorch, or a loop or a layout is asked for on TensorFlow.
            - libtpu is missing, of another version or in use.
            - The layout is unknown, or `per_model` does not divide the devices.
            - The data or the recipe are not as they must be.
    """
    options = options or Options()
    on_jax = _check_backend(options) == "jax"
    _check_layout(options, topology)
    compiler.devices(topology)   # refuses before the data are read
    findings, batch_size = _check_hosts(recipe.train.batch_size, topology)
    settings = recipe.train.model_copy(update={"batch_size": batch_size})
    recipe = recipe.model_copy(update={"train": settings})
    keras.utils.set_random_seed(settings.seed)
    try:
        with loans.without_values() if on_jax else contextlib.nullcontext(), step.told():
            seen = subject(recipe, topology.devices, options.outputs)
    except NotCompiled as error:   # Keras traces the model when it builds it
        return Examination(topology, 0, {}, None, 0, [*findings, refusal(error, "training")])
    findings += [*seen.findings, *_of_recipe(recipe), *check_padding(seen.model)]
    if not on_jax:
        findings.append(Finding(
            "the figures are those of one replica: the exchange between chips is not in them",
            "the backend tensorflow", "pass --backend jax for the exchange", "note"))
    batch = step.of_size(seen.batch, batch_size)
    compiling = (Compiling if on_jax else CompilingReplica)(seen.model, topology, options)
    names = [options.serve] if options.serve else ["training", *["validation"] * seen.validates]
    found = {name: made for name in names if (made := compiling.step(name, batch)) is not None}
    most = (compiling.largest(names[0], batch, batch_size, found.get(names[0]))
            if options.largest and compiling.may_fit else None)
    findings += [_with_largest(finding, most) for finding in compiling.findings]
    for name, made in found.items():
        findings += _of_figures(name, made, most)
    return Examination(topology, seen.model.count_params(), found, most, seen.shapes,
                       sorted(findings, key=lambda finding: finding.severity != "error"))


def _check_backend(options: Options) -> str:
    """Returns the backend, of those that serve what is asked for."""
    backend = keras.backend.backend()
    asked = options.serve or options.layout
    if backend not in ("jax", "tensorflow") or (asked and backend != "jax"):
        raise ValueError(explain(
            "steps are compiled for a topology on JAX, and those of training on TensorFlow too",
            backend=backend, serve=options.serve, layout=options.layout,
            fix="pass --backend jax"))
    return backend


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


def _with_largest(finding: Finding, most: Largest | None) -> Finding:
    """A finding about memory, with the batch that fits."""
    if finding.fix != DOES_NOT_FIT or most is None or not most.batch_size:
        return finding
    return finding._replace(where="train.batch_size", fix=DOES_NOT_FIT.replace(
        "lower train.batch_size", f"use train.batch_size={most.batch_size}"))
