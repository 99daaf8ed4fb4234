"""What several rewrites ask of an unpacked model.

A model is what `schema.unpacked` returns, the objects of LiteRT's schema.
"""

import typing

import numpy as np

from keras_seqattn.edge.tflite import schema

EMPTY = 0   # number of the buffer of what is computed


def places(model: typing.Any, op: str) -> list[int]:
    """Returns where an op stands in a model's list of ops; each version has its own place."""
    number = schema.numbers("BuiltinOperator")[op]
    return [place for place, code in enumerate(model.operatorCodes)
            if max(code.builtinCode, code.deprecatedBuiltinCode) == number]


def add_code(model: typing.Any, op: str) -> int:
    """Returns where an op stands in a model's list of ops, and adds it if it stands nowhere."""
    if not places(model, op):
        number = schema.numbers("BuiltinOperator")[op]
        model.operatorCodes.append(schema.record(
            "OperatorCodeT", builtinCode=number, deprecatedBuiltinCode=min(number, 127)))
    return places(model, op)[0]


def add_buffer(model: typing.Any, array: np.ndarray) -> int:
    """Adds the bytes of an array to a model and returns the number of their buffer."""
    model.buffers.append(schema.record("BufferT", data=array.view("uint8")))
    return len(model.buffers) - 1
