"""`keras_seqattn.edge.precisions`: one row per precision."""

import pytest

from keras_seqattn.edge.precisions import ALL_PRECISIONS, PRECISIONS, WRITER_PRECISIONS


@pytest.mark.parametrize("name", ALL_PRECISIONS)
def test_a_row_is_what_its_name_says(name):
    """AI Edge Quantizer's names tell the bits of weights and activations."""
    row = ALL_PRECISIONS[name]
    assert row.bits == {"float32": 32, "float16": 16}.get(name) or f"wi{row.bits}_" in name
    assert row.needs_calibration == ("_ai" in name)
    assert row.activations is None or name.endswith(f"_ai{row.activations}")
    assert name.startswith(row.dense) or row.products


def test_fewer_bits_may_be_off_by_more():
    by_bits = sorted(ALL_PRECISIONS.values(), key=lambda row: -row.bits)
    floats = [row.tolerance for row in by_bits if not row.needs_calibration]
    assert floats == sorted(floats)
    assert all(row.tolerance < 0.5 for row in by_bits)  # wrong weights are off by more


def test_each_precision_is_of_some_model():
    assert set(PRECISIONS) | set(WRITER_PRECISIONS) == set(ALL_PRECISIONS)
    assert set(PRECISIONS) & set(WRITER_PRECISIONS) == {"float32", "dynamic_wi8_afp32"}
