"""Every architecture of `keras.applications`, of the smallest pictures that it takes."""

import keras
import numpy as np

NUM_CLASSES = 7
# What a norm divides by. Where more than a hundred blocks amplify a rounding, outputs of two exact
# computations differ: an input moved by 1e-6 moved the logits of EfficientNetV2M by a third.
VARIANCE, CALMING = (0.7, 1.3), {"EfficientNetV2M": (0.9, 1.5), "EfficientNetV2L": (1.0, 1.6)}
FAMILIES = {
    "convnext": ["ConvNeXtTiny", "ConvNeXtSmall", "ConvNeXtBase", "ConvNeXtLarge",
                 "ConvNeXtXLarge"],
    "densenet": ["DenseNet121", "DenseNet169", "DenseNet201"],
    "efficientnet": [f"EfficientNetB{size}" for size in range(8)],
    "efficientnet_v2": [
        f"EfficientNetV2{size}" for size in ("B0", "B1", "B2", "B3", "S", "M", "L")],
    "inception": ["InceptionV3"],
    "inception_resnet": ["InceptionResNetV2"],
    "mobilenet": ["MobileNet"],
    "mobilenet_v2": ["MobileNetV2"],
    "mobilenet_v3": ["MobileNetV3Small", "MobileNetV3Large"],
    "nasnet": ["NASNetMobile", "NASNetLarge"],
    "resnet": ["ResNet50", "ResNet101", "ResNet152"],
    "resnet_v2": ["ResNet50V2", "ResNet101V2", "ResNet152V2"],
    "vgg": ["VGG16", "VGG19"],
    "xception": ["Xception"],
}
SIDES = {"InceptionV3": 75, "InceptionResNetV2": 75, "Xception": 71}


def build(name):
    """An architecture with random weights that keep the size of what passes."""
    side = SIDES.get(name, 32)
    keras.utils.set_random_seed(7)
    model = getattr(keras.applications, name)(
        weights=None, input_shape=(side, side, 3), classes=NUM_CLASSES, classifier_activation=None)
    rng = np.random.default_rng(7)
    for weight in model.weights:
        kind = weight.path.rsplit("/", 1)[-1]
        if kind == "moving_variance":
            weight.assign(rng.uniform(*CALMING.get(name, VARIANCE), weight.shape))
        elif kind == "gamma" and "layer_scale" not in weight.path:
            weight.assign(rng.uniform(0.7, 1.3, weight.shape))
        elif kind in ("moving_mean", "beta", "bias"):
            weight.assign(rng.normal(scale=0.1, size=weight.shape))
    return model


def examples(model, seed=3):
    """One picture, as the model's own input layer scales pixels or not."""
    rng = np.random.default_rng(seed)
    return {tensor.name: rng.uniform(0, 255 if _rescales(model) else 1, (1, *tensor.shape[1:]))
            .astype("float32") for tensor in model.inputs}


def _rescales(model):
    return any(isinstance(layer, keras.layers.Rescaling) for layer in model.layers)
