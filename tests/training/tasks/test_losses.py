"""`keras_seqattn.training.tasks.losses`."""

import json
import os
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest
from arrays import array

from keras_seqattn import borrowed
from keras_seqattn.training.tasks.losses import TokenAccuracy, TokenCrossentropy

LABELS = np.array([[3, 1, 0], [2, 0, 0]])


@pytest.fixture
def logits(rng):
    return rng.normal(size=(2, 3, 5)).astype("float32")


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_mean_over_real_tokens_by_hand(logits, smoothing):
    wide = logits.astype("float64")
    shares = wide - np.log(np.exp(wide).sum(-1, keepdims=True))
    wanted = (1 - smoothing) * np.eye(5)[LABELS] + smoothing / 5
    losses = -(shares * wanted).sum(-1)
    loss = TokenCrossentropy(smoothing)(LABELS, logits)
    assert float(loss) == pytest.approx(losses[LABELS > 0].mean(), rel=1e-5)


def test_same_as_keras_with_smoothed_labels(logits):
    theirs = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2)
    full = np.array([[3, 1, 4], [2, 1, 1]])
    assert float(TokenCrossentropy(0.2)(full, logits)) == pytest.approx(
        float(theirs(np.eye(5, dtype="float32")[full], logits)), rel=1e-5)


def test_weights_replace_the_mask(logits):
    weights = np.array([[1.0, 0.0, 2.0], [0.0, 0.0, 3.0]], "float32")
    each = np.array([[float(TokenCrossentropy()(LABELS[i:i + 1, j:j + 1] + 0, logits[
        i:i + 1, j:j + 1], np.ones((1, 1), "float32"))) for j in range(3)] for i in range(2)])
    assert float(TokenCrossentropy()(LABELS, logits, weights)) == pytest.approx(
        (each * weights).mean(), rel=1e-5)


def test_padding_alone_is_zero_and_has_no_gradient_to_nan(logits):
    assert float(TokenCrossentropy(0.1)(np.zeros((2, 3)), logits)) == 0.0


def test_accuracy_counts_real_tokens_once(logits):
    best = logits.argmax(-1)
    labels = np.where(best > 0, best, 1)
    labels[0, 0] = (best[0, 0] + 1) % 4 + 1 if (best[0, 0] + 1) % 4 + 1 != best[0, 0] else 0
    metric = TokenAccuracy()
    metric.update_state(labels, logits)
    real = labels > 0
    assert float(metric.result()) == pytest.approx((best == labels)[real].mean())
    metric.reset_state()
    metric.update_state(labels, logits, np.where(real, 17.0, 0.0))
    assert float(metric.result()) == pytest.approx((best == labels)[real].mean())


def test_loss_comes_back_from_its_config():
    loss = keras.losses.deserialize(keras.losses.serialize(TokenCrossentropy(0.3)))
    assert loss.label_smoothing == 0.3


def test_a_mask_on_the_output_changes_no_loss(rng):
    """The loss is the mean over the real tokens, once, whatever masks the model passes on."""
    tokens = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(11, 8, mask_zero=True)(tokens)
    model = keras.Model(tokens, keras.layers.Dense(5)(x))
    assert borrowed.mask_of(model.output) is not None
    ids = np.array([[3, 4, 0], [7, 0, 0]])
    logits = array(model(ids)).astype("float64")
    each = np.log(np.exp(logits).sum(-1)) - np.take_along_axis(
        logits, LABELS[..., None], -1)[..., 0]
    wanted = each[LABELS > 0].mean()
    weights = np.float32(LABELS > 0) * LABELS.size / (LABELS > 0).sum()
    for jit_compile in (False, True):
        model.compile("sgd", TokenCrossentropy(), jit_compile=jit_compile)
        assert model.evaluate(ids, LABELS, verbose=0) == pytest.approx(wanted, rel=1e-5)
        assert model.evaluate(ids, LABELS, sample_weight=weights, verbose=0) == pytest.approx(
            wanted, rel=1e-5)


def test_weights_of_examples_leave_padding_out(logits):
    loss, given = TokenCrossentropy(), np.array([3.0, 0.5], "float32")
    rows = [float(loss(LABELS[i:i + 1], logits[i:i + 1])) for i in range(2)]
    assert float(loss(LABELS, logits, given)) == pytest.approx(
        (3.0 * 2 * rows[0] + 0.5 * rows[1]) / 3, rel=1e-5)
    metric = TokenAccuracy()
    metric.update_state(LABELS, logits, np.array([1.0, 0.0], "float32"))
    assert float(metric.result()) == (logits.argmax(-1) == LABELS)[0, :2].mean()


STEP_OF_TWO_REPLICAS = """
    import os, sys
    if os.environ["KERAS_BACKEND"] == "tensorflow":
        import tensorflow as tf
        cpu, = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    import json
    import keras, numpy as np
    from keras_seqattn import training
    from keras_seqattn.training.tasks.losses import TokenCrossentropy

    rng = np.random.default_rng(5)
    ids = np.array([[3, 4, 6, 5], [7, 2, 1, 0], [9, 0, 0, 0], [8, 0, 0, 0]])   # 7 tokens and 2
    labels = np.where(ids > 0, ids % 5 + 1, 0)
    given = {"none": None, "examples": np.array([1.0, 0.5, 3.0, 0.0], "float32"),
             "tokens": rng.uniform(size=ids.shape).astype("float32")}

    def step(strategy, weights):
        keras.utils.set_random_seed(3)
        devices = training.strategy(strategy)
        assert devices.num_replicas == (1 if strategy == "none" else 2)
        with devices.scope():
            tokens = keras.Input((4,), dtype="int32")
            x = keras.layers.Embedding(11, 3, mask_zero=True)(tokens)
            model = keras.Model(tokens, keras.layers.Dense(7)(x))
            model.compile(keras.optimizers.SGD(1.0), TokenCrossentropy(0.1), jit_compile=False)
        before = [np.array(each) for each in model.get_weights()]
        loss = model.fit(ids, labels, batch_size=4, sample_weight=weights, shuffle=False, verbose=0)
        steps = [np.ravel(new - old) for new, old in zip(
            model.get_weights(), before, strict=True)]
        return [loss.history["loss"][0], *np.concatenate(steps).tolist()]

    print(json.dumps([step(each, given[sys.argv[1]]) for each in ("none", "mirrored")]))
"""


@pytest.mark.skipif(keras.backend.backend() not in ("tensorflow", "jax"),
                    reason="this backend has one device here")
@pytest.mark.parametrize("weights", ["none", "examples", "tokens"])
def test_two_replicas_with_unlike_padding_step_as_one_device(weights):
    """A mean on each replica, over 7 and over 2 real tokens, would weigh the 2 more."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(STEP_OF_TWO_REPLICAS), weights],
        capture_output=True, text=True, timeout=300, env={
            **os.environ, "KERAS_BACKEND": keras.backend.backend(), "CUDA_VISIBLE_DEVICES": "-1",
            "XLA_FLAGS": "--xla_force_host_platform_device_count=2"})
    assert done.returncode == 0, done.stderr
    one, two = json.loads(done.stdout.splitlines()[-1])
    assert np.abs(one).max() > 0.1
    np.testing.assert_allclose(two, one, rtol=1e-5, atol=1e-6)
