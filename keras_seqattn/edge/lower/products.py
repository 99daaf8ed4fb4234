"""Products of matrices, `keras.ops.matmul`, `dot`, `einsum` and the like, by what they multiply."""

import math

import numpy as np
from keras import ops

from keras_seqattn import borrowed
from keras_seqattn.edge.lower.arrays import reshape, transpose
from keras_seqattn.edge.lower.call import Call, Unfit
from keras_seqattn.edge.lower.elementwise import cast, common, traced
from keras_seqattn.edge.lower.lowering import Lowering


def matmul(lowering: Lowering, a: int, b: int) -> int:
    """Returns the product of two values, as `keras.ops.matmul` broadcasts.

    A constant matrix on the right makes a dense layer.
    """
    a, b = (cast(lowering, each, "float32") for each in (a, b))
    first, second = (list(lowering.spec(each).shape) for each in (a, b))
    kernel = lowering.known(b)
    if kernel is not None and kernel.ndim == 2 and len(first) > 1:
        return lowering.add("dense", "product", [a], {"kernel": kernel}, activation=None)
    vector = [len(shape) == 1 for shape in (first, second)]
    a = reshape(lowering, a, [1, *first]) if vector[0] else a
    b = reshape(lowering, b, [*second, 1]) if vector[1] else b
    rank = max(len(lowering.spec(each).shape) for each in (a, b))
    a, b = (reshape(lowering, each, [1] * (rank - len(lowering.spec(each).shape))
                    + list(lowering.spec(each).shape)) for each in (a, b))
    made = lowering.add("matmul", "matmul", [a, b])
    shape = list(lowering.spec(made).shape)
    if vector[1]:
        shape = shape[:-1]
    if vector[0]:
        shape = [*shape[:-2], *shape[-1:]] if not vector[1] else shape[:-1]
    return reshape(lowering, made, shape)


def _matmul(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    (a, b), dtype = common(lowering, *call.named().values())
    return cast(lowering, matmul(lowering, a, b), dtype)


def _dot(operation, a, b):
    if not len(a.shape) or not len(b.shape):
        return a * b
    if len(b.shape) == 1:
        return ops.matmul(a, b)
    return ops.tensordot(a, b, axes=[[len(a.shape) - 1], [len(b.shape) - 2]])


def _tensordot(operation, a, b):
    axes, first, second = operation.axes, len(a.shape), len(b.shape)
    if isinstance(axes, int):
        axes = [list(range(first - axes, first)), list(range(axes))]
    axes = [[each] if isinstance(each, int) else list(each) for each in axes]
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    left = [next(letters) for _ in range(first)]
    right = [next(letters) for _ in range(second)]
    for one, other in zip(*axes, strict=True):
        right[other % second] = left[one % first]
    summed = {left[one % first] for one in axes[0]}
    out = [letter for letter in (*left, *right) if letter not in summed]
    return ops.einsum(f"{''.join(left)},{''.join(right)}->{''.join(out)}", a, b)


def _inner(operation, a, b):
    return ops.tensordot(a, b, axes=[[len(a.shape) - 1], [len(b.shape) - 1]])


def _outer(operation, a, b):
    return ops.reshape(a, (-1, 1)) * ops.reshape(b, (1, -1))


def _einsum(lowering: Lowering, call: Call, inputs: list[int]) -> int:
    values, dtype = common(lowering, *call.args)
    terms, result = _parsed(lowering, call.operation.subscripts, values)
    while len(values) > 1:      # from the left, as it is written
        needed = set(result).union(*terms[2:])
        kept = [letter for letter in dict.fromkeys(terms[0] + terms[1]) if letter in needed]
        kept = kept if len(values) > 2 else result
        made = _pair(lowering, values[0], values[1], terms[0], terms[1], kept)
        values, terms = [made, *values[2:]], [kept, *terms[2:]]
    made, term = _summed(lowering, values[0], terms[0], set(result))
    made = transpose(lowering, made, [term.index(letter) for letter in result])
    return cast(lowering, made, dtype)


def _parsed(lowering, subscripts, values):
    """Letters of each operand and of the result; an ellipsis becomes letters of its own."""
    subscripts = subscripts.replace(" ", "")
    if "->" not in subscripts:
        letters = subscripts.replace(",", "").replace("...", "")
        once = sorted(each for each in set(letters) if letters.count(each) == 1)
        subscripts += "->" + ("..." if "..." in subscripts else "") + "".join(once)
    operands, result = subscripts.split("->")
    terms, hidden = [], 0
    for term, value in zip(operands.split(","), values, strict=True):
        more = len(lowering.spec(value).shape) - len(term.replace("...", ""))
        hidden = max(hidden, more if "..." in term else 0)
        terms.append((term, more))
    letters = [chr(ord("A") + place) for place in range(26)
               if chr(ord("A") + place) not in operands][:hidden]
    full = [[*term.replace("...", "".join(letters[hidden - more:]))] if "..." in term
            else [*term] for term, more in terms]
    if any(len(set(term)) < len(term) for term in full):
        raise Unfit("it takes a diagonal")
    return full, [*result.replace("...", "".join(letters))]


def _summed(lowering, value, term, needed):
    """Sums over the axes whose letters nothing else needs."""
    gone = tuple(place for place, letter in enumerate(term) if letter not in needed)
    if gone:
        value = lowering.add("reduce", "sum", [value], function="sum", axis=gone, keepdims=False)
    return value, [letter for letter in term if letter in needed]


def _pair(lowering, a, b, left, right, result):
    """One product of two operands: `(batch, rows, summed) · (batch, summed, columns)`."""
    a, left = _summed(lowering, a, left, set(right) | set(result))
    b, right = _summed(lowering, b, right, set(left) | set(result))
    shared = [letter for letter in left if letter in right]
    batch = [letter for letter in shared if letter in result]
    summed = [letter for letter in shared if letter not in result]
    rows = [letter for letter in left if letter not in right]
    columns = [letter for letter in right if letter not in left]
    sizes = dict(zip(right, lowering.spec(b).shape, strict=True))
    for letter, length in zip(left, lowering.spec(a).shape, strict=True):
        sizes[letter] = max(length, sizes.get(letter, 1))

    def size(letters):
        return math.prod(sizes[letter] for letter in letters)

    if not summed and (not rows or not columns):
        return _multiplied(lowering, a, b, left, right, result)
    kernel = lowering.known(b)
    if kernel is not None and not batch:
        matrix = kernel.transpose([right.index(letter) for letter in summed + columns])
        a = transpose(lowering, a, [left.index(letter) for letter in rows + summed])
        a = reshape(lowering, a, [*(sizes[letter] for letter in rows), size(summed)])
        a = reshape(lowering, a, [1, size(summed)]) if not rows else a
        made = lowering.add("dense", "product", [a], {
            "kernel": np.ascontiguousarray(matrix.reshape(size(summed), size(columns)))},
            activation=None)
        made = reshape(lowering, made, [sizes[letter] for letter in rows + columns])
        return transpose(lowering, made, [(rows + columns).index(each) for each in result])
    if lowering.known(a) is not None and not batch:
        return _pair(lowering, b, a, right, left, result)
    a = transpose(lowering, a, [left.index(letter) for letter in batch + rows + summed])
    b = transpose(lowering, b, [right.index(letter) for letter in batch + summed + columns])
    outer = [sizes[letter] for letter in batch] if len(batch) < 3 else [size(batch)]
    a = reshape(lowering, a, [*outer, size(rows), size(summed)])
    b = reshape(lowering, b, [*outer, size(summed), size(columns)])
    made = lowering.add("matmul", "product", [a, b])
    made = reshape(lowering, made, [sizes[letter] for letter in batch + rows + columns])
    return transpose(lowering, made, [(batch + rows + columns).index(each) for each in result])


def _multiplied(lowering, a, b, left, right, result):
    """A product without a sum: both broadcast to the letters of the result."""
    placed = []
    for value, term in ((a, left), (b, right)):
        order = [letter for letter in result if letter in term]
        value = transpose(lowering, value, [term.index(letter) for letter in order])
        known = dict(zip(order, lowering.spec(value).shape, strict=True))
        placed.append(reshape(lowering, value, [known.get(letter, 1) for letter in result]))
    return lowering.add("binary", "multiply", placed, function="multiply", aligned=False)


TRACED = {"numpy.Dot": _dot, "numpy.Tensordot": _tensordot, "numpy.Inner": _inner,
          "numpy.Outer": _outer}
HANDLERS = {
    **{borrowed.operation(name): traced(function) for name, function in TRACED.items()},
    borrowed.operation("numpy.Matmul"): _matmul,
    borrowed.operation("numpy.Einsum"): _einsum,
}
