"""`keras_seqattn.edge.graph.kinds`: what a row promises holds, in float64."""

import numpy as np
import pytest
from kind_examples import EXAMPLES, D, E, drawn

from keras_seqattn.edge.graph.kinds import JOINS, KINDS, WRITES

OF_FLOAT32 = ("scan", "while", "lstm")      # loops, which hold float32 themselves

COUNT = 3
FLOATS = {kind: [example for example in examples if example[0] and all(
    np.asarray(each).dtype == "float64" for each in example[0])]
    for kind, examples in EXAMPLES.items() if kind not in OF_FLOAT32}
CASES = [pytest.param(kind, *example, id=f"{kind}-{i}")
         for kind, examples in FLOATS.items() for i, example in enumerate(examples)]


def compute(kind, inputs, weights, settings):
    made = KINDS[kind].compute(*inputs, **weights, **settings)
    return np.asarray(made[0] if isinstance(made, list) else made)


def test_every_kind_is_held_to_what_it_promises():
    """The kind `call` promises nothing: it is any layer."""
    assert set(EXAMPLES) == set(KINDS) - {"call"}
    assert KINDS["call"].stream is None
    assert not KINDS["call"].passes_affine
    assert not KINDS["call"].per_token({}, 0)


@pytest.mark.parametrize(("kind", "inputs", "weights", "settings"), CASES)
def test_first_positions_need_only_first_positions(kind, inputs, weights, settings):
    row = KINDS[kind]
    cut = [row.per_token(settings, place) for place in range(len(inputs))]
    assert any(cut) or not row.per_position
    if any(cut):
        weights_cut = {name: array[:, :COUNT] if name in row.per_position else array
                       for name, array in weights.items()}
        inputs_cut = [array[:, :COUNT] if each else array
                      for array, each in zip(inputs, cut, strict=True)]
        np.testing.assert_allclose(
            compute(kind, inputs_cut, weights_cut, settings),
            compute(kind, inputs, weights, settings)[:, :COUNT], atol=1e-12)


@pytest.mark.parametrize(("kind", "axis", "first"), [
    ("first", 1, COUNT), ("received", 2, 1)])
def test_what_reads_first_positions_reads_no_other(kind, axis, first):
    """The positions of the scores that `received` reads are those of the query, axis 2."""
    for inputs, weights, settings in EXAMPLES[kind]:
        other = inputs[0].swapaxes(axis, 0).copy()
        other[first:] += 1.0
        same = np.array_equal(compute(kind, inputs, weights, settings),
                              compute(kind, [other.swapaxes(0, axis)], weights, settings))
        assert KINDS[kind].reads_first(settings) == same


def test_nothing_else_reads_first_positions_only():
    assert {kind for kind, examples in EXAMPLES.items()
            if any(KINDS[kind].reads_first(settings) for *_, settings in examples)} == {
        "first", "received"}


@pytest.mark.parametrize(("kind", "inputs", "weights", "settings"), CASES)
def test_affine_maps_pass(kind, inputs, weights, settings):
    if KINDS[kind].passes_affine:
        matrix, shift = drawn(D, E), drawn(E)
        np.testing.assert_allclose(
            compute(kind, [inputs[0] @ matrix + shift], weights, settings),
            compute(kind, inputs, weights, settings) @ matrix + shift, atol=1e-12)


@pytest.mark.parametrize(("kind", "inputs", "weights", "settings"), CASES)
def test_a_map_of_the_features_passes_through_a_stream(kind, inputs, weights, settings):
    part = KINDS[kind].stream
    assert part in (None, WRITES, JOINS)
    if part:
        matrix = drawn(E if part == WRITES else D, 11)
        mapped = {name: array @ matrix for name, array in weights.items()}
        read = inputs if part == WRITES else [each @ matrix for each in inputs]
        np.testing.assert_allclose(
            compute(kind, read, mapped, settings),
            compute(kind, inputs, weights, settings) @ matrix, atol=1e-12)


@pytest.mark.parametrize("kind", ["dense", "conv"])
def test_an_activation_comes_last(kind):
    (inputs, weights, settings), = EXAMPLES[kind]
    np.testing.assert_allclose(
        compute(kind, inputs, weights, {**settings, "activation": np.abs}),
        np.abs(compute(kind, inputs, weights, settings)))
