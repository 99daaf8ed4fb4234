"""Compiles the steps of one model for one topology, and keeps what went wrong as findings."""

import collections.abc
import math
import typing

import keras

from keras_seqattn import borrowed
from keras_seqattn.errors import explain
from keras_seqattn.training.doctor import compiler, lifted, refused, serving, step, traced
from keras_seqattn.training.doctor.compiler import Compiled, DoesNotFit, NotCompiled
from keras_seqattn.training.doctor.diagnosis import NODE, check_ops
from keras_seqattn.training.doctor.figures import PASSES, Figures, figures
from keras_seqattn.training.doctor.finding import Finding
from keras_seqattn.training.doctor.largest import Largest, Tried, largest
from keras_seqattn.training.doctor.topologies import Topology

ROWS = 8    # examples of a device are multiples of it where the largest batch is sought
DOES_NOT_FIT = ("lower train.batch_size, use model.rematerialise=true or "
                "model.dtype=mixed_bfloat16, or take a larger topology")
Program: typing.TypeAlias = collections.abc.Callable[[], Compiled]


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


class Compiling:
    """The steps of a model on JAX, as all devices run them together.

    Args:
        model: `keras.Model`, compiled and built, optimizer included.
        topology: `Topology`.
        options: `Options`.

    Attributes:
        findings: What kept a step from being compiled.
        may_fit: Whether nothing but memory keeps the training step from a TPU.
    """

    def __init__(self, model: keras.Model, topology: Topology, options: Options):
        self.model, self.topology, self.options = model, topology, options
        self.findings: list[Finding] = []
        self.may_fit = True

    def step(self, name: str, batch: typing.Any) -> Figures | None:
        """Returns the figures of a step; where there are none, findings say why.

        Args:
            name: `"training"`, `"validation"`, or the name of a loop that writes.
            batch: What all devices together take, or its shapes and dtypes.
        """
        try:
            ops, program = self._program(name, batch)
            self.findings += [each for each in ops if each not in self.findings]
            self.may_fit &= not ops
            return None if ops else self._figures(name, program, batch)
        except NotCompiled as error:
            self.may_fit &= isinstance(error, DoesNotFit)
            self.findings.append(refusal(error, name))
        return None

    def largest(self, name: str, batch: typing.Any, start: int, first: Figures | None) -> Largest:
        """Looks for the largest batch of a step, from `start` on, whose figures are `first`."""
        fixed = self._fixed(name)

        def compile_batch(size: int) -> Tried | None:
            scaled = step.of_size(batch, size)
            try:
                found = first if first is not None and size == start else self._figures(
                    name, self._program(name, scaled)[1], scaled)
            except DoesNotFit:
                return None
            return Tried(fixed, found.peak, found.flops_ratio or 1.0)

        unit = self.topology.devices
        unit *= ROWS if start % (ROWS * unit) == 0 else 1
        return largest(compile_batch, unit if first is None else start, unit,
                       self.topology.usable)

    def _fixed(self, name: str) -> int:
        """Bytes of what does not grow with the batch."""
        return sum(array.nbytes for array in keras.tree.flatten(
            borrowed.jax_state(self.model, name == "training")))

    def _program(self, name: str, batch: typing.Any) -> tuple[list[Finding], Program]:
        """What is wrong with the operations of a step, and what compiles it."""
        devices = compiler.devices(self.topology)
        if name in PASSES:
            made = step.trace(self.model, batch, devices, name == "training",
                              self.options.layout, self.options.per_model)
        else:
            source = (batch[0][self.model.source_name] if isinstance(batch[0], dict)
                      else batch[0])
            made = serving.trace(self.model, source, devices, name)
        return check_ops(traced.nodes_of(made.jaxpr)), lambda: compiler.compile_lowered(
            made.lower(), self.topology, self.options.effort)

    def _figures(self, name: str, program: Program, batch: typing.Any) -> Figures:
        size = keras.tree.flatten(batch)[0].shape[0]
        self.options.tell(f"compiling {name} of {size} examples for {self.topology.name}")
        return figures(program(), self.model, batch, self.topology, name)


class CompilingReplica(Compiling):
    """The steps of a model on TensorFlow, for the share of a batch that one device gets."""

    def _fixed(self, name: str) -> int:
        variables = [*self.model.variables, *(
            self.model.optimizer.variables if name == "training" else ())]
        return sum(math.prod(each.shape) * each.value.dtype.size for each in variables)

    def _program(self, name: str, batch: typing.Any) -> tuple[list[Finding], Program]:
        share = keras.tree.map_structure(self._share, batch)
        nodes = traced.trace(self.model, share, name == "training")[0]
        taken = [*refused.augmentations(self.model), *refused.of_nodes(nodes)]
        others = check_ops([node for node in nodes if node.compiles])
        return [*(Finding(*each) for each in taken), *others], lambda: compiler.compile_hlo(
            self._lifted(share, name == "training"), self.topology, self.options.effort)

    def _lifted(self, share: tuple, training: bool) -> bytes:
        import tensorflow as tf

        try:
            return lifted.hlo(self.model, share, training)
        except (ValueError, tf.errors.OpError) as error:
            raised = NotCompiled(explain(
                "XLA must take the step", xla=" ".join(str(error).split())[:400],
                fix="replace what it names by ops whose shapes are known beforehand"))
            raised.place = ", ".join(dict.fromkeys(NODE.findall(str(error))))
            raise raised from error

    def _share(self, array: typing.Any) -> typing.Any:
        import numpy as np

        return np.zeros((array.shape[0] // self.topology.devices, *array.shape[1:]),
                        keras.backend.standardize_dtype(array.dtype))


def refusal(error: NotCompiled, name: str) -> Finding:
    """What kept the compiler from a step, as a finding."""
    what, _, rest = str(error).partition(". Received: ")
    said, _, fix = rest.rpartition(". To fix: ")
    return Finding(f"{name}: {what} ({said})", error.place or "the whole step",
                   DOES_NOT_FIT if isinstance(error, DoesNotFit) else fix.removesuffix("."))
