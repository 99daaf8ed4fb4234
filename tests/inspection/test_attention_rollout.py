"""`keras_seqattn.inspection.attention_rollout`: laws, values by hand, maps."""

import numpy as np
import pytest
from arrays import array, assert_close
from tolerances import FLOAT32

from keras_seqattn import inspection
from keras_seqattn.inspection.gradient import score_gradients
from keras_seqattn.testing import check_error


def _scores(rng, *shape):
    logits = np.exp(rng.normal(size=shape))
    return logits / logits.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("fuse", ["mean", "max", "min"])
def test_rows_sum_to_one(rng, fuse):
    rolled = inspection.rollout([_scores(rng, 2, 3, 7, 7) for _ in range(5)], fuse)
    np.testing.assert_allclose(rolled.sum(axis=-1), np.ones((2, 7)), atol=1e-12)
    assert (rolled > 0).all()


@pytest.mark.parametrize(("fuse", "first"), [("mean", [0.4, 0.6]), ("max", [0.6, 0.8]),
                                             ("min", [0.2, 0.4])])
def test_two_blocks_by_hand(fuse, first):
    """Two heads in the first block, one in the second; the last block's token 1 reads token 0."""
    lower = np.array([[[[0.2, 0.8], [0.0, 1.0]], [[0.6, 0.4], [0.0, 1.0]]]])
    upper = np.array([[[[1.0, 0.0], [1.0, 0.0]]]])
    own = (1 + first[0]) / (1 + sum(first))        # half past the block, then a sum of 1
    rolled = inspection.rollout([lower, upper], fuse)[0]
    np.testing.assert_allclose(rolled, [[own, 1 - own], [own / 2, 1 - own / 2]], atol=1e-12)


def test_what_reads_only_itself_stays_there():
    eye = np.broadcast_to(np.eye(5), (2, 3, 5, 5))
    np.testing.assert_array_equal(inspection.rollout([eye] * 4), np.stack([np.eye(5)] * 2))


def test_the_order_of_blocks_matters(rng):
    lower, upper = _scores(rng, 1, 1, 3, 3), _scores(rng, 1, 1, 3, 3)
    half = [(each[0, 0] + np.eye(3)) / 2 for each in (lower, upper)]
    np.testing.assert_allclose(
        inspection.rollout([lower, upper])[0], half[1] @ half[0], atol=1e-12)


def test_relevance_by_hand():
    """Negative products count as none, heads are averaged, what is passed on is added."""
    lower = np.array([[[[0.5, 0.5], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]]])
    slopes = np.array([[[[2.0, -4.0], [3.0, 9.0]], [[4.0, 0.0], [0.0, -1.0]]]])
    upper = np.array([[[[0.0, 1.0], [0.5, 0.5]]]])
    ones = np.ones((1, 1, 2, 2))
    first = np.array([[2.5, 0.0], [1.5, 0.0]]) + np.eye(2)
    expected = first + np.array([[0.0, 1.0], [0.5, 0.5]]) @ first
    np.testing.assert_allclose(
        inspection.gradient_rollout([lower, upper], [slopes, ones])[0], expected)


def test_an_unknown_fuse(rng):
    check_error(lambda: inspection.rollout([_scores(rng, 1, 1, 2, 2)], "median"), fuse="median")


PREFIXES = [({}, 1), ({"num_registers": 2}, 3), ({"distillation": True}, 2)]


@pytest.mark.parametrize(("kwargs", "num_prefix"), PREFIXES)
def test_maps_are_the_row_of_the_class_token(small_vit, images, kwargs, num_prefix):
    model = small_vit(**kwargs)
    rolled = inspection.rollout(inspection.attention_scores(model, images))
    assert_close(inspection.rollout_maps(model, images),
                 rolled[:, 0, num_prefix:].reshape(2, 3, 2))
    relevant = inspection.gradient_rollout(*zip(*score_gradients(model, images), strict=True))
    assert_close(inspection.gradient_rollout_maps(model, images),
                 relevant[:, 0, num_prefix:].reshape(2, 3, 2))


def test_maps_of_average_pooling_sum_to_one(small_vit, images):
    model = small_vit(pooling="mean")
    np.testing.assert_allclose(
        inspection.rollout_maps(model, images, "max").sum((1, 2)), np.ones(2), atol=FLOAT32)
    relevant = inspection.gradient_rollout(*zip(*score_gradients(model, images), strict=True))
    assert_close(inspection.gradient_rollout_maps(model, images).reshape(2, 6),
                 (relevant - np.eye(6)).mean(axis=1))


def test_maps_of_attention_pooling_begin_with_its_probe(small_vit, images):
    model = small_vit(pooling="map", num_registers=1)
    pool = model.get_layer("pool")
    probe = inspection.attention_scores(model, images, [pool])[0].mean(axis=1)  # (B, 1, 6)
    rolled = inspection.rollout(inspection.attention_scores(model, images))
    assert_close(inspection.rollout_maps(model, images).reshape(2, 6),
                 (probe @ rolled[:, 1:])[:, 0, 1:])
    *blocks, (scores, slopes) = score_gradients(model, images)
    assert scores.shape == slopes.shape == (2, 3, 1, 6)
    probe = np.maximum(scores * slopes, 0).mean(axis=1)
    assert_close(inspection.gradient_rollout_maps(model, images).reshape(2, 6),
                 (probe @ inspection.gradient_rollout(*zip(*blocks, strict=True))[:, 1:])[:, 0, 1:])


def test_the_class_is_the_likeliest_if_none_is_named(small_vit, images):
    model = small_vit()
    said = array(model(images)).argmax(axis=-1)
    default = inspection.gradient_rollout_maps(model, images)
    assert_close(default, inspection.gradient_rollout_maps(model, images, said))
    others = inspection.gradient_rollout_maps(model, images, (said + 1) % 5)
    assert np.abs(default - others).max() > 1e-3
    assert (default >= 0).all()


def test_nothing_speaks_for_a_class_whose_logit_is_a_constant(small_vit, images):
    model = small_vit()
    kernel, bias = model.get_layer("logits").get_weights()
    kernel[:, 3] = 0
    model.get_layer("logits").set_weights([kernel, bias])
    assert not inspection.gradient_rollout_maps(model, images, [3, 3]).any()
    assert inspection.gradient_rollout_maps(model, images, [3, 2])[1].any()
