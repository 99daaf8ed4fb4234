"""One training or validation step as TensorFlow or JAX traces it: its ops, and its compilation."""

import collections.abc
import re
import typing

import keras

from keras_seqattn import borrowed
from keras_seqattn.training.doctor import loans

Frames: typing.TypeAlias = collections.abc.Iterable[tuple[str, int]]
# Ops whose shapes follow from shapes or from constants, which XLA knows and a graph does not: the
# axes of a broadcast, and the number of the counts.
FOLDED = ("BroadcastGradientArgs", "DenseBincount")
LIBRARIES = re.compile(r"-packages/(tensorflow|keras|jax|jaxlib|optree)/")


class Node(typing.NamedTuple):
    """One op of a traced step.

    Attributes:
        kind: What it does, in the backend's word.
        place: Its layer, name and line of code, as far as the backend tells them.
        takes: Dtypes of its inputs.
        makes: Dtypes of its outputs.
        compiles: Whether XLA has it.
        static: Whether the shapes of its outputs are known as soon as those of its inputs are.
    """

    kind: str
    place: str
    takes: frozenset[str]
    makes: frozenset[str]
    compiles: bool
    static: bool


Traced: typing.TypeAlias = tuple[list[Node], collections.abc.Callable[[], str | None]]


def trace(model: keras.Model, batch: tuple, training: bool) -> Traced:
    """Traces a step; no number is computed.

    Args:
        model: `keras.Model`, compiled and built, optimizer included.
        batch: Inputs, targets and weights, as NumPy arrays.
        training: Whether it is the training step, else the validation step.

    Returns:
        List of `Node`, and a function that compiles the step with XLA for the CPU and returns the
        compiler's complaint, or `None`.
    """
    return (_jax if keras.backend.backend() == "jax" else _tensorflow)(model, batch, training)


def _tensorflow(model: keras.Model, batch: tuple, training: bool) -> Traced:
    import tensorflow as tf

    step = tf.function(model.train_step if training else model.test_step, jit_compile=True,
                       autograph=False)
    batch = keras.tree.map_structure(tf.convert_to_tensor, tuple(batch))
    # Placeholders are the step's arguments.
    known = {*loans.xla_kernels(), "Placeholder"}
    names = {layer.name for layer in borrowed.all_layers(model) if layer is not model}

    def node(op):
        scopes = [re.sub(r"_\d+$", "", scope) for scope in op.name.split("/")]
        layer = next((scope for scope in reversed(scopes) if scope in names), None)
        line = _line((frame.filename, frame.lineno) for frame in op.traceback or ())
        place = f"layer {layer}, op {op.name}" if layer else f"op {op.name}"
        takes, makes = ({tensor.dtype.base_dtype.name for tensor in tensors}
                        for tensors in (op.inputs, op.outputs))
        static = (op.type in FOLDED or not any(map(_open, op.outputs))
                  or any(map(_open, op.inputs)))
        return Node(op.type, place + line, frozenset(takes), frozenset(makes), op.type in known,
                     static)

    def compile_step():
        try:
            step.experimental_get_compiler_ir(batch)(stage="optimized_hlo")
        except (ValueError, tf.errors.OpError) as error:
            return str(error)
        return None

    graph = step.get_concrete_function(batch).graph
    return [node(op) for op in _operations(graph)], compile_step


def _open(tensor: typing.Any) -> bool:
    return tensor.dtype.name not in ("resource", "variant") and not tensor.shape.is_fully_defined()


def _operations(graph: typing.Any) -> collections.abc.Iterator[typing.Any]:
    """Every op of a graph, and of the functions that loops and branches in it call."""
    yield from graph.get_operations()
    for function in loans.functions_of(graph):
        yield from _operations(function.graph)


def _jax(model: keras.Model, batch: tuple, training: bool) -> Traced:
    import jax

    state = borrowed.jax_state(model, training)
    step = jax.jit(model.train_step if training else model.test_step).trace(state, batch)

    def compile_step():
        try:
            step.lower(lowering_platforms=("tpu",))
            step.lower().compile()
        except (ValueError, NotImplementedError, jax.errors.JaxRuntimeError) as error:
            return str(error)
        return None

    return nodes_of(step.jaxpr), compile_step


def nodes_of(jaxpr: typing.Any) -> list[Node]:
    """Lists the operations of what JAX has traced.

    Args:
        jaxpr: `jaxpr` of `jax.stages.Traced`.
    """
    def node(equation):
        frames = getattr(equation.source_info.traceback, "frames", ())
        line = _line((frame.file_name, frame.line_num) for frame in reversed(list(frames)))
        kind = equation.primitive.name
        takes, makes = (frozenset(str(getattr(value.aval, "dtype", "")) for value in values)
                        for values in (equation.invars, equation.outvars))
        return Node(kind, f"op {kind}{line}", takes, makes, "callback" not in kind,
                    static=True)

    return [node(equation) for equation in _equations(jaxpr.jaxpr)]


def _equations(jaxpr: typing.Any) -> collections.abc.Iterator[typing.Any]:
    """Every equation of a jaxpr, and of those that loops, branches and functions in it call."""
    for equation in jaxpr.eqns:
        yield equation
        for value in keras.tree.flatten(list(equation.params.values())):
            inner = getattr(value, "jaxpr", value)
            if hasattr(inner, "eqns"):
                yield from _equations(inner)


def _line(frames: Frames) -> str:
    """The innermost line, among pairs from outside in, that is not a library's own."""
    own = [f"{name}:{line}" for name, line in frames if not LIBRARIES.search(name)]
    return f" ({own[-1]})" if own else ""
