"""What is known of TensorFlow Lite's builtin ops: versions that they need, releases that know them.

Sources, both in LiteRT's repository:

- `tflite/tools/versioning/op_version.cc` for the versions,
- `tflite/tools/versioning/runtime_version.cc` for the releases.

Some releases that the latter names do not know the version. They are corrected here by what the
packages of TensorFlow Lite 2.7 to 2.21 take.
"""

# op: (version by the dtype that decides, first release of each version from 1 on)
OPS = {
    "ABS": ("int8 2, uint8 2, int16 3, int32 5", "1.13.0 2.4.0 2.5.0 2.6.0 2.12.0"),
    "ADD": ("int8 2, int16 3, int64 4", "1.5.0 1.14.0 2.4.0 2.6.0 2.13.0"),
    "ADD_N": ("", "1.14.0"),
    "ARG_MAX": ("int8 2, bool 3", "1.9.0 1.14.0 2.9.0"),
    "ARG_MIN": ("int8 2, bool 3", "1.9.0 1.14.0 2.9.0"),
    "ATAN2": ("", "2.10.0"),
    "AVERAGE_POOL_2D": ("int8 2, int16 3", "1.5.0 1.14.0 2.3.0"),
    "BATCH_MATMUL": ("int8 2, int16 3", "2.3.0 2.3.0 2.4.0 2.5.0"),
    "BATCH_TO_SPACE_ND": ("int8 2, int16 4", "1.6.0 1.14.0 2.3.0 2.13.0"),
    "BITCAST": ("", "2.13.0"),
    "BROADCAST_ARGS": ("", "2.6.0"),
    "BROADCAST_TO": ("int8 3, int16 3", "- 2.5.0 2.5.0"),
    "CALL_ONCE": ("", "2.5.0"),
    "CAST": (
        "uint32 2, int8 3, uint16 4, float16 5, float64 5, int4 6, bfloat16 7",
        "1.5.0 2.7.0 2.8.0 2.9.0 2.13.0 2.15.0 2.19.0 2.21.0"),
    "CEIL": ("", "1.14.0"),
    "CONCATENATION": ("int8 2, int16 3, uint32 4", "1.5.0 1.14.0 2.3.0 2.14.0 2.21.0"),
    "CONV_2D": ("int8 3, int16 4", "1.5.0 1.14.0 1.14.0 2.3.0 2.4.0 2.9.0 2.12.0 2.15.0"),
    "CONV_3D": ("", "2.5.0"),
    "CONV_3D_TRANSPOSE": ("", "2.6.0"),
    "COS": ("", "1.14.0"),
    "CUMSUM": ("", "2.4.0"),
    "DEPTHWISE_CONV_2D": ("int8 3, int16 5", "1.5.0 1.12.0 1.14.0 2.2.0 2.3.0 2.3.0 2.13.0"),
    "DEPTH_TO_SPACE": ("int8 2", "2.1.0 2.5.0"),
    "DEQUANTIZE": (
        "int8 2, int16 3, float16 3, int4 6",
        "1.13.1 1.14.0 1.15.0 2.2.0 2.7.0 2.18.0 2.21.0"),
    "DIV": ("", "1.6.0 2.3.0"),
    "DYNAMIC_UPDATE_SLICE": ("float16 3, int16 4", "2.9.0 2.18.0 2.19.0 2.20.0 2.21.0"),
    "ELU": ("", "1.14.0"),
    "EMBEDDING_LOOKUP": ("", "1.13.0 1.14.0 1.14.0 2.18.0 2.21.0"),
    "EQUAL": ("int8 2, string 3, int16 4", "1.14.0 1.14.0 2.3.0 2.13.0 2.21.0"),
    "EXP": ("int8 2, int16 2", "1.7.0 2.13.0"),
    "EXPAND_DIMS": ("", "1.10.0"),
    "FILL": ("bool 2, string 2, int8 3, int16 3, float16 4", "1.13.0 2.3.0 2.5.0 2.12.0"),
    "FLOOR": ("", "1.9.0"),
    "FLOOR_DIV": ("float32 2, int8 3, int16 3", "1.14.0 1.14.0 2.13.0"),
    "FLOOR_MOD": ("int8 2, int16 2", "1.13.0 2.13.0"),
    "FULLY_CONNECTED": (
        "int8 4, int16 7",
        "1.5.0 1.10.0 1.14.0 1.14.0 2.0.0 2.1.0 2.3.0 "
        "2.3.0 2.3.0 2.13.0 2.15.0 2.17.0 2.18.0 2.21.0"),
    "GATHER": ("int8 2, bool 3, int16 4, int4 7", "1.6.0 1.14.0 1.15.0 2.4.0 2.5.0 2.13.0 2.15.0"),
    "GATHER_ND": ("string 2, int16 3, bool 5", "1.14.0 2.3.0 2.5.0 2.13.0 2.16.0"),
    "GELU": ("int8 2, uint8 2", "2.9.0 2.9.0"),
    "GREATER": ("int8 2", "1.14.0 1.14.0"),
    "GREATER_EQUAL": ("int8 2, int16 3", "1.14.0 1.14.0 2.13.0"),
    "HARD_SWISH": ("", "1.15.0"),
    "IF": ("", "1.15.0"),
    "L2_NORMALIZATION": ("int8 2", "1.5.0 1.14.0"),
    "LEAKY_RELU": ("int16 2", "1.13.1 2.3.0"),
    "LESS": ("int8 2, int16 3", "1.14.0 1.14.0 2.13.0"),
    "LESS_EQUAL": ("int8 2", "1.14.0 1.14.0"),
    "LOG": ("int8 2, int16 2", "1.14.0 2.15.0"),
    "LOGICAL_AND": ("", "1.11.0"),
    "LOGICAL_NOT": ("", "1.11.0"),
    "LOGICAL_OR": ("", "1.11.0"),
    "LOGISTIC": ("int8 2, int16 3", "1.14.0 1.14.0 2.3.0"),
    "LOG_SOFTMAX": ("int8 2", "1.14.0 1.14.0"),
    "MAXIMUM": ("int8 2, int16 4", "1.14.0 1.14.0 2.3.0 2.3.0"),
    "MAX_POOL_2D": ("int8 2, int16 3", "1.5.0 1.14.0 2.3.0"),
    "MEAN": ("int8 2, int16 3", "1.6.0 1.14.0 2.4.0"),
    "MINIMUM": ("int8 2, int16 4", "1.14.0 1.14.0 2.3.0 2.3.0"),
    "MIRROR_PAD": ("int8 2, int16 3", "1.13.1 2.3.0 2.13.0"),
    "MUL": (
        "int8 2, int16 4, int64 5, complex64 6, uint32 7",
        "1.5.0 1.14.0 1.15.0 2.3.0 2.6.0 2.11.0 2.13.0"),
    "NEG": ("", "1.9.0"),
    "NOT_EQUAL": ("int8 2, string 3", "1.14.0 1.14.0 2.3.0 2.21.0"),
    "ONE_HOT": ("", "1.11.0"),
    "PACK": ("int8 2, int16 3, uint32 4", "1.11.0 1.14.0 2.3.0 2.14.0"),
    "PAD": ("int8 2, int16 3, bool 5", "1.5.0 1.14.0 2.4.0 2.6.0 2.20.0"),
    "PADV2": ("int8 2, int16 3, bool 5", "1.9.0 1.14.0 2.4.0 2.6.0 2.20.0"),
    "POW": ("", "1.10.0"),
    "PRELU": ("", "1.8.0"),
    "QUANTIZE": ("int16 2, int4 4", "1.14.0 1.15.0 2.7.0 2.21.0"),
    "RANGE": ("int64 2", "1.13.0 2.14.0"),
    "RANK": ("", "1.14.0"),
    "REDUCE_ALL": ("", "2.6.0"),
    "REDUCE_ANY": ("", "1.11.0"),
    "REDUCE_MAX": ("int8 2, int16 3", "1.11.0 1.14.0 2.5.0"),
    "REDUCE_MIN": ("int8 2, int16 3", "1.11.0 1.14.0 2.5.0"),
    "REDUCE_PROD": ("int8 2, int16 2", "1.11.0 2.6.0"),
    "RELU": ("int8 2, uint8 2, int16 3", "1.5.0 2.1.0 2.5.0"),
    "RELU6": ("int8 2, int16 3", "1.5.0 1.14.0 2.5.0"),
    "RELU_0_TO_1": ("", "2.10.0"),
    "RELU_N1_TO_1": ("", "1.5.0"),
    "RESHAPE": ("", "1.5.0"),
    "RESIZE_BILINEAR": ("int8 2, int16 4", "1.7.0 1.14.0 2.2.0 2.5.0"),
    "RESIZE_NEAREST_NEIGHBOR": ("int8 2, int16 4", "1.13.1 1.14.0 2.3.0 2.4.0"),
    "REVERSE_SEQUENCE": ("", "1.14.0"),
    "REVERSE_V2": ("bool 2, int8 3", "1.14.0 2.2.0 2.5.0"),
    "RFFT2D": ("", "2.5.0"),
    "ROUND": ("", "1.14.0"),
    "RSQRT": ("int8 2, int16 3", "1.10.0 2.5.0 2.15.0"),
    "SCATTER_ND": ("", "2.1.0"),
    "SELECT": ("int8 2, uint32 4", "1.14.0 1.14.0 2.12.0 2.14.0"),
    "SELECT_V2": ("uint32 2", "2.2.0 2.14.0"),
    "SHAPE": ("", "1.10.0"),
    "SIGN": ("int32 2", "2.11.0 2.12.0"),
    "SIN": ("", "1.9.0"),
    "SLICE": (
        "int8 2, string 3, int16 4, uint32 6",
        "1.14.0 1.14.0 1.14.0 2.4.0 2.5.0 2.14.0 2.21.0"),
    "SOFTMAX": ("int8 2, int16 3", "1.5.0 1.14.0 2.3.0"),
    "SPACE_TO_BATCH_ND": ("int8 2, int16 4", "1.6.0 1.14.0 2.3.0 2.13.0"),
    "SPACE_TO_DEPTH": ("int8 2", "1.5.0 1.14.0"),
    "SPARSE_TO_DENSE": ("int64 2, int8 3, uint8 3", "1.9.0 1.14.0 1.15.0"),
    "SPLIT": ("int8 2, int32 3, int16 4", "1.5.0 1.14.0 1.14.0 2.3.0"),
    "SPLIT_V": ("int8 2", "1.13.1 2.3.0"),
    "SQRT": ("int8 2, int16 2", "1.10.0 2.21.0"),
    "SQUARE": ("", "1.12.0"),
    "SQUARED_DIFFERENCE": ("int8 2", "1.13.1 2.5.0"),
    "SQUEEZE": ("string 2", "1.6.0 2.5.0"),
    "STABLEHLO_COMPOSITE": ("", "2.18.0"),
    "STRIDED_SLICE": (
        "int8 2, bool 3, string 5, uint32 7",
        "1.6.0 1.14.0 2.1.0 2.2.0 2.5.0 2.6.0 2.14.0 2.14.0"),
    "SUB": ("int8 2, int64 4, int16 5", "1.6.0 1.14.0 2.3.0 2.4.0 2.4.0"),
    "SUM": ("int8 2", "1.10.0 1.15.0"),
    "TANH": ("int8 2, int16 3", "1.14.0 1.14.0 2.3.0"),
    "TILE": ("string 2, int8 3", "1.10.1 2.2.0 2.8.0"),
    "TOPK_V2": ("int8 2, int16 3", "1.7.0 1.14.0 2.13.0"),
    "TRANSPOSE": (
        "int8 2, bool 3, int16 5, int4 7",
        "1.6.0 1.14.0 1.15.0 2.3.0 2.4.0 2.12.0 2.20.0"),
    "TRANSPOSE_CONV": ("int8 2", "1.9.0 2.2.0 2.3.0 2.13.0 2.15.0"),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": ("", "1.13.1 1.14.0 2.3.0 2.12.0"),
    "UNPACK": ("int8 2, uint8 2, bool 3, int16 4", "1.11.0 1.14.0 2.2.0 2.3.0"),
    "WHERE": ("bool 1", "1.14.0 2.8.0"),
    "WHILE": ("", "1.15.0"),
    "ZEROS_LIKE": ("", "1.12.0"),
}
# Lowest version of an op, where it is not 1: that of every dtype that the table above leaves out.
LOWEST = {"BROADCAST_TO": 2, "WHERE": 2}
# Place of the input whose dtype decides, where it is not the first.
DECIDING = {"FILL": 1, "SCATTER_ND": 1, "SPARSE_TO_DENSE": 2, "SPLIT": 1, "TRANSPOSE_CONV": 2}
# Place of the weights of ops that may have them in another dtype than the activations.
WEIGHTS = {"BATCH_MATMUL": 1, "CONV_2D": 1, "CONV_3D": 1, "DEPTHWISE_CONV_2D": 1,
           "EMBEDDING_LOOKUP": 1, "FULLY_CONNECTED": 1, "TRANSPOSE_CONV": 1,
           "UNIDIRECTIONAL_SEQUENCE_LSTM": 2}
# op, dtype of its activations, dtype of its weights: version by one scale, by one per channel, by
# one per block. Under a lower version runtimes before 2.21 take 4-bit blocks, and compute wrongly.
MIXED = {
    ("BATCH_MATMUL", "float32", "int8"): (4, 4, None),
    ("CONV_2D", "float32", "int8"): (2, 5, None),
    ("CONV_2D", "int16", "int8"): (4, 4, None),
    ("CONV_2D", "int8", "int4"): (7, 7, None),
    ("DEPTHWISE_CONV_2D", "float32", "int8"): (4, 6, None),
    ("DEPTHWISE_CONV_2D", "int16", "int8"): (5, 5, None),
    ("DEPTHWISE_CONV_2D", "int8", "int4"): (7, 7, None),
    ("EMBEDDING_LOOKUP", "int32", "int8"): (1, 4, None),
    ("EMBEDDING_LOOKUP", "int32", "int4"): (4, 4, None),
    ("FULLY_CONNECTED", "float32", "int8"): (9, 12, None),
    ("FULLY_CONNECTED", "float32", "int4"): (12, 12, 14),
    ("FULLY_CONNECTED", "int16", "int8"): (7, 7, None),
    ("FULLY_CONNECTED", "int16", "int4"): (13, 13, None),
    ("FULLY_CONNECTED", "int8", "int4"): (10, 10, None),
    ("TRANSPOSE_CONV", "float32", "int8"): (2, 2, None),
    ("TRANSPOSE_CONV", "int16", "int8"): (3, 3, None),
    ("UNIDIRECTIONAL_SEQUENCE_LSTM", "float32", "int8"): (3, 3, None),
}
# Version by one scale where inputs become int8 symmetrically, as `MIXED` has it otherwise.
SYMMETRIC = {"BATCH_MATMUL": 1, "FULLY_CONNECTED": 3, "UNIDIRECTIONAL_SEQUENCE_LSTM": 2}
# Version for int16 that are plain integers.
PLAIN = {"ABS": 4, "ADD": 5, "MUL": 7}
# op: (largest rank of the first input without it, version)
RANKS = {"PAD": [(4, 4)], "PADV2": [(4, 4)], "SLICE": [(4, 5)], "STRIDED_SLICE": [(4, 4)],
         "TRANSPOSE": [(4, 4), (5, 6)]}
# Version for operands of unequal shape of which one has more than four axes.
BROADCAST = {"DIV": 2, "MAXIMUM": 3, "MINIMUM": 3, "SUB": 3}
# op: version for each option that is set
OPTIONS = {
    "CONV_2D": {"quantizedBiasType": 8},
    "FULLY_CONNECTED": {"keepNumDims": 5, "quantizedBiasType": 11},
    "GATHER": {"batchDims": 5},
    "RESIZE_BILINEAR": {"halfPixelCenters": 3},
    "RESIZE_NEAREST_NEIGHBOR": {"alignCorners": 3, "halfPixelCenters": 3},
    "STRIDED_SLICE": {"ellipsisMask": 6, "newAxisMask": 6, "offset": 8},
    "TRANSPOSE_CONV": {"fusedActivationFunction": 4, "quantizedBiasType": 5},
    "UNIDIRECTIONAL_SEQUENCE_LSTM": {"diagonalRecurrentTensors": 4},
}
# op, dtype of its activations, dtype of its weights: first release that computes it, where older
# ones take the version all the same and fail as they run. `None` of what no release was seen to.
LATER = {
    ("DIV", "int8", None): None, ("DIV", "int16", None): "2.21.0",
    ("FULLY_CONNECTED", "int8", "int8"): "2.10.0", ("FULLY_CONNECTED", "int16", "int8"): "2.10.0",
    ("GELU", "int16", None): "2.20.0", ("SUM", "int16", None): "2.20.0",
    ("TRANSPOSE_CONV", "float32", "int8"): "2.17.0",
}
# First release that finds constants behind the flatbuffer, and that runs a signature which is not
# the first.
BEHIND, SIGNATURES = "2.14.0", "2.12.0"
# Release that reads a float32 bias as float16 in convolutions by float16 weights.
MISREADS = "2.19"
# LiteRT's releases from one on: the newest TensorFlow Lite all of whose versions above they know.
LITERT = {"1.0": "2.18", "1.1": "2.19", "2.0": "2.20", "2.2": "2.21"}
