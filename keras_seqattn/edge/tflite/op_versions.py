"""The version that an op of a `.tflite` file needs, from types, shapes and options.

A runtime refuses ops of a version that it does not know. Of an op whose version is too low, it may
compute something else without a word. Releases are those of TensorFlow Lite; `op_table.LITERT` has
LiteRT's beside them.
"""

import collections.abc
import math
import typing

from keras_seqattn.edge import releases
from keras_seqattn.edge.tflite import op_table

NARROW = ("int8", "int4", "int2")


class Value(typing.Protocol):
    """What a version depends on of a tensor; `file.Tensor` has it."""

    @property
    def dtype(self) -> str:
        """NumPy's name of its type; types that NumPy lacks have their own, such as `"int4"`."""

    @property
    def shape(self) -> collections.abc.Sequence[int]:
        """Sizes."""

    @property
    def scales(self) -> collections.abc.Sequence[float]:
        """Steps of its quantisation; none of floats, and none of weights in blocks."""


Values = collections.abc.Sequence[Value | None]


def version(op: str, inputs: Values, outputs: Values, **options: typing.Any) -> int | None:
    """Returns the lowest version of an op whose runtimes compute it rightly.

    Args:
        op: Name of the builtin op.
        inputs: What it reads, in order; `None` for an optional input that is not there.
        outputs: What it computes.
        options: Its options by their names in the schema's objects, such as `keepNumDims=True`.
            One that is not told is the schema's default.

    Returns:
        The version, 1 of an op that `op_table.OPS` does not have. `None` if no version is known
        for the types.
    """
    if not inputs:
        return op_table.LOWEST.get(op, 1)
    weights = _weights(op, inputs)
    if weights is None:
        found = _by_dtype(op, inputs, outputs)
    else:
        found = _by_weights(op, inputs, weights, options)
    if found is None:
        return None
    set_options = (number for name, number in op_table.OPTIONS.get(op, {}).items()
                   if options.get(name) not in (None, 0, "NONE"))
    return max([found, *set_options, *_by_shape(op, inputs),
                *_by_operands(op, inputs, outputs, options)])


def release(op: str, number: int | None) -> str | None:
    """Returns the first release with a version of an op, `None` if it is unknown.

    >>> release("GELU", 1), release("FULLY_CONNECTED", 12), release("GELU", 3)
    ('2.9.0', '2.17.0', None)
    """
    firsts = op_table.OPS.get(op, ("", ""))[1].split()
    if number is None or not 0 < number <= len(firsts) or firsts[number - 1] == "-":
        return None
    return firsts[number - 1]


def fits(op: str, number: int | None, runtime: str) -> bool:
    """Whether a release of TensorFlow Lite knows a version of an op.

    >>> fits("FULLY_CONNECTED", 12, "2.16"), fits("FULLY_CONNECTED", 12, "2.17")
    (False, True)
    """
    return releases.has(runtime, release(op, number))


def dtypes(op: str, inputs: Values) -> tuple[str | None, str | None]:
    """Returns the dtypes of an op's activations and of its weights, if it may have some."""
    places = op_table.DECIDING.get(op, 0), op_table.WEIGHTS.get(op, len(inputs))
    found = [inputs[place] if place < len(inputs) else None for place in places]
    activations, weights = (None if each is None else each.dtype for each in found)
    return activations, weights


def _by_dtype(op: str, inputs: Values, outputs: Values) -> int | None:
    """The version for values of one dtype."""
    lowest = op_table.LOWEST.get(op, 1)
    rows = dict(each.split() for each in op_table.OPS.get(op, ("", ""))[0].split(", ") if each)
    place = op_table.DECIDING.get(op, 0)
    deciding = list(outputs if op == "QUANTIZE" else inputs[place:place + 1])
    if op == "CAST":
        deciding += outputs
    found = []
    for each in filter(None, deciding):
        if each.dtype in ("int4", "int2") and each.dtype not in rows:
            return None
        if each.dtype == "int16" and not each.scales and op in op_table.PLAIN:
            found.append(op_table.PLAIN[op])
        else:
            found.append(int(rows.get(each.dtype, lowest)))
    return max(found, default=lowest)


def _by_weights(op: str, inputs: Values, weights: Value, options: dict) -> int | None:
    """The version for weights that are narrower than the activations."""
    activations = dtypes(op, inputs)[0]
    row = op_table.MIXED.get((op, str(activations), weights.dtype), (None, None, None))
    if len(weights.scales) == 1 and not options.get(
            "asymmetricQuantizeInputs") and op in op_table.SYMMETRIC:
        return op_table.SYMMETRIC[op]
    return row[2 if not weights.scales else len(weights.scales) > 1]


def _weights(op: str, inputs: Values) -> Value | None:
    """The weights of an op, if they are integers narrower than its activations."""
    activations, dtype = dtypes(op, inputs)
    narrow = dtype in NARROW and activations != dtype
    return inputs[op_table.WEIGHTS[op]] if narrow else None


def _by_shape(op: str, inputs: Values) -> typing.Iterator[int]:
    shapes = [tuple(each.shape) for each in inputs if each is not None]
    rank = max(map(len, shapes), default=0)
    yield from (number for above, number in op_table.RANKS.get(op, ()) if len(shapes[0]) > above)
    if op in op_table.BROADCAST and rank > 4 and len(set(shapes)) > 1:
        yield op_table.BROADCAST[op]
    if op == "SELECT" and rank > 4:
        yield 3
    if op in ("BATCH_TO_SPACE_ND", "SPACE_TO_BATCH_ND") and len(shapes[0]) != 4:
        yield 3
    if op == "CONV_2D" and shapes[0][-1] != shapes[1][-1]:  # groups
        yield 6


def _by_operands(op: str, inputs: Values, outputs: Values, options: dict,
                 ) -> typing.Iterator[int]:
    first, second, third = [*inputs, None, None][:3]
    output = next(iter(outputs), None)
    if op == "FULLY_CONNECTED" and len(inputs) == 2:
        yield 6
    elif op == "TRANSPOSE_CONV" and len(inputs) == 4 and inputs[3] is not None:
        yield 3
    elif op == "DEPTHWISE_CONV_2D" and {
            options.get(f"dilation{axis}Factor", 1) for axis in "HW"} != {1}:
        yield 2
    elif op == "DEQUANTIZE" and first and first.dtype == "int8" and len(first.scales) > 1:
        yield 5
    elif op == "QUANTIZE" and output and len(output.scales) > 1:
        yield 3
    elif op in ("GATHER", "GATHER_ND") and second and second.dtype == "int16":
        yield 6 if op == "GATHER" else 4
    elif op == "DYNAMIC_UPDATE_SLICE" and third and third.dtype == "int64":
        yield 2
    elif op == "MUL" and output and output.scales and output.scales[0] <= math.prod(
            each.scales[0] for each in inputs if each and each.scales):
        yield 3
