"""`keras_seqattn.training.doctor.refused`: each row of its table is held against TensorFlow."""

import keras
import numpy as np
import pytest

from keras_seqattn import borrowed
from keras_seqattn.data.augment import AUGMENTATIONS
from keras_seqattn.training.doctor import loans, refused, traced

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="TensorFlow alone has such a list")

ARGUMENTS = {
    "RandomTranslation": (0.1, 0.1), "RandomRotation": (0.1,), "RandomZoom": (0.1,),
    "RandomShear": (0.1,), "RandomCrop": (11, 13), "Resizing": (11, 13), "RandomContrast": (0.1,),
    "RandomBrightness": (0.1,)}


def _layer(kind, **keywords):
    return getattr(keras.layers, kind)(*ARGUMENTS.get(kind, ()), **keywords)


def _suspects(layer):
    """Kinds of ops that the list lacks, or whose shapes depend on values."""
    import tensorflow as tf

    trained = {"training": True} if borrowed.takes_training(layer) else {}
    function = tf.function(lambda x: layer(x, **trained), autograph=False)
    # Pairs of pictures, since some layers mix them.
    graph = function.get_concrete_function(tf.zeros((2, 17, 19, 3))).graph
    known = {*loans.xla_kernels(), "Placeholder"}
    return {op.type for op in traced._operations(graph) if op.type not in known
            or (any(map(traced._open, op.outputs)) and not any(map(traced._open, op.inputs)))}


@pytest.mark.parametrize("kind", refused.INSTEAD)
def test_a_layer_of_the_table_is_refused(kind):
    layer = _layer(kind, name="own")
    assert _suspects(layer)
    found, = refused.augmentations(keras.Sequential([layer]))
    assert found.where == "layer own"
    assert found.what.startswith(kind)
    assert refused.INSTEAD[kind] in AUGMENTATIONS


@pytest.mark.parametrize("kind", [
    "RandomFlip", "RandomContrast", "RandomBrightness", "RandomGrayscale", "RandomErasing",
    "Resizing"])
def test_a_layer_that_is_not_in_the_table_is_taken(kind):
    layer = _layer(kind)
    assert not _suspects(layer)
    assert refused.augmentations(keras.Sequential([layer])) == []


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest", *refused.RESIZING])
def test_resizing_is_refused_by_its_interpolation(interpolation):
    layer = _layer("Resizing", interpolation=interpolation)
    found = refused.augmentations(keras.Sequential([layer]))
    assert bool(_suspects(layer)) == bool(found) == (interpolation in refused.RESIZING)


def test_layers_inside_of_others_are_found():
    inner = keras.Sequential([keras.Input((17, 19, 3)), keras.layers.RandomZoom(0.1, name="near")])
    model = keras.Sequential([keras.Input((17, 19, 3)), inner, keras.layers.Flatten()])
    assert [found.where for found in refused.augmentations(model)] == ["layer near"]


def _batch(*shape):
    return np.ones((2, *shape), "float32"), np.ones((2, 3), "float32"), np.ones(2, "float32")


def _compiled(*layers):
    model = keras.Sequential([*layers, keras.layers.Dense(3)])
    model.compile("sgd", "mse")
    return model


def test_ops_are_named_with_their_layer():
    model = _compiled(keras.Input((17, 19, 3)), keras.layers.RandomRotation(0.1, name="turn"),
                      keras.layers.Flatten())
    batch = _batch(17, 19, 3)
    borrowed.build_with(model, batch)
    found, = refused.ops(model, batch)
    assert found.what == "ImageProjectiveTransformV3 does not compile for TPUs"
    assert found.where.startswith("layer turn, op ")
    assert refused.ops(model, batch, training=False) == []


def test_numbers_that_tpus_lack():
    class Turned(keras.layers.Layer):
        def call(self, inputs):
            import tensorflow as tf

            turned = tf.cast(inputs, "complex128") * tf.constant(1j, "complex128")
            return tf.cast(tf.math.real(turned), "float32")

    model, batch = _compiled(keras.Input((5,)), Turned()), _batch(5)
    borrowed.build_with(model, batch)
    assert refused.ops(model, batch)[0].what == "numbers are complex128, which TPUs lack"


def test_the_list_for_cpus_stands_in_for_that_for_tpus():
    """Where `tensorflow-tpu` is installed, the list for TPUs is its own."""
    known = loans.tpu_kernels()
    if not known:
        pytest.skip("tensorflow-tpu is not installed")
    assert loans.xla_kernels() <= known
    assert not {"ImageProjectiveTransformV3", "StatelessRandomGammaV3", "ResizeBicubic"} & known
