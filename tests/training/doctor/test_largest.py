"""`keras_seqattn.training.doctor.largest`: bisection, with a compiler that is made up."""

import pytest

from keras_seqattn.training.doctor.largest import FINE, Tried, largest

FIXED, EACH = 1009, 13


def _search(memory, start, unit, repeats_above=10 ** 9, limit=2 ** 24):
    """Each example takes 13 bytes; above some batch the compiler saves a third of them."""
    asked = []

    def compile_batch(batch):
        asked.append(batch)
        repeats = batch > repeats_above
        peak = FIXED + batch * EACH * (2 / 3 if repeats else 1)
        return Tried(FIXED, int(peak), 1.1 if repeats else 1.0) if peak <= memory else None

    found = largest(compile_batch, start, unit, memory, limit)
    assert len(asked) == len(set(asked))
    assert all(batch % unit == 0 for batch in asked)
    return found


@pytest.mark.parametrize("start", [8, 64, 4096])
@pytest.mark.parametrize("memory", [FIXED + 13 * 8, FIXED + 13 * 999, FIXED + 13 * 20011])
def test_the_largest_batch_is_found(memory, start):
    wanted = (memory - FIXED) // EACH // 8 * 8
    found = _search(memory, start, 8)
    assert found.batch_size <= wanted < found.refused
    assert found.refused - found.batch_size <= max(8, wanted // FINE)
    assert found.not_repeated == found.batch_size


def test_what_the_compiler_computes_twice_is_told_apart():
    memory = FIXED + 13 * 1000
    found = _search(memory, 16, 8, repeats_above=1000)
    assert found.batch_size <= 1500 < found.refused
    assert found.not_repeated <= 1000 < found.not_repeated + 8 + 1000 // FINE


def test_nothing_fits():
    found = _search(FIXED, 16, 4)
    assert (found.batch_size, found.not_repeated) == (0, 0)
    assert found.refused == 4


def test_the_limit_ends_the_search():
    found = _search(10 ** 12, 16, 8, limit=1000)
    assert found.refused is None
    assert 1000 // 4 < found.batch_size <= 1000
