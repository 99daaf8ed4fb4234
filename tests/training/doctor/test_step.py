"""`keras_seqattn.training.doctor.step`: what is traced is the step of `fit`, with its places."""

import keras
import numpy as np
import pytest

from keras_seqattn import borrowed
from keras_seqattn.kernels.target import target
from keras_seqattn.training.doctor import step
from keras_seqattn.training.doctor.compiler import NotCompiled

pytestmark = pytest.mark.skipif(keras.backend.backend() != "jax", reason="a step of JAX")


class _Watching(keras.layers.Layer):
    """Notes for which device it is traced, then calls a function."""

    def __init__(self, function):
        super().__init__(name="watching")
        self._function, self.seen = function, []

    def call(self, inputs):
        self.seen.append(target().kind)
        return self._function(inputs)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, inputs.dtype)


def _model(function=keras.ops.tanh):
    inputs = keras.Input((5,))
    watching = _Watching(function)
    model = keras.Model(inputs, keras.layers.Dense(3)(watching(inputs)))
    model.compile("adam", "mse", weighted_metrics=["mae"])
    borrowed.build_with(model, _batch(2))
    model.optimizer.build(model.trainable_variables)
    return model, watching


def _batch(size):
    return np.ones((size, 5)), np.ones((size, 3), "float32"), np.ones(size, "float32")


def _trace(model, size=7, training=True):
    import jax

    return step.trace(model, _batch(size), jax.devices()[:1], training)


@pytest.mark.parametrize("training", [True, False])
def test_it_is_traced_for_a_tpu_with_the_state_and_dtypes_of_fit(training):
    model, watching = _model()
    traced = _trace(model, training=training)
    assert watching.seen[-1] == "tpu"
    (state, batch), _ = traced.in_avals
    assert len(state) == (4 if training else 3)
    assert [array.dtype.name for array in batch] == ["float32"] * 3


def test_the_compiled_step_computes_what_fit_computes(rng):
    model, _ = _model()
    batch = tuple(rng.normal(size=array.shape).astype("float32") for array in _batch(7))
    compiled = _trace(model).lower().compile()
    copied = [np.array(value) for value in keras.tree.flatten(borrowed.jax_state(model, True))]
    logs, _ = compiled(keras.tree.pack_sequence_as(
        borrowed.jax_state(model, True), copied), batch)
    assert float(logs["loss"]) == pytest.approx(model.train_on_batch(*batch)[0], rel=1e-5)


def test_other_sizes_of_a_batch():
    images, labels, weights = step.of_size(_batch(2), 11)
    assert (images.shape, labels.shape, weights.shape) == ((11, 5), (11, 3), (11,))


def test_a_shape_that_depends_on_values_is_told_with_its_layer():
    """Keras meets it already when it builds the model."""
    with (pytest.raises(NotCompiled, match="must not depend on values") as caught,
          step.told()):
        _model(lambda x: x + keras.ops.sum(x[x > 0]))
    assert "layer watching" in caught.value.place
    assert "test_step.py" in caught.value.place


def test_other_errors_stay_as_they_are():
    with pytest.raises(KeyError), step.told():
        raise KeyError("other")


def test_a_layout_divides_weights_and_what_the_optimizer_keeps_of_them():
    """Heads and the inner features among two devices; what they do not divide stays whole."""
    import jax

    from keras_seqattn import models

    model = models.vit("nano", 8, (16, 16, 3), 3, num_layers=1, num_heads=2, embed_dim=12,
                       mlp_dim=17)
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    mesh = jax.sharding.AbstractMesh((1, 2), ("batch", "model"))
    rules = step.layouts.rules("heads")
    axes = step._axes(model, rules, dict(mesh.shape))
    assert axes["block_0_attention_query_kernel"] == (None, "model", None)
    assert axes["block_0_attention_attention_output_kernel"] == ("model", None, None)
    assert axes["block_0_feed_forward_hidden_kernel"] == (None, None)
    assert axes["logits_kernel"] == ()
    slot = next(each.path for each in model.optimizer.variables
                if each.path.endswith("query_kernel_velocity"))
    assert step._axes_of_slot(slot, axes) == (None, "model", None)
    assert step._axes_of_slot("adam/learning_rate", axes) == ()
