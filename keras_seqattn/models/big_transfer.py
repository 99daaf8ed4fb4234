"""BiT, "Big Transfer": a residual network of standardised kernels and norms over groups.

Paper: Kolesnikov et al. 2020, section 3.3. The sizes are those of its published weights: `r101x3`
has the blocks of a ResNet-101 and three times its width. The blocks of each stage stand in table 1
of He et al. 2016. The head starts at zero.
"""

from collections.abc import Sequence

import keras

from keras_seqattn.errors import check_count, explain, nearest
from keras_seqattn.layers.residual import trunk
from keras_seqattn.models.pixels import ImageShape, image_input
from keras_seqattn.plain import plain_numbers

# size: (num_layers of each stage, width)
SIZES = {
    "r50x1": ((3, 4, 6, 3), 64),
    "r50x3": ((3, 4, 6, 3), 192),
    "r101x1": ((3, 4, 23, 3), 64),
    "r101x3": ((3, 4, 23, 3), 192),
    "r152x2": ((3, 8, 36, 3), 128),
    "r152x4": ((3, 8, 36, 3), 256),
}


@plain_numbers
def bit(size: str, image_shape: ImageShape = (224, 224, 3), num_classes: int = 1000, *,
        num_layers: Sequence[int] | None = None, width: int | None = None,
        filters: Sequence[int] | None = None, num_groups: int = 32, kernel_epsilon: float = 1e-10,
        pixel_mean: Sequence[float] | None = None, pixel_std: Sequence[float] | None = None,
        dtype: str | keras.DTypePolicy | None = None, name: str = "bit") -> keras.Model:
    """Builds a BiT that classifies images.

    Args:
        size: A key of `SIZES`, such as `r50x1` or `r152x4`.
        image_shape: `(height, width, channels)`, in pixels. Height and width may be `None`: the
            model then takes images of any size.
        num_classes: Number of logits. With 0 the model returns features.
        num_layers: Blocks of each stage in place of the size's, for any number of stages.
        width: Channels of the first convolution in place of the size's.
        filters: Output channels of each stage. By default they are `4·width` in the first stage
            and double from stage to stage.
        num_groups: Number of groups of channels that are normalised together. It divides `width`
            and a quarter of each of `filters`.
        kernel_epsilon: Added to the variance of each kernel.
        pixel_mean: Mean of each channel over the training images in `[-1, 1]`. Given this and
            `pixel_std`, the model standardises its input.
        pixel_std: Standard deviation of each channel, as `pixel_mean`.
        dtype: Dtype policy of the layers, for example `"mixed_bfloat16"`.
        name: Name of the model.

    Returns:
        A functional `keras.Model` from float images in `[-1, 1]` to logits. The images are
        `(B, height, width, channels)` and the logits `(B, num_classes)`. Without classes it
        returns features, `(B, filters[-1])`.

    Raises:
        ValueError: `size` is not known.
        ValueError: a number is below 1.
        ValueError: `filters` has not one entry for each stage.
        ValueError: `num_groups` does not divide a width.
        ValueError: `pixel_mean` and `pixel_std` have not one number for each channel.

    >>> bit("r50x1", (64, 48, 3), 10, num_layers=(1, 1), width=8, num_groups=4).output_shape
    (None, 10)
    """
    if size not in SIZES:
        raise ValueError(explain("`size` is not known", size=size, fix=nearest(size, SIZES)))
    own_layers, own_width = SIZES[size]
    num_layers = own_layers if num_layers is None else num_layers
    width = own_width if width is None else width
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
    for layer in trunk(num_layers, width, filters, num_groups, dtype, kernel_epsilon):
        x = layer(x)
    x = keras.layers.GroupNormalization(num_groups, epsilon=1e-5, dtype=dtype, name="norm")(x)
    x = keras.layers.ReLU(dtype=dtype, name="activation")(x)
    x = keras.layers.GlobalAveragePooling2D(
        data_format="channels_last", dtype=dtype, name="pool")(x)
    if num_classes:
        x = keras.layers.Dense(
            num_classes, kernel_initializer="zeros", dtype="float32", name="logits")(x)
    return keras.Model(images, x, name=name)
