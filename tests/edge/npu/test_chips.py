"""`keras_seqattn.edge.npu.chips`: chips by name."""

import pytest

from keras_seqattn.edge.npu import chips
from keras_seqattn.testing import check_error


def test_the_chips_are_those_that_litert_knows():
    target = pytest.importorskip("ai_edge_litert.aot.vendors.qualcomm.target")
    assert set(chips.CHIPS) == {each.value for each in target.SocModel} - {"ALL"}
    assert all(name == chip.name for name, chip in chips.CHIPS.items())


def test_each_chip_is_given_once_and_in_the_order_of_the_question():
    assert [chip.name for chip in chips.of(["SM8650", "SM8350", "SM8650"])] == ["SM8650", "SM8350"]


@pytest.mark.parametrize("given", ["SM8751", ["SM8750", "SM8751"]])
def test_an_unknown_chip_is_told_the_known_ones(given):
    check_error(lambda: chips.of(given), chips=["SM8751"])
    with pytest.raises(ValueError, match=r"did you mean 'SM8750'.*'SA8255'"):
        chips.of(given)


def test_no_chip_at_all():
    check_error(lambda: chips.of([]), chips=[])


@pytest.mark.parametrize("text", ["SM8750", "mediatek:MT6991", "qualcomm", ""])
def test_a_maker_whose_compiler_is_not_public(text):
    check_error(lambda: chips.parse(text), npu=text)
