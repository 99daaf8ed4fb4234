"""How a family is known, and which arguments its loader heeds."""

import numpy as np

from keras_seqattn.checkpoints.families.family import Family
from keras_seqattn.checkpoints.weights.state import State


def _load(state, config, *, image_shape=None, num_heads=None):
    return state


def test_each_pattern_matches_a_whole_key():
    family = Family("x", _load, keys=(r"a\.\d", "b"))
    for keys, known in (({"a.3", "b"}, True), ({"a.3"}, False), ({"a.3", "bb"}, False),
                        ({"xa.3", "b"}, False), ({"a.3", "b", "c"}, True)):
        assert family.knows(State(dict.fromkeys(keys))) is known


def test_metadata_tell_a_family_too():
    family, state = Family("x", _load, metadata="mine"), State({"a": np.ones(2)})
    assert not family.knows(state)
    state.metadata["mine"] = ""
    assert family.knows(state)


def test_what_a_loader_takes_by_name_only_are_arguments_of_load():
    assert Family("x", _load).takes == ("image_shape", "num_heads")
