"""The kind of device is found, or told."""

import pytest

from keras_seqattn.kernels.target import Target, compiled_for, target


def test_what_is_told_holds_inside_of_the_context_alone():
    found = target()
    with compiled_for("tpu", mesh="a mesh", batch_axis="data"):
        assert target() == Target("tpu", "a mesh", "data")
        with compiled_for("gpu"):
            assert target().kind == "gpu"
        assert target().kind == "tpu"
    assert target() == found


def test_the_context_ends_with_an_error_too():
    found = target()
    with pytest.raises(KeyError), compiled_for("tpu"):
        raise KeyError("any")
    assert target() == found


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="kind='npu'"), compiled_for("npu"):
        pass
