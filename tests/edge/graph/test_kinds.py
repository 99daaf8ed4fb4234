"""`keras_seqattn.edge.graph.kinds`: what a row promises holds, in float64."""

import numpy as np
import pytest

from keras_seqattn.edge.graph.kinds import JOINS, KINDS, WRITES

B, T, D, E, COUNT = 2, 7, 6, 5, 3
RNG = np.random.default_rng(3)


def drawn(*shape):
    return RNG.normal(size=shape)


def tokens(features=D):
    return drawn(B, T, features)


def image():
    return drawn(B, 5, 3, D)


ATTENTION = {"num_heads": 3, "num_kv_heads": 3, "scale": 0.7, "causal": False, "window": None,
             "with_scores": False}
GROUPS = {"num_groups": 2, "epsilon": 1e-3}
# By kind: inputs, weights, settings.
EXAMPLES = {
    "dense": [([tokens()], {"kernel": drawn(D, E), "bias": drawn(E)}, {})],
    "norm": [([tokens()], {"scale": drawn(D), "offset": drawn(D)}, {"centred": centred})
             for centred in (False, True)],
    "attention": [([tokens(), tokens(), tokens()], {}, {**ATTENTION, **change})
                  for change in ({}, {"causal": True}, {"window": 2})],
    "received": [([drawn(B, 2, 7, 7) ** 2], {},
                  {"grid": (2, 3), "num_prefix": 1, "has_token": has_token})
                 for has_token in (True, False)],
    "add": [([tokens(), tokens()], {}, {})],
    "shift": [([tokens()], {"table": drawn(1, T, D)}, {})],
    "prepend": [([tokens()], {"token": drawn(1, 2, D)}, {})],
    "first": [([tokens()], {}, {"count": COUNT})],
    "rest": [([tokens()], {}, {"count": 2})],
    "mean": [([tokens()], {}, {}), ([image()], {}, {"axis": (1, 2)})],
    "flatten": [([drawn(B, 1, D)], {}, {})],
    "relu": [([tokens()], {}, {})],
    "scale": [([tokens()], {"factor": np.float64(0.3), "offset": np.float64(0.7)}, {})],
    "conv": [([image()], {"kernel": drawn(3, 1, D, E), "bias": drawn(E)}, {"padding": "same"})],
    "group_norm": [([image()], {"scale": drawn(D), "offset": drawn(D)}, GROUPS)],
    "pad": [([image()], {}, {"sides": ((0, 0), (1, 2), (0, 3), (0, 0))})],
    "max_pool": [([image()], {}, {"size": (2, 3), "strides": (1, 2), "padding": "same"})],
    "repeat": [([image()], {}, {"rows": 2, "columns": 3})],
    "tokens": [([image()], {}, {"grid": (5, 3)})],
}
CASES = [pytest.param(kind, *example, id=f"{kind}-{i}")
         for kind, examples in EXAMPLES.items() for i, example in enumerate(examples)]


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
