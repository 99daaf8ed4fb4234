"""`keras_seqattn.edge.npu.log`: what the compiler says, read from texts of its own."""

from npu_log import TWO_GRAPHS

from keras_seqattn.edge.npu import log


def test_each_graph_has_its_ops_and_what_stays_by_layer_and_reason():
    found = log.graphs(TWO_GRAPHS)
    assert found[0] == log.Graph(13, 12, 2, (log.Left(
        "patches/convolution_1", "Conv2d", "no Conv2d of float_32 [1,8,4,2], channelwise "
        "sfixed_point_8 [3,3,2,5] to float_32 [1,8,4,5]"),))
    assert found[1].left == (
        log.Left("halves", "FloorDiv", "no FloorDiv of int_32 [1,7] to int_32 [1,7]"),
        log.Left("loop", "While", log.LOOP))
    assert log.sdk(TWO_GRAPHS) == "2.51.0.260929181845"
    assert (log.graphs(""), log.sdk("")) == ({}, None)


def test_whole_is_all_ops_in_one_program():
    assert log.Graph(13, 13, 1, ()).whole
    assert not log.Graph(13, 13, 2, ()).whole
    assert not log.Graph(13, 12, 1, ()).whole


def test_what_ended_the_compiler_is_what_was_said_last():
    said = ("ERROR: [qnn_compose_graph.cc:1908] Failed to add node\n"
            "ERROR: [apply_plugin.cc:455] ERROR: [compiler_plugin.cc:504]\n")
    printed = ("   0.0ms [ ERROR ]   <E> Unsupported datatypes of an op that stays behind\n"
               "   0.0ms [ INFO ]   <I> QnnBackend_validateOpConfig done\n"
               "   0.0ms [ ERROR ]   <E> unexpected GraphHtpSettings option 66\n"
               "   0.0ms [ ERROR ]   <E> Op Dequantize does not support this\n")
    assert log.failure(said, printed) == "Op Dequantize does not support this; Failed to add node"
    assert log.failure("", "") == log.UNKNOWN
