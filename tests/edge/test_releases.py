"""`keras_seqattn.edge.releases`: releases compare as numbers, not as text."""

import pytest

from keras_seqattn.edge import releases
from keras_seqattn.testing import check_error


@pytest.mark.parametrize(("runtime", "first", "has"), [
    ("2.16", "2.16.1", True), ("2.16.0", "2.16.1", False), ("2.9", "2.17.0", False),
    ("2.17", "2.9.0", True), ("2.17.1", "2.17.0", True), ("2.17", None, False)])
def test_whether_a_runtime_has_what_came_with_a_release(runtime, first, has):
    assert releases.has(runtime, first) is has


@pytest.mark.parametrize("release", ["2", "2.16.1.0", "v2.16", "2.16-rc1", " 2.16", "", 2.16])
def test_what_is_no_release(release):
    check_error(lambda: releases.numbers(release), release=release)
