"""`keras_seqattn.data.text`."""

import pytest

from keras_seqattn.data import text

MARKS = ("\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\r")


@pytest.mark.parametrize("mark", MARKS)
def test_no_other_mark_ends_a_line(mark):
    assert text.lines(f"One{mark}two.\nThree.\r\nFour.") == [f"One{mark}two.", "Three.", "Four."]


def test_a_last_line_feed_begins_no_line_and_empty_lines_stay():
    assert text.lines("") == []
    assert text.lines("\n") == [""]
    assert text.lines("a\n\nb\n") == ["a", "", "b"]


def test_a_byte_order_mark_is_no_text(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfGo.\n")
    assert text.read(tmp_path / "a.txt") == "Go.\n"
    assert text.decode("a\ufeffb".encode()) == "a\ufeffb"
