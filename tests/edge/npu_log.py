"""What the NPU's compiler says of a file of two graphs; shortened."""

TWO_GRAPHS = """\
INFO: [compiler_plugin.cc:948] Applying plugin with SDK version: v2.51.0.260929181845
ERROR: [qnn_manager.cc:480]
QNN op validation failed: 'Conv2d_6' (type=Conv2d)
  Inputs:
    [0] name="0_litert_7" dtype=QNN_DATATYPE_FLOAT_32 dims=[1,8,4,2] (no quantization)
    [1] name="4_qnn" dtype=QNN_DATATYPE_SFIXED_POINT_8 dims=[3,3,2,5] per-channel-quant
  Outputs:
    [0] name="3_litert_9" dtype=QNN_DATATYPE_FLOAT_32 dims=[1,8,4,5] (no quantization)

ERROR: [qnn_compiler_plugin.cc:538]
LiteRT Op #5 'Conv2d' (code=3) is not supported in Qualcomm Compiler.
  Inputs:
    [0] name="patches/convolution_0;1"  tensor_idx=7
  Outputs:
    [0] name="patches/convolution_1;2"  tensor_idx=9

INFO: [compiler_plugin.cc:742] Partitioned subgraph<0>, selected 12 ops, from a total of 13 ops. \
resulted in 2 partitions.
ERROR: [qnn_manager.cc:480]
QNN op validation failed: 'Binary_3' (type=ElementWiseBinary, operation=FloorDiv)
  Inputs:
    [0] name="a" dtype=QNN_DATATYPE_INT_32 dims=[1,7] (no quantization)
  Outputs:
    [0] name="b" dtype=QNN_DATATYPE_INT_32 dims=[1,7] (no quantization)
LiteRT Op #2 'FloorDiv' (code=90) is not supported in Qualcomm Compiler.
  Inputs:
    [0] name="a"  tensor_idx=1
  Outputs:
    [0] name="halves"  tensor_idx=2
LiteRT Op #3 'While' (code=119) is not supported in Qualcomm Compiler.
  Outputs:
    [0] name="loop"  tensor_idx=3
INFO: [compiler_plugin.cc:742] Partitioned subgraph<1>, selected 1 ops, from a total of 3 ops. \
resulted in 1 partitions.
"""
