"""A compiled step in figures: the memory of a device, work and bytes of an example, a bound."""

import collections
import collections.abc
import math
import typing

import keras

from keras_seqattn import borrowed
from keras_seqattn.models.cost import multiply_adds
from keras_seqattn.training.doctor import hlo
from keras_seqattn.training.doctor.compiler import Compiled
from keras_seqattn.training.doctor.topologies import Topology

PASSES = {"training": 3, "validation": 1}   # a gradient takes two products for each of the model's
NAMED = 12                                  # places of copies that are told


class Figures(typing.NamedTuple):
    """What the compiler says of a step, for one device. Sizes are in bytes.

    Attributes:
        batch_size: Examples of all devices together.
        arguments: Weights, what the optimizer keeps, and the batch.
        temporaries: The most that lies between the operations at once.
        code: The program itself.
        peak: The most memory that is taken at once.
        left: What a program may take beyond it.
        flops_ratio: Floating-point operations, as a multiple of the model's own: 2 for each
            multiply-add of `models.multiply_adds`, and thrice as many for a training step. `None`
            of a loop that writes.
        bytes_per_example: What all operations read and write, for one example.
        padding: Share of the bytes that only fill tiles up, of `arguments` and of `results`.
        collectives: Kind of exchange between devices to dtype to bytes.
        copies: Number of copies and transpositions that run by themselves.
        copied_bytes: Bytes that they write.
        copied_in: Layers to the number of their copies, those that copy most first.
        host_transfers: Layers, or scopes, of what exchanges data with the host.
        custom_calls: Target to number.
        loops: Number of loops. In flops and bytes each counts as one turn.
        examples_per_s_bound: Examples in a second, if the chips did these operations at their
            published peak, or moved these bytes at theirs, whichever takes longer. Nothing was
            measured. What the compiler counts as bytes may stay on the chip. So where bytes bound,
            a TPU may be faster than that, and where operations bound, it is slower.
        bound_by: `"arithmetic"` or `"bandwidth"`.
        compile_seconds: How long the compiler took.
    """

    batch_size: int
    arguments: int
    temporaries: int
    code: int
    peak: int
    left: int
    flops_ratio: float | None
    bytes_per_example: float
    padding: dict[str, float]
    collectives: dict[str, dict[str, int]]
    copies: int
    copied_bytes: int
    copied_in: dict[str, int]
    host_transfers: list[str]
    custom_calls: dict[str, int]
    loops: int
    examples_per_s_bound: float
    bound_by: str
    compile_seconds: float


def figures(compiled: Compiled, model: keras.Model, batch: typing.Any, topology: Topology,
            name: str = "training") -> Figures:
    """Returns the figures of a step.

    Args:
        compiled: As of `compiler.compile_lowered`.
        model: Whose step it is.
        batch: What all devices together take: inputs, targets, weights.
        topology: `Topology`.
        name: `"training"`, `"validation"`, or the name of a loop that writes.
    """
    inputs = keras.tree.flatten(batch[0])
    batch_size = inputs[0].shape[0]
    each = batch_size / topology.devices
    operations = hlo.read(compiled.text)
    layers = {layer.name for layer in borrowed.all_layers(model)}
    copies = hlo.copies(operations)
    places = collections.Counter(hlo.layer_of(copy.op_name, layers) or "the step itself"
                                 for copy in copies)
    own = (2 * PASSES[name] * products(model, [array.shape[1:] for array in inputs])
           if name in PASSES else None)
    made = topology.made
    seconds = {"arithmetic": compiled.flops / (made.flops / made.devices),
               "bandwidth": compiled.bytes_accessed / (made.bandwidth / made.devices)}
    slowest = max(seconds, key=seconds.__getitem__)
    return Figures(
        batch_size=batch_size, arguments=compiled.arguments, temporaries=compiled.temporaries,
        code=compiled.code, peak=compiled.peak, left=topology.usable - compiled.peak,
        flops_ratio=None if own is None else compiled.flops / (own * each),
        bytes_per_example=compiled.bytes_accessed / each, padding=hlo.padding(operations),
        collectives=hlo.collectives(operations), copies=len(copies),
        copied_bytes=sum(array.padded_bytes for copy in copies for array in copy.results),
        copied_in=dict(places.most_common(NAMED)),
        host_transfers=[hlo.layer_of(operation.op_name, layers) or operation.op_name
                        or operation.name for operation in hlo.host_transfers(operations)],
        custom_calls=hlo.custom_calls(operations),
        loops=sum(operation.kind == "while" for operation in operations),
        examples_per_s_bound=batch_size / seconds[slowest], bound_by=slowest,
        compile_seconds=compiled.seconds)


def products(model: keras.Model, shapes: collections.abc.Sequence[tuple[int, ...]]) -> int:
    """Returns the multiply-adds of one example, without computing a number.

    Args:
        model: `keras.Model` on JAX or TensorFlow.
        shapes: Shapes of its inputs, without the batch, in the order of a flattened batch.
    """
    counts: list[int] = []

    def count() -> None:
        counts.append(multiply_adds(model, shapes))

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.function(count, autograph=False).get_concrete_function()
    else:
        import jax

        jax.eval_shape(count)
    return counts[0]


def gradient_dtypes(exchanged: dict[str, dict[str, int]]) -> dict[str, float]:
    """Returns the share of each dtype among the numbers that devices sum up.

    >>> gradient_dtypes({"all-reduce": {"f32": 400, "bf16": 200}})
    {'f32': 0.5, 'bf16': 0.5}
    """
    counts = {dtype: size / hlo.WIDTHS[dtype] for kind in ("all-reduce", "reduce-scatter")
              for dtype, size in exchanged.get(kind, {}).items()}
    total = math.fsum(counts.values())
    return {dtype: count / total for dtype, count in counts.items()} if total else {}
