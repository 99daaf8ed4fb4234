"""`keras_seqattn.inspection.gradient`: the backend's derivative, straight through the scores."""

import pytest
from arrays import array, normal
from keras import ops

from keras_seqattn.inspection.gradient import gradient, score_gradients
from keras_seqattn.layers import attention_product
from keras_seqattn.testing import check_error


def _straight(monkeypatch, model, inputs, classes, shapes):
    """Gradients by numbers that are added to the scores within attention itself."""
    attend = attention_product.attend

    def logit(shifts):
        left = iter(shifts)
        monkeypatch.setattr(attention_product, "attend", lambda *arguments, **keywords: attend(
            *arguments, **{**keywords, "drop": lambda scores: scores + next(left)}))
        logits = model(inputs, training=False)
        return sum(logits[row, column] for row, column in enumerate(classes))

    return gradient(logit, [ops.zeros(shape) for shape in shapes])


def _check_gradients(monkeypatch, model, inputs, classes):
    found = score_gradients(model, inputs, classes)
    expected = _straight(monkeypatch, model, inputs, classes, [each.shape for each, _ in found])
    for (_, slopes), want in zip(found, expected, strict=True):
        want = array(want)
        assert abs(want).max() > 1e-3
        assert abs(slopes - want).max() < 1e-4 * abs(want).max()


@pytest.mark.parametrize("kwargs", [
    {"layer_scale": 0.5, "num_registers": 1}, {"pooling": "map"}, {"locality": True}])
def test_gradients_of_vision_transformers(monkeypatch, small_vit, images, kwargs):
    _check_gradients(monkeypatch, small_vit(**kwargs), images, [4, 1])


def test_heads_that_share_keys_and_values(monkeypatch, sequences, rng):
    _check_gradients(monkeypatch, sequences, normal(rng, 2, 5, 12), [3, 0])


def test_what_has_no_logits_or_not_that_class(small_vit, images):
    model = small_vit(pooling="none", num_classes=0)
    check_error(lambda: score_gradients(model, images), output_shape=(2, 6, 12))
    model = small_vit()
    for classes in ([1], [1, 5], [-1, 0], [0.5, 1.0]):
        check_error(lambda classes=classes: score_gradients(model, images, classes),
                    classes=classes, num_classes=5)
