"""All handlers in one table, and the operations that have an answer without a node."""

import math

from keras_seqattn import borrowed
from keras_seqattn.edge.lower import (
    activations,
    arrays,
    attention,
    borders,
    convolutions,
    elementwise,
    formulas,
    fourier,
    images,
    lookups,
    loops,
    normalisations,
    plain,
    pooling,
    products,
    recurrent,
    reductions,
    resizing,
    slices,
    sorting,
    tokens,
    wrappers,
)
from keras_seqattn.edge.lower.lowering import Handler
from keras_seqattn.errors import explain


def join(*tables: dict[type, Handler]) -> dict[type, Handler]:
    """Joins tables of handlers into one.

    Raises:
        ValueError: a class stands in two of them.
    """
    joined: dict[type, Handler] = {}
    for table in tables:
        if twice := [cls.__name__ for cls in table if cls in joined]:
            raise ValueError(explain("a class has one handler", twice=twice,
                                     fix="take it out of one of the tables"))
        joined |= table
    return joined


HANDLERS = join(*(family.HANDLERS for family in (
    plain, convolutions, tokens, attention, recurrent, wrappers, elementwise, formulas, activations,
    reductions, sorting, normalisations, arrays, slices, borders, lookups, products, images,
    pooling, resizing, fourier, loops)))

# Operations whose answer is a number that follows from shapes, as programs need it to branch.
FACTS = {borrowed.operation("numpy.Ndim"): lambda x: len(x.shape),
         borrowed.operation("numpy.Size"): lambda x: math.prod(x.shape)}
