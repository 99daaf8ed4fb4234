"""`keras_seqattn.training.doctor.hlo`: a small program, read by hand."""

import pathlib

import pytest

from keras_seqattn.training.doctor import hlo

# Cut out of what libtpu 0.0.42.1 wrote for a step on four chips; names are shortened.
TEXT = pathlib.Path(__file__).with_name("step.hlo").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def operations():
    return hlo.read(TEXT)


def test_what_is_inside_of_a_fusion_or_a_reduction_does_not_run_by_itself(operations):
    names = {each.name for each in operations}
    assert {"transpose.3", "fusion.1", "all-reduce.4"} <= names
    assert not {"copy.7", "add.1", "x"} & names


def test_copies_are_those_of_arrays(operations):
    assert [each.name for each in hlo.copies(operations)] == ["transpose.3", "copy.2"]


def test_layers_are_named_from_outside_in(operations):
    layers = {"block_0", "block_1", "attention", "mlp"}
    assert [hlo.layer_of(each.op_name, layers) for each in hlo.copies(operations)] == [
        "block_1/mlp", "block_0/attention"]
    assert hlo.layer_of("jit(train_step)/sqrt", layers) == ""


def test_exchanged_bytes_by_dtype(operations):
    """Of an asynchronous exchange only the result counts."""
    assert hlo.collectives(operations) == {
        "all-reduce": {"f32": 4 + 384 * 10 * 4, "bf16": 384 * 2}, "all-gather": {"f32": 52 * 4}}


def test_exchanges_with_the_host(operations):
    assert [each.name for each in hlo.host_transfers(operations)] == ["call.2"]
    assert hlo.custom_calls(operations) == {
        "tpu_custom_call": 1, "xla_ffi_python_cpu_callback": 1}


def test_padding_by_hand(operations):
    """3×5 in bfloat16 fills 4×128, 16×197 in float32 fills 16×256."""
    own, padded = 3 * 5 * 2 + 16 * 197 * 4, 4 * 128 * 2 + 16 * 256 * 4
    assert hlo.padding(operations)["arguments"] == pytest.approx(1 - own / padded)


@pytest.mark.parametrize(("text", "size"), [
    ("f32[]{:T(128)}", 512), ("f32[3]{0:T(128)}", 512), ("s32[130]{0:T(128)}", 1024),
    ("f32[7,11]{1,0:T(8,128)}", 8 * 128 * 4), ("f32[7,11]{0,1:T(8,128)}", 16 * 128 * 4),
    ("bf16[2,3,5]{2,0,1:T(2,128)(2,1)}", 3 * 2 * 128 * 2), ("pred[5]{0}", 5)])
def test_padded_bytes_by_hand(text, size):
    array, = hlo.arrays(text)
    assert array.padded_bytes == size
