"""`keras_seqattn.inspection.filters`: what SVD says, and a span that was planted."""

import keras
import numpy as np
import pytest
from arrays import array

from keras_seqattn import inspection
from keras_seqattn.testing import check_error


def _flat(components):
    return components.reshape(len(components), -1)


def test_components_are_orthonormal_and_explain_the_filters(small_vit):
    model = small_vit()
    components, shares = inspection.patch_filters(model)
    assert components.shape == (12, 8, 8, 3)        # no more than there are filters
    np.testing.assert_allclose(_flat(components) @ _flat(components).T, np.eye(12), atol=1e-5)
    filters = array(model.get_layer("patches").weights[0]).reshape(192, 12).T
    squares = ((filters @ _flat(components).T) ** 2).sum(axis=0)
    np.testing.assert_allclose(shares, squares / (filters ** 2).sum(), rtol=1e-4)
    singular = np.linalg.svd(filters, compute_uv=False)
    np.testing.assert_allclose(squares, singular ** 2, rtol=1e-4)
    assert (np.diff(shares) <= 0).all()
    assert shares.sum() == pytest.approx(1)
    assert (_flat(components).max(axis=1) == abs(_flat(components)).max(axis=1)).all()


def test_a_planted_span_is_found(small_vit, rng):
    model, planted = small_vit(), np.linalg.qr(rng.normal(size=(192, 3)))[0]
    kernel = planted @ np.diag([7.0, 5.0, 3.0]) @ np.linalg.qr(rng.normal(size=(12, 3)))[0].T
    model.get_layer("patches").weights[0].assign(kernel.reshape(8, 8, 3, 12))
    components, shares = inspection.patch_filters(model, 3)
    np.testing.assert_allclose(shares, np.array([49, 25, 9]) / 83, rtol=1e-4)
    np.testing.assert_allclose(_flat(components).T @ _flat(components), planted @ planted.T,
                               atol=1e-5)
    np.testing.assert_allclose(abs(_flat(components) @ planted), np.eye(3), atol=1e-4)


def test_of_a_stem_of_convolutions_it_is_the_first(small_vit):
    model = small_vit(stem="conv")
    components, _ = inspection.patch_filters(model)
    assert components.shape == (3, 3, 3, 3)
    first = array(model.get_layer("patches").weights[0]).reshape(27, 3)
    np.testing.assert_allclose(_flat(components).T @ (_flat(components) @ first), first, atol=1e-5)


def test_what_has_no_filters(small_vit):
    check_error(lambda: inspection.patch_filters(small_vit(stem="shifted")), model="vit")
    plain = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)], name="plain")
    check_error(lambda: inspection.patch_filters(plain), model="plain")
    check_error(lambda: inspection.patch_filters(small_vit(), 0), num_components=0)
