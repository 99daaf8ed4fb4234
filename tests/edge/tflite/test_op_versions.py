"""`keras_seqattn.edge.tflite.op_versions`: what types, shapes and options need, by hand."""

import collections

import pytest

from keras_seqattn.edge.tflite import op_versions

pytestmark = pytest.mark.edge
Value = collections.namedtuple("Value", "dtype shape scales", defaults=((7, 7), ()))


def _value(text):
    """`"int8*7"` is int8 with a scale for each of 7 channels, `"int8"` has one scale."""
    dtype, _, scales = text.partition("*")
    return Value(dtype, scales=(0.5,) * int(scales or dtype in ("int8", "int16")))


@pytest.mark.parametrize(("op", "inputs", "outputs", "options", "version"), [
    ("FULLY_CONNECTED", "float32 float32 float32", "float32", {}, 1),
    ("FULLY_CONNECTED", "float32 float32", "float32", {}, 6),
    ("FULLY_CONNECTED", "float32 float32 float32", "float32", {"keepNumDims": True}, 5),
    ("FULLY_CONNECTED", "float32 float32 float32", "float32", {"keepNumDims": False}, 1),
    ("FULLY_CONNECTED", "float32 int8 float32", "float32",
     {"asymmetricQuantizeInputs": True}, 9),
    ("FULLY_CONNECTED", "float32 int8 -", "float32", {}, 3),
    ("FULLY_CONNECTED", "float32 int8*7 float32", "float32", {}, 12),
    ("FULLY_CONNECTED", "float32 int4*7 float32", "float32", {}, 12),
    ("FULLY_CONNECTED", "float32 int4*0 float32", "float32", {}, 14),   # scales in blocks
    ("FULLY_CONNECTED", "int8 int4*7 int32", "int8", {}, 10),
    ("FULLY_CONNECTED", "int8 int8*7 int32", "int8", {}, 4),
    ("FULLY_CONNECTED", "int16 int8*7 int64", "int16", {"quantizedBiasType": 4}, 11),
    ("FULLY_CONNECTED", "float32 int2*7 float32", "float32", {}, None),
    ("CONV_2D", "float32 int8*7 float32", "float32", {}, 5),
    ("CONV_2D", "float32 int4*7 float32", "float32", {}, None),
    ("DEPTHWISE_CONV_2D", "float32 float32 float32", "float32", {"dilationWFactor": 2}, 2),
    ("TRANSPOSE_CONV", "int32 float32 float32 float32", "float32", {}, 3),
    ("TRANSPOSE_CONV", "int32 float32 float32 float32", "float32",
     {"fusedActivationFunction": "RELU"}, 4),
    ("TRANSPOSE_CONV", "int32 float32 float32", "float32",
     {"fusedActivationFunction": "NONE"}, 1),
    ("TRANSPOSE_CONV", "int32 int8*7 int8 -", "int8", {}, 2),
    ("CONV_3D", "float32 int8*7 float32", "float32", {}, None),
    ("EMBEDDING_LOOKUP", "int32 float32", "float32", {}, 1),
    ("EMBEDDING_LOOKUP", "int32 int8*7", "float32", {}, 4),
    ("BATCH_MATMUL", "float32 int8", "float32", {"asymmetricQuantizeInputs": True}, 4),
    ("BATCH_MATMUL", "int8 int8", "int8", {}, 2),
    ("SPLIT", "int32 int8", "int8", {}, 2),         # its axis comes first
    ("ADD", "int16 int16", "int16", {}, 3),
    ("ADD", "int16*0 int16*0", "int16*0", {}, 5),   # plain integers
    ("QUANTIZE", "float32", "int16", {}, 2),
    ("QUANTIZE", "float32", "int8*7", {}, 3),
    ("DEQUANTIZE", "float16", "float32", {}, 3),
    ("DEQUANTIZE", "int8*7", "float32", {}, 5),
    ("CAST", "float32", "int8*0", {}, 3),
    ("CAST", "bool", "float32", {}, 1),
    ("GATHER", "float32 int32", "float32", {"batchDims": 1}, 5),
    ("MUL", "int8 int8", "int8", {}, 2),            # 0.5 · 0.5 < 0.5
    ("MUL", "int8*1 float32", "int8*1", {}, 3),     # 0.5 >= 0.5
    ("BROADCAST_TO", "float32 int32", "float32", {}, 2),
    ("WHERE", "bool", "int64", {}, 1),
    ("WHERE", "float32", "int64", {}, 2),
    ("GELU", "int4*1", "int4*1", {}, None),
    ("RARE", "float32", "float32", {}, 1),
    ("VAR_HANDLE", "", "float32", {}, 1),
])
def test_the_version_of_one_op_by_types_and_options(op, inputs, outputs, options, version):
    read = [None if each == "-" else _value(each) for each in inputs.split()]
    assert op_versions.version(op, read, [_value(outputs)], **options) == version


@pytest.mark.parametrize(("op", "shapes", "version"), [
    ("CONV_2D", [(1, 5, 5, 6), (7, 3, 3, 6), (7,)], 1),
    ("CONV_2D", [(1, 5, 5, 6), (6, 3, 3, 2), (6,)], 6),         # three groups
    ("TRANSPOSE", [(2, 3, 5, 7, 11), (5,)], 4), ("TRANSPOSE", [(1, 2, 3, 5, 7, 11), (6,)], 6),
    ("SLICE", [(2, 3, 5, 7, 11), (5,), (5,)], 5), ("PAD", [(2, 3, 5, 7), (4, 2)], 1),
    ("DIV", [(2, 3, 5, 7, 11), (2, 3, 5, 7, 11)], 1), ("DIV", [(2, 3, 5, 7, 11), (11,)], 2),
    ("SELECT", [(2, 3, 5, 7), (1,), (1,)], 1), ("SELECT", [(2, 3, 5, 7, 11), (1,), (1,)], 3),
    ("SPACE_TO_BATCH_ND", [(2, 3, 5), (1,), (1, 2)], 3)])
def test_the_version_of_one_op_by_shapes(op, shapes, version):
    read = [Value("float32", shape) for shape in shapes]
    assert op_versions.version(op, read, read[:1]) == version
