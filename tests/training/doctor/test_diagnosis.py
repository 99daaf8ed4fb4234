"""`keras_seqattn.training.doctor.diagnosis`: each planted fault is found, and no other."""

import keras
import numpy as np
import pytest

from keras_seqattn import data
from keras_seqattn.data.batches import Batches
from keras_seqattn.testing import check_error
from keras_seqattn.training.doctor import diagnosis
from keras_seqattn.training.recipe.reading import check
from keras_seqattn.training.recipe.recipe import Recipe
from keras_seqattn.training.tasks import classifier

PIL = pytest.importorskip("PIL.Image")
BACKEND = keras.backend.backend()
on_tensorflow = pytest.mark.skipif(BACKEND != "tensorflow", reason="an op of TensorFlow")


@pytest.fixture
def source(tmp_path, rng):
    """Two classes of 20 noisy pictures."""
    for name in ("first", "second"):
        folder = tmp_path / "data" / "train" / name
        folder.mkdir(parents=True)
        for i in range(20):
            pixels = rng.integers(0, 256, size=(16, 16, 3), dtype="uint8")
            PIL.fromarray(pixels).save(folder / f"{i}.png")
    return f"folder:{tmp_path}/data"


def _recipe(source, dtype="float32", **train):
    return Recipe.model_validate({
        "model": {"size": "nano", "patch_size": 8, "image_shape": (16, 16, 3), "num_layers": 1,
                  "num_heads": 2, "embed_dim": 128, "mlp_dim": 128, "pooling": "mean",
                  "dropout": 0.1, "dtype": dtype},
        "data": {"source": source, "validation": 0.2, "augment": ("flip", "mixup")},
        "train": {"epochs": 2, "batch_size": 16, **train}})


def _errors(findings):
    return [finding for finding in findings if finding.severity == "error"]


class _Faulty(keras.layers.Layer):
    """Calls a function that Keras is not to look into."""

    def __init__(self, function):
        super().__init__(name="faulty")
        self._function = function

    def call(self, inputs):
        return self._function(inputs)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, inputs.dtype)


def _check(function, training=True):
    """Findings of a step of a model that calls `function` between two layers."""
    inputs = keras.Input((5,))
    x = keras.layers.Dense(5, name="before")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(3, name="after")(_Faulty(function)(x)))
    model.compile("sgd", "mse", jit_compile=True)
    batch = (np.ones((7, 5), "float32"), np.ones((7, 3), "float32"), np.ones(7, "float32"))
    classifier.CLASSIFIER.build_state(model, batch)
    return diagnosis.check_step(model, batch, training)


def test_a_recipe_that_a_tpu_can_run(source):
    """It only gives each of 8 replicas few examples."""
    findings = diagnosis.examine(_recipe(source))
    assert _errors(findings) == []
    assert [finding.where for finding in findings] == ["train.batch_size"]
    assert findings[0].fix == "use train.batch_size=64"


def test_every_kind_of_training_step_compiles(source, monkeypatch):
    """Here with images that stay on the disk, which is noted."""
    monkeypatch.setattr(data.sources, "IN_MEMORY", 0)
    settings = {"accumulate": 2, "average": 0.9, "lora_rank": 2, "clip_norm": None}
    findings = diagnosis.examine(_recipe(source, "mixed_bfloat16", **settings), replicas=2)
    assert _errors(findings) == []
    assert "data.source" in [finding.where for finding in findings]


def test_a_batch_that_the_replicas_do_not_divide(source):
    findings = _errors(diagnosis.examine(_recipe(source, batch_size=21)))
    assert [(finding.where, finding.fix) for finding in findings] == [
        ("train.batch_size", "use train.batch_size=24")]
    assert "21" in findings[0].what


def test_float16_is_told_to_be_bfloat16(source):
    findings = _errors(diagnosis.examine(_recipe(source, "mixed_float16"), replicas=2))
    assert [finding.fix for finding in findings] == ["use model.dtype=mixed_bfloat16"]


def test_a_trained_model_is_examined_too(source, tmp_path):
    recipe = _recipe(source)
    recipe.model.build(5).save(tmp_path / "start.keras")
    findings = diagnosis.examine(check({
        "model": {"architecture": "trained", "weights": str(tmp_path / "start.keras"),
                  "image_shape": (16, 16, 3)},
        "data": {"source": source}, "train": {"epochs": 2, "batch_size": 16}}), replicas=2)
    assert findings == []


def test_batches_of_many_shapes_are_refused():
    recipe = check({
        "model": {"architecture": "transformer", "size": "nano"},
        "data": {"source": "pairs:none.tsv"}, "train": {"epochs": 2}})
    check_error(lambda: diagnosis.examine(recipe), architecture="transformer")


def test_a_clean_step_has_no_finding():
    assert _check(keras.ops.tanh) == []
    assert _check(keras.ops.tanh, training=False) == []


def _python_function(x):
    import tensorflow as tf

    return tf.ensure_shape(tf.py_function(np.tanh, [x], tf.float32), x.shape)


def _numpy_function(x):
    import tensorflow as tf

    return x + tf.ensure_shape(
        tf.numpy_function(np.tanh, [tf.stop_gradient(x)], tf.float32), x.shape)


def _in_a_loop(x):
    import tensorflow as tf

    return tf.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, _numpy_function(x)), (0, x))[1]


def _text(x):
    import tensorflow as tf

    return x + tf.cast(tf.strings.length(tf.strings.as_string(x)), tf.float32)


@on_tensorflow
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("function", "op"), [
    (_python_function, "EagerPyFunc"), (_numpy_function, "PyFunc"), (_in_a_loop, "PyFunc"),
    (_text, "AsString")])
def test_an_op_that_runs_on_the_host(function, op, training):
    finding = _check(function, training)[0]
    assert finding.what.startswith(op)
    assert "layer faulty" in finding.where
    assert "test_diagnosis.py" in finding.where


def _boolean_mask(x):
    import tensorflow as tf

    return x + tf.reduce_sum(tf.boolean_mask(x, x > 0))


def _unique(x):
    import tensorflow as tf

    return x + tf.cast(tf.size(tf.unique(tf.reshape(x, [-1]))[0]), tf.float32)


@on_tensorflow
@pytest.mark.parametrize(("function", "op"), [(_boolean_mask, "Where"), (_unique, "Unique")])
def test_a_shape_that_depends_on_values(function, op):
    finding = _check(function)[0]
    assert f" {op} " in finding.what
    assert "depends on values" in finding.what
    assert "layer faulty" in finding.where


def _count(x):
    counts = keras.ops.bincount(keras.ops.cast(keras.ops.abs(x) > 1, "int32"), minlength=3)
    return x + keras.ops.cast(keras.ops.sum(counts), "float32")


@on_tensorflow
def test_counts_have_a_length_that_xla_knows():
    assert not any("depends on values" in finding.what for finding in _check(_count))


@on_tensorflow
def test_float64(rng):
    finding, = _check(lambda x: keras.ops.cast(
        keras.ops.cast(x, "float64") * rng.normal(size=5), "float32"))
    assert "float64" in finding.what
    assert "layer faulty" in finding.where


@on_tensorflow
def test_what_only_the_compiler_finds():
    """An axis that is no constant leaves every shape known, and still XLA must know it."""
    import tensorflow as tf

    finding, = _check(lambda x: tf.cumsum(x, tf.cast(tf.reduce_sum(x), tf.int32) % 2))
    assert "XLA does not compile" in finding.what
    assert "faulty" in finding.where


@pytest.mark.skipif(BACKEND != "jax", reason="an op of JAX")
def test_a_callback_on_jax():
    import jax

    def function(x):
        return x + jax.pure_callback(
            np.tanh, jax.ShapeDtypeStruct(x.shape, x.dtype), jax.lax.stop_gradient(x))

    finding, = _check(function)
    assert finding.what.startswith("pure_callback")
    assert "test_diagnosis.py" in finding.where


class _Uneven(Batches):
    def __getitem__(self, index):
        batch = super().__getitem__(index)
        return batch if index < self.steps_per_epoch - 1 else tuple(a[:1] for a in batch)


class _Mixed(Batches):
    def __getitem__(self, index):
        images, labels, weights = super().__getitem__(index)
        return images.astype("float64" if index == 2 else "float32"), labels, weights


def test_batches_of_uneven_shape(source):
    examples = data.load(source)
    assert diagnosis.check_batches(Batches(examples, 7, seed=0)) == []
    uneven, = diagnosis.check_batches(_Uneven(examples, 7))
    assert uneven.where == "batch 5 of 6"
    assert "float32[1, 16, 16, 3]" in uneven.what
    other, = diagnosis.check_batches(_Mixed(examples, 7), "validation batch")
    assert other.where == "validation batch 2 of 6"
    assert "float64[7, 16, 16, 3]" in other.what


def test_validation_batches_are_looked_at_too(source, monkeypatch):
    monkeypatch.setattr(classifier, "Batches", lambda *arguments, **others: (
        Batches if len(arguments) > 2 else _Uneven)(*arguments, **others))
    findings = _errors(diagnosis.examine(_recipe(source, batch_size=4), replicas=2))
    assert [finding.where for finding in findings] == ["validation batch 1 of 2"]


def test_padding_by_hand():
    """16×130 lies in 2·2 tiles of 8×128, or turned in 17·1: 4096 numbers, 2080 of them own."""
    model = keras.Sequential([keras.Input((16,)), keras.layers.Dense(130, name="wide")])
    note, = diagnosis.check_padding(model)
    assert note.severity == "note"
    assert note.what.startswith(f"{(4096 - 2080) / 4096:.0%} of the matrices")
    assert "wide/kernel" in note.where
    even = keras.Sequential([keras.Input((8,)), keras.layers.Dense(256)])
    assert diagnosis.check_padding(even) == []


def test_pytorch_has_no_xla(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    check_error(lambda: diagnosis.check_step(None, ()), backend="torch")
