"""BiT, "Big Transfer": a residual network of standardised kernels and norms over groups.

Paper: Kolesnikov et al. 2020, section 3.3; the sizes are those of its published weights, where
`r101x3` has the blocks of a ResNet-101 and three times its width. He et al. 2016, table 1, has the
blocks of each stage. The head starts at zero.
"""

import keras

from keras_seqattn.errors import check_count, explain, nearest
from keras_seqattn.layers.residual import trunk
from keras_seqattn.models.pixels import image_input

# size: (num_layers of each stage, width)
SIZES = {
    "r50x1": ((3, 4, 6, 3), 64),
    "r50x3": ((3, 4, 6, 3), 192),
    "r101x1": ((3, 4, 23, 3), 64),
    "r101x3": ((3, 4, 23, 3), 192),
    "r152x2": ((3, 8, 36, 3), 128),
    "r152x4": ((3, 8, 36, 3), 256),
}


def bit(size, image_shape=(224, 224, 3), num_classes=1000, *, num_layers=None, width=None,
        filters=None, num_groups=32, pixel_mean=None, pixel_std=None, dtype=None, name="bit"):
    """Builds a BiT that classifies images.

    Args:
        size: A key of `SIZES`: r50x1, r50x3, r101x1, r101x3, r152x2 or r152x4.
        image_shape: `(height, width, channels)`, in pixels. Height and width may be `None`: the
            model then takes images of any size.
        num_classes: Number of logits; 0 for a model that returns features.
        num_layers: Blocks of each stage, any number of stages, in place of the size's.
        width: Channels of the first convolution in place of the size's.
        filters: Output channels of each stage. Defaults to 4, 8, 16, … times `width`.
        num_groups: Number of groups of channels that are normalised together; divides `width`
            and a quarter of each of `filters`.
        pixel_mean: Mean of each channel over the training images in `[-1, 1]`. If given, with
            `pixel_std`, the model standardises its input.
        pixel_std: Standard deviation of each channel, as `pixel_mean`.
        dtype: Dtype policy of the layers, for example `"mixed_bfloat16"`.
        name: Name of the model.

    Returns:
        A functional `keras.Model`: float images in `[-1, 1]`, `(B, height, width, channels)`, to
        logits, `(B, num_classes)`; without classes, to features, `(B, filters[-1])`.

    Raises:
        ValueError: an unknown size; a number below 1; not one of `filters` for each stage; widths
            that `num_groups` does not divide.

    >>> bit("r50x1", (64, 48, 3), 10, num_layers=(1, 1), width=8, num_groups=4).output_shape
    (None, 10)
    """
    if size not in SIZES:
        raise ValueError(explain("`size` is not known", size=size, fix=nearest(size, SIZES)))
    num_layers, width = (default if given is None else given for given, default in zip(
        (num_layers, width), SIZES[size], strict=True))
    if filters is None:
        filters = [4 * width << stage for stage in range(len(num_layers))]
    if not num_layers or len(filters) != len(num_layers):
        raise ValueError(explain(
            "each stage needs its number of blocks and of filters", num_layers=tuple(num_layers),
            filters=tuple(filters), fix="pass as many filters as stages, or leave them out"))
    for blocks in num_layers:
        check_count(num_layers=blocks)
    if num_classes != 0:
        check_count(num_classes=num_classes)

    images, x = image_input(image_shape, pixel_mean, pixel_std, dtype)
    for layer in trunk(num_layers, width, filters, num_groups, dtype):
        x = layer(x)
    x = keras.layers.GroupNormalization(num_groups, epsilon=1e-5, dtype=dtype, name="norm")(x)
    x = keras.layers.ReLU(dtype=dtype, name="activation")(x)
    x = keras.layers.GlobalAveragePooling2D(
        data_format="channels_last", dtype=dtype, name="pool")(x)
    if num_classes:
        x = keras.layers.Dense(
            num_classes, kernel_initializer="zeros", dtype="float32", name="logits")(x)
    return keras.Model(images, x, name=name)
