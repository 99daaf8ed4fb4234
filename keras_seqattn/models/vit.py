"""Vision Transformer: an image read as a sequence of patches.

Paper: Dosovitskiy et al. 2021, section 3.1; base, large and huge from its table 1, tiny and small
from Touvron et al. 2021, table 1. The head starts at zero, as in the authors' code. Deviations:
`pooling="mean"` (Beyer et al. 2022) has no class token; nano is ours, for 64×64 images and tests.
"""

import keras

from keras_seqattn.errors import check_count, explain, nearest
from keras_seqattn.layers import (
    ClassToken,
    ConvStem,
    LearnedPositionEmbedding,
    PatchEmbedding,
    PositionalEncoding,
    TransformerEncoderBlock,
)

# size: (num_layers, num_heads, embed_dim, mlp_dim)
SIZES = {
    "nano": (6, 4, 128, 512),
    "tiny": (12, 3, 192, 768),
    "small": (12, 6, 384, 1536),
    "base": (12, 12, 768, 3072),
    "large": (24, 16, 1024, 4096),
    "huge": (32, 16, 1280, 5120),
}
STEMS = {"patch": PatchEmbedding, "conv": ConvStem}
POOLINGS = ("token", "mean")
POSITIONS = ("learned", "sinusoidal")


def vit(size, patch_size=16, image_shape=(224, 224, 3), num_classes=1000, *, stem="patch",
        pooling="token", position="learned", pixel_mean=None, pixel_std=None, dropout=0.0,
        attention_dropout=0.0, drop_path=0.0, epsilon=1e-6, num_layers=None, num_heads=None,
        embed_dim=None, mlp_dim=None, dtype=None, seed=None, name="vit"):
    """Builds a Vision Transformer that classifies images.

    Args:
        size: A key of `SIZES`: nano, tiny, small, base, large or huge.
        patch_size: Side `P` of a square patch, in pixels; divides height and width.
        image_shape: `(height, width, channels)`, in pixels.
        num_classes: Number of logits.
        stem: What makes tokens of pixels: one linear map of each `"patch"`, the paper's, or a few
            small `"conv"`olutions (`ConvStem`), which small data sets reward.
        pooling: `"token"` reads the class from a token of its own, `"mean"` from the average of
            all patches.
        position: `"learned"` vectors or fixed 2-D `"sinusoidal"` waves.
        pixel_mean: Mean of each channel over the training images in `[-1, 1]`. If given, with
            `pixel_std`, the model standardises its input, so that faint images train as fast.
        pixel_std: Standard deviation of each channel, as `pixel_mean`.
        dropout: Share dropped after embedding and in each block, in `[0, 1)`.
        attention_dropout: Share of attention scores dropped, in `[0, 1)`.
        drop_path: Share of examples that skip the last block's branches, in `[0, 1)`; earlier
            blocks skip linearly less (Huang et al. 2016).
        epsilon: Added to the variance in the norms.
        num_layers: Number of blocks `L` in place of the size's.
        num_heads: Number of heads `N` in place of the size's.
        embed_dim: Width `D` in place of the size's.
        mlp_dim: Inner width `F` in place of the size's.
        dtype: Dtype policy of the layers, for example `"mixed_bfloat16"`.
        seed: Seed of the dropouts. `None` draws one.
        name: Name of the model.

    Returns:
        A functional `keras.Model`: float images in `[-1, 1]`, `(B, height, width, channels)`, to
        logits, `(B, num_classes)`.

    Raises:
        ValueError: an unknown size, stem, pooling or position; sizes that do not divide; a rate
            outside `[0, 1)`; a mean without a deviation, or not one of each per channel.

    >>> vit("nano", patch_size=8, image_shape=(64, 64, 3), num_classes=10).output_shape
    (None, 10)
    """
    for field, value, known in (("size", size, SIZES), ("stem", stem, STEMS),
                                ("pooling", pooling, POOLINGS), ("position", position, POSITIONS)):
        if value not in known:
            raise ValueError(explain(
                f"`{field}` is not known", **{field: value}, fix=nearest(value, known)))
    sizes = zip((num_layers, num_heads, embed_dim, mlp_dim), SIZES[size], strict=True)
    num_layers, num_heads, embed_dim, mlp_dim = (
        default if given is None else given for given, default in sizes)
    check_count(num_classes=num_classes, num_layers=num_layers)
    if len(image_shape) != 3:
        raise ValueError(explain(
            "`image_shape` must be (height, width, channels)", image_shape=tuple(image_shape),
            fix="pass three numbers, such as (224, 224, 3)"))

    x = images = keras.Input(image_shape, name="images")
    if pixel_mean is not None or pixel_std is not None:
        x = _standardise(x, pixel_mean, pixel_std, dtype)
    x = STEMS[stem](patch_size, embed_dim, dtype=dtype, name="patches")(x)
    if position == "sinusoidal":
        grid = (image_shape[0] // patch_size, image_shape[1] // patch_size)
        x = PositionalEncoding(grid=grid, dtype=dtype, name="positions")(x)
    if pooling == "token":
        x = ClassToken(dtype=dtype, name="class_token")(x)
    if position == "learned":
        x = LearnedPositionEmbedding(dtype=dtype, name="positions")(x)
    x = keras.layers.Dropout(dropout, seed=seed, dtype=dtype, name="dropout")(x)
    for i in range(num_layers):
        x = TransformerEncoderBlock(
            num_heads, mlp_dim, dropout=dropout, attention_dropout=attention_dropout,
            drop_path=drop_path * i / max(num_layers - 1, 1), epsilon=epsilon, seed=seed,
            dtype=dtype, name=f"block_{i}")(x)
    x = keras.layers.LayerNormalization(epsilon=epsilon, dtype=dtype, name="norm")(x)
    if pooling == "token":
        x = keras.layers.Cropping1D((0, x.shape[1] - 1), dtype=dtype, name="first")(x)
        x = keras.layers.Flatten(dtype=dtype, name="pool")(x)
    else:
        x = keras.layers.GlobalAveragePooling1D(dtype=dtype, name="pool")(x)
    logits = keras.layers.Dense(
        num_classes, kernel_initializer="zeros", dtype="float32", name="logits")(x)
    return keras.Model(images, logits, name=name)


def _standardise(images, mean, std, dtype):
    channels = images.shape[-1]
    if not all(statistic is not None and len(statistic) == channels for statistic in (mean, std)):
        raise ValueError(explain(
            "`pixel_mean` and `pixel_std` must have one number per channel", pixel_mean=mean,
            pixel_std=std, channels=channels, fix="pass both, or neither"))
    return keras.layers.Rescaling(
        [1 / s for s in std], [-m / s for m, s in zip(mean, std, strict=True)], dtype=dtype,
        name="standardise")(images)


def pixel_statistics(model):
    """Mean and deviation of each channel by which a `vit` standardises its images.

    Returns:
        `{"pixel_mean", "pixel_std"}` as `vit` takes them; empty if it does not standardise.
    """
    for layer in model.layers:
        if layer.name == "standardise":
            std = [1 / factor for factor in layer.scale]
            mean = [-offset * s for offset, s in zip(layer.offset, std, strict=True)]
            return {"pixel_mean": mean, "pixel_std": std}
    return {}
