"""`keras_seqattn.edge.fold.formulas`: values by hand."""

import numpy as np
import pytest

from keras_seqattn.edge.fold import formulas


def test_balance_by_hand():
    factors = formulas.balance(np.array([16.0, 1.0]), np.array([1.0, 4.0]))
    np.testing.assert_allclose(factors, [np.sqrt(8), 1 / np.sqrt(8)])
    np.testing.assert_allclose(formulas.balance(np.array([0.0, 1.0]), np.array([1.0, 1.0])), [1, 1])


@pytest.mark.parametrize("size", [1, 2, 8, 22, 31])
def test_a_rotation_is_orthogonal(size):
    matrix = formulas.rotation(size)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(size), atol=1e-12)
    np.testing.assert_array_equal(matrix, formulas.rotation(size))
    if size >= 8:
        assert np.abs(matrix).max() < 0.999
