"""The TPU's own compiler (libtpu), which compiles for a named topology on any x86-64 Linux.

`jax.experimental.topologies` describes the devices. What JAX lowered, or TensorFlow, is compiled in
a process of its own: what ends the compiler, such as want of memory, does not end the doctor.
"""

import functools
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import typing

from keras_seqattn.errors import explain
from keras_seqattn.training.doctor import compilation, environment
from keras_seqattn.training.doctor.topologies import Topology

FAST = -1.0   # effort of the compiler: minutes become seconds; products and copies are the same
PLACE = re.compile(r'op_name="([^"]+)"')
# What libtpu writes to the log of a process without a TPU.
NOISE = re.compile(r"^(===|learning/|[EWI]\d{4} |WARNING: |Failed to find host bounds)")


class Compiled(typing.NamedTuple):
    """A compiled program, as the compiler tells of it for one device. Sizes are in bytes.

    Attributes:
        text: The program (HLO), with the layouts and the order that will run.
        seconds: How long the compiler took.
        arguments: Weights, what the optimizer keeps, and the batch.
        outputs: What the program returns.
        aliased: Outputs that take the place of arguments.
        temporaries: The most that lies between the operations at once.
        peak: The most memory that is taken at once, of all kinds.
        code: The program itself.
        flops: Floating-point operations; a loop counts as one turn.
        bytes_accessed: What all operations read and write, a loop as one turn.
    """

    text: str
    seconds: float
    arguments: int
    outputs: int
    aliased: int
    temporaries: int
    peak: int
    code: int
    flops: float
    bytes_accessed: float


class NotCompiled(ValueError):
    """The compiler refuses a program.

    Attributes:
        place: Names of layers and operation that the compiler names, or `""`.
    """

    place = ""


class DoesNotFit(NotCompiled):
    """A program takes more memory than a device has."""


@functools.cache
def devices(topology: Topology) -> tuple[typing.Any, ...]:
    """Returns JAX's description of the devices of a topology.

    Raises:
        ValueError: libtpu is missing, of another version, in use, or knows no such topology.
    """
    environment.check_versions()
    environment.prepare()
    import jax.errors
    from jax.experimental import topologies

    try:
        return tuple(topologies.get_topology_desc(
            platform="tpu", topology_name=topology.name, **_more(topology)).devices)
    except (jax.errors.JaxRuntimeError, RuntimeError) as error:
        raise _refusal(str(error), topology) from error


def compile_lowered(lowered: typing.Any, topology: Topology, effort: float | None = FAST
                    ) -> Compiled:
    """Compiles what JAX has lowered for devices of a topology.

    Args:
        lowered: `jax.stages.Lowered`, whose arguments lie on all of `devices(topology)`.
        topology: `Topology`.
        effort: As for `compile_program`.

    Returns:
        `Compiled`.

    Raises:
        NotCompiled: as of `compile_program`.
    """
    return compile_program(bytecode(lowered), topology, topology.devices, effort)


def bytecode(lowered: typing.Any) -> bytes:
    """Serialises what JAX has lowered, as StableHLO."""
    from jax._src.interpreters import mlir

    return mlir.module_to_bytecode(lowered.compiler_ir("stablehlo"))


def compile_hlo(hlo: bytes, topology: Topology, effort: float | None = FAST) -> Compiled:
    """Compiles HLO, as TensorFlow serialises it, for one device of a topology.

    Args:
        hlo: A serialised `HloModuleProto`.
        topology: `Topology`.
        effort: As for `compile_program`.

    Returns:
        `Compiled`.

    Raises:
        NotCompiled: as of `compile_program`.
    """
    from jax._src.lib import _jax

    return compile_program(_jax.mlir.hlo_to_stablehlo(hlo), topology, 1, effort)


def compile_program(program: bytes, topology: Topology, count: int, effort: float | None = FAST
                    ) -> Compiled:
    """Compiles StableHLO in a process of its own.

    Args:
        program: Serialised StableHLO.
        topology: `Topology`.
        count: Devices of the topology, from the first on, that run the program together.
        effort: `exec_time_optimization_effort` of XLA. `None` is the full effort.

    Returns:
        `Compiled`.

    Raises:
        DoesNotFit: the program takes more memory than a device has.
        NotCompiled: the compiler refuses the program otherwise, or ended without a word.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        (place / "program").write_bytes(program)
        options = {} if effort is None else {"exec_time_optimization_effort": effort}
        job = {"program": str(place / "program"), "topology": topology.name,
               "more": _more(topology), "count": count, "options": options}
        (place / "order").write_text(
            json.dumps({"job": job, "answer": str(place / "answer")}), encoding="utf-8")
        ended = subprocess.run(
            [sys.executable, compilation.__file__, str(place / "order")], check=False,
            capture_output=True, text=True, errors="replace",
            env={**environment.ENVIRONMENT, **os.environ})
        if ended.returncode:
            raise _died(ended.returncode, ended.stderr)
        answer = json.loads((place / "answer").read_text(encoding="utf-8"))
    if "error" in answer:
        raise _refusal(answer["error"], topology)
    return Compiled(**answer)


def _more(topology: Topology) -> dict[str, typing.Any]:
    """What is said of a topology beside its name: a single chip has a host of its own."""
    return {"chips_per_host_bounds": [1, 1, 1]} if topology.chips == 1 else {}


def _refusal(error: str, topology: Topology) -> ValueError:
    """What libtpu said, as an error of ours."""
    text = " ".join(error.split())
    if "lockfile" in text or "already in use" in text:
        told = os.environ.get("ALLOW_MULTIPLE_LIBTPU_LOAD")
        return ValueError(explain(
            "another process holds libtpu", ALLOW_MULTIPLE_LIBTPU_LOAD=told,
            fix="set ALLOW_MULTIPLE_LIBTPU_LOAD=1, or wait for the other process; if there is "
                "none, remove libtpu_lockfile from the folder of temporary files"))
    kind = DoesNotFit if "RESOURCE_EXHAUSTED" in text else NotCompiled
    raised = kind(explain("the program must fit into the memory of a device" if kind is DoesNotFit
                          else "the TPU's compiler must take the program",
                          topology=topology.name, compiler=text[:400],
                          fix="replace what it names by ops whose shapes are known beforehand"))
    raised.place = ", ".join(dict.fromkeys(PLACE.findall(error)))
    return raised


def _died(code: int, log: str) -> NotCompiled:
    """What is said of a compiler that ended without an answer."""
    lines = [line for line in log.splitlines() if line.strip() and not NOISE.match(line)]
    if code == -signal.SIGKILL or "bad_alloc" in log or "MemoryError" in log:
        return NotCompiled(explain(
            "this machine must have memory enough for the compiler", ended_by=-code,
            fix="compile on a machine with more memory, or with a smaller model.num_layers"))
    return NotCompiled(explain("the TPU's compiler must not end before it answers", exit_code=code,
                               last=" | ".join(lines[-3:])[-400:], fix="see its log"))
