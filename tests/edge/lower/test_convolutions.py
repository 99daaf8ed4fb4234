"""A BiT on the edge: constant kernels, ranks up to 4, the numbers of Keras."""

import keras
import numpy as np
import pytest
from keras_models import fill

from keras_seqattn import edge, layers, models
from keras_seqattn.edge.graph.kinds import KINDS
from keras_seqattn.edge.lower.trace import lower

SHAPE = (33, 32, 3)  # one side is odd, one is not, where a stride pads otherwise


@pytest.fixture(scope="module")
def bit():
    return fill(models.bit("r50x1", SHAPE, 7, num_layers=(1, 2), width=12, num_groups=4))


def test_a_kernel_is_standardised_once_and_exactly():
    x = keras.Input((9, 7, 3), name="x")
    layer = layers.StandardizedConv2D(5, 3, epsilon=0.01)
    model = fill(keras.Model(x, layer(x)))
    node, = lower(model, dtype="float64").nodes
    kernel = keras.ops.convert_to_numpy(layer.kernel).astype("float64")
    expected = (kernel - kernel.mean((0, 1, 2))) / np.sqrt(kernel.var((0, 1, 2)) + 0.01)
    np.testing.assert_allclose(node.weights["kernel"], expected, atol=1e-14, rtol=0)


def test_a_norm_over_groups_is_that_of_keras(rng):
    """Also far from zero, where a variance as a difference of squares would be lost."""
    x = (100 + rng.normal(size=(2, 5, 3, 6))).astype("float32")
    layer = keras.layers.GroupNormalization(3, epsilon=1e-5)
    groups = x.reshape(2, 15, 3, 2).astype("float64")
    groups = (groups - groups.mean((1, 3), keepdims=True)) / np.sqrt(
        groups.var((1, 3), keepdims=True) + 1e-5)
    actual = KINDS["group_norm"].compute(x, num_groups=3, epsilon=1e-5)
    np.testing.assert_allclose(actual, groups.reshape(x.shape), atol=1e-4)
    np.testing.assert_allclose(layer(x), actual, atol=1e-3)


def test_nothing_of_a_bit_is_left(bit):
    graph = lower(bit)
    assert graph.notes == []
    assert "call" not in {node.kind for node in graph.nodes}


@pytest.mark.parametrize("layer", [
    keras.layers.MaxPooling2D(2, padding="same"), keras.layers.MaxPooling2D((3, 2), (1, 2)),
    keras.layers.ZeroPadding2D(((1, 2), (0, 3))), keras.layers.ReLU(), keras.layers.ReLU(6.0),
    keras.layers.ReLU(negative_slope=0.1), keras.layers.GlobalAveragePooling2D(keepdims=True),
    keras.layers.GroupNormalization(3, axis=1), keras.layers.GroupNormalization(2, scale=False),
], ids=str)
def test_layers_of_keras_in_all_their_forms(rng, layer):
    images = keras.Input((9, 7, 4), name="x")
    x = rng.normal(size=(2, 9, 7, 4)).astype("float32")
    model = fill(keras.Model(images, layer(images)))
    made, = lower(model).run_all({"x": x}).values()
    np.testing.assert_allclose(made, model(x), atol=1e-5)


@pytest.mark.edge
def test_a_float_file_is_keras(bit, tmp_path, rng):
    report = edge.export(bit, tmp_path / "bit.tflite", precision="float32")
    assert report.max_rank <= 4
    assert not report.flex_ops
    assert report.ops["CONV_2D"] == 1 + 3 * 3 + 2                   # the last two project
    images = rng.normal(size=(1, *SHAPE)).astype("float32")
    made = edge.load(tmp_path / "bit.tflite", threads=1)({"images": images})
    expected = keras.ops.convert_to_numpy(bit(images))
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(made, expected, atol=1e-5)


@pytest.mark.edge
@pytest.mark.parametrize("precision", ["dynamic_wi8_afp32", "static_wi8_ai8"])
def test_integers_agree(bit, tmp_path, rng, precision):
    """`export` itself holds the file to the tolerance of its precision, or raises."""
    images = rng.normal(size=(64, *SHAPE)).astype("float32")
    report = edge.export(bit, tmp_path / "bit.tflite", precision=precision, calibration=images)
    assert report.max_rank <= 4
    assert not report.flex_ops
    run = edge.load(tmp_path / "bit.tflite", threads=1)
    made = np.concatenate([run({"images": image[None]}) for image in images[:32]])
    expected = keras.ops.convert_to_numpy(bit(images[:32]))
    assert (made.argmax(-1) == expected.argmax(-1)).mean() >= 0.9


@pytest.mark.parametrize(("kwargs", "kind"), [
    ({"size": (2, 3)}, "repeat"), ({"interpolation": "bilinear"}, "resize")])
def test_up_sampling_stays_within_rank_4(rng, kwargs, kind):
    x = keras.Input((5, 7, 3), name="x")
    model = keras.Model(x, keras.layers.UpSampling2D(**kwargs)(x))
    graph = lower(model)
    assert [node.kind for node in graph.nodes] == [kind]
    images = rng.normal(size=(2, 5, 7, 3)).astype("float32")
    np.testing.assert_array_equal(
        next(iter(graph.run_all({"x": images}).values())), model(images))
