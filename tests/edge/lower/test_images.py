"""`keras_seqattn.edge.lower.images`: convolutions and pooling of sequences and images."""

import keras
import numpy as np
import pytest
from keras import ops
from written import check, kinds, model_of

from keras_seqattn.edge.lower.trace import lower

pytestmark = pytest.mark.edge

K = keras.layers
STEPS, IMAGE, WIDE = (13, 6), (11, 7, 6), (6, 11, 7)
SEQUENCES = {
    "conv": K.Conv1D(5, 3), "conv-same": K.Conv1D(5, 4, strides=2, padding="same"),
    "conv-causal": K.Conv1D(5, 3, padding="causal", dilation_rate=2, activation="relu"),
    "conv-causal-strides": K.Conv1D(5, 3, padding="causal", strides=2),
    "conv-groups": K.Conv1D(4, 3, groups=2), "conv-depth": K.Conv1D(12, 3, groups=6, strides=2),
    "conv-one": K.Conv1D(5, 1, use_bias=False), "depthwise": K.DepthwiseConv1D(3),
    "depthwise-many": K.DepthwiseConv1D(3, depth_multiplier=2, strides=2, padding="same"),
    "depthwise-dilated": K.DepthwiseConv1D(3, dilation_rate=2, activation="gelu"),
    "separable": K.SeparableConv1D(5, 3, strides=2, activation="relu"),
    "transpose": K.Conv1DTranspose(5, 3), "transpose-2": K.Conv1DTranspose(5, 3, strides=2),
    "transpose-same": K.Conv1DTranspose(5, 4, strides=3, padding="same"),
    "transpose-more": K.Conv1DTranspose(5, 3, strides=2, padding="same", output_padding=1),
    "max": K.MaxPooling1D(3), "max-same": K.MaxPooling1D(3, 2, "same"),
    "average": K.AveragePooling1D(2), "average-same": K.AveragePooling1D(4, 3, "same"),
    "global-max": K.GlobalMaxPooling1D(keepdims=True), "up": K.UpSampling1D(3),
}
IMAGES = {
    "conv": K.Conv2D(5, 3), "conv-same": K.Conv2D(5, (4, 3), strides=(2, 1), padding="same"),
    "conv-gelu": K.Conv2D(5, 3, padding="same", activation="gelu"),
    "conv-dilated": K.Conv2D(5, 3, dilation_rate=(2, 1), padding="same"),
    "conv-groups": K.Conv2D(6, 3, groups=3, strides=2, activation="relu6"),
    "conv-depth": K.Conv2D(12, 3, groups=6), "depthwise": K.DepthwiseConv2D(3, strides=2),
    "depthwise-many": K.DepthwiseConv2D((3, 2), depth_multiplier=2, padding="same"),
    "depthwise-dilated": K.DepthwiseConv2D(3, dilation_rate=2, activation="relu"),
    "separable": K.SeparableConv2D(5, 3, depth_multiplier=2, activation="silu"),
    "transpose": K.Conv2DTranspose(5, 3, strides=2), "transpose-wide": K.Conv2DTranspose(5, 2, 3),
    "transpose-same": K.Conv2DTranspose(5, 3, strides=2, padding="same", activation="relu"),
    "transpose-more": K.Conv2DTranspose(5, 3, strides=2, padding="same", output_padding=1),
    "transpose-less": K.Conv2DTranspose(5, 3, strides=2, padding="valid", output_padding=0),
    "transpose-dilated": K.Conv2DTranspose(5, 3, dilation_rate=2),
    "max": K.MaxPooling2D((3, 2), (1, 2)), "max-same": K.MaxPooling2D(3, 2, "same"),
    "average": K.AveragePooling2D(2), "average-same": K.AveragePooling2D(3, 2, "same"),
    "global": K.GlobalAveragePooling2D(), "global-keep": K.GlobalAveragePooling2D(keepdims=True),
    "global-max": K.GlobalMaxPooling2D(), "up": K.UpSampling2D((2, 3)),
    "up-bilinear": K.UpSampling2D(2, interpolation="bilinear"),
}
FIRST = {
    "conv": K.Conv2D(4, 3, data_format="channels_first"),
    "max": K.MaxPooling2D(2, padding="same", data_format="channels_first"),
    "average": K.AveragePooling2D(2, padding="same", data_format="channels_first"),
    "global": K.GlobalAveragePooling2D("channels_first"),
    "global-max": K.GlobalMaxPooling2D("channels_first"),
    "up": K.UpSampling2D(2, "channels_first"),
}


@pytest.mark.parametrize("layer", SEQUENCES.values(), ids=SEQUENCES)
def test_layers_of_sequences(layer, tmp_path):
    check(model_of(layer, STEPS), tmp_path / "x.tflite")


@pytest.mark.parametrize("layer", IMAGES.values(), ids=IMAGES)
def test_layers_of_images(layer, tmp_path):
    check(model_of(layer, IMAGE), tmp_path / "x.tflite")


@pytest.mark.parametrize("name", ["max", "average", "global", "global-max", "up"])
def test_channels_first(name, tmp_path):
    """The graph's numbers are those of the layer with its channels last."""
    layer = FIRST[name]
    last = layer.__class__.from_config({**layer.get_config(), "data_format": "channels_last"})
    image = np.random.default_rng(1).normal(size=(1, *IMAGE)).astype("float32")
    model = model_of(layer, WIDE)
    graph = check_graph(model, {"x0": image.transpose(0, 3, 1, 2)})
    expected = keras.ops.convert_to_numpy(last(image))
    if expected.ndim == 4:
        expected = expected.transpose(0, 3, 1, 2)
    np.testing.assert_allclose(graph, expected, atol=1e-5)


def test_a_convolution_with_channels_first():
    layer = FIRST["conv"]
    image = np.random.default_rng(1).normal(size=(1, *IMAGE)).astype("float32")
    model = model_of(layer, WIDE)
    last = K.Conv2D(4, 3)
    last.build((1, *IMAGE))
    last.set_weights(layer.get_weights())
    made = check_graph(model, {"x0": image.transpose(0, 3, 1, 2)})
    np.testing.assert_allclose(
        made, keras.ops.convert_to_numpy(last(image)).transpose(0, 3, 1, 2), atol=1e-5)


def check_graph(model, inputs):
    """The only output of a graph of known kinds; TensorFlow's CPU knows no channels first."""
    graph = lower(model)
    assert "call" not in kinds(graph)
    return np.asarray(next(iter(graph.run(inputs).values())))


def test_a_mean_at_the_border_counts_what_is_inside(tmp_path):
    model = model_of(K.AveragePooling1D(3, 1, "same"), (3, 1))
    x = np.asarray([[[1], [2], [6]]], "float32")
    graph = check(model, tmp_path / "x.tflite", {"x0": x})
    made, = graph.run({"x0": x}).values()
    np.testing.assert_allclose(np.ravel(made), [1.5, 3, 4])


def test_the_largest_at_the_border_is_inside(tmp_path):
    x = np.full((1, 3, 1), -5, "float32")
    graph = check(model_of(K.MaxPooling1D(3, 1, "same"), (3, 1)), tmp_path / "x.tflite", {"x0": x})
    assert (np.asarray(next(iter(graph.run({"x0": x}).values()))) == -5).all()


@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"scale": 0.3}, {"mask": True},
                                     {"mask": True, "bias": True}, {"bias": True}], ids=str)
@pytest.mark.parametrize("heads", [4, 2])
def test_attention_of_heads(options, heads, tmp_path):
    mask = np.random.default_rng(1).random((1, 1, 5, 5)) < 0.5
    mask[..., 0] = True
    bias = np.random.default_rng(2).normal(size=(1, 4, 5, 5)).astype("float32")
    given = {**options, **({"mask": mask} if "mask" in options else {}),
             **({"bias": bias} if "bias" in options else {})}
    model = model_of(lambda q, k, v: ops.dot_product_attention(
        q, k, v, flash_attention=False, **given), (5, 4, 3), (5, heads, 3), (5, heads, 3))
    check(model, tmp_path / "x.tflite")


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("pool", [ops.max_pool, ops.average_pool])
def test_volumes_are_pooled_by_planes(tmp_path, pool, padding):
    """The mean of means is the mean, since what `"same"` adds is a border of each axis."""
    def function(x, data_format="channels_last"):
        return pool(x, (2, 3, 2), (2, 1, 3), padding, data_format)

    last = check(model_of(function, (5, 7, 11, 3)), tmp_path / "x.tflite")
    first = lower(model_of(lambda x: function(x, "channels_first"), (3, 5, 7, 11)))
    x = np.random.default_rng(3).normal(size=(1, 5, 7, 11, 3)).astype("float32")
    wanted, = last.run({"x0": x}).values()
    made, = first.run({"x0": np.moveaxis(x, -1, 1)}).values()
    np.testing.assert_allclose(np.moveaxis(made, 1, -1), wanted, atol=1e-6)
