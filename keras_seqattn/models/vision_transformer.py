"""Vision Transformer: an image read as a sequence of patches.

Paper: Dosovitskiy et al. 2021, section 3.1. Its table 1 has base, large and huge. Table 1 of
Touvron et al. 2021 has tiny and small. The head starts at zero, as in the authors' code.

Deviations:

- `pooling="mean"` has no class token (Beyer et al. 2022).
- `nano` is ours, for 64×64 images and tests.
"""

import typing
from collections.abc import Sequence

import keras

from keras_seqattn.errors import check_count, explain, nearest
from keras_seqattn.layers import (
    AttentionPooling,
    ClassToken,
    ConvStem,
    FirstTokens,
    LearnedPositionEmbedding,
    LocalityEncoderBlock,
    PatchEmbedding,
    PositionalEncoding,
    ResidualStem,
    ShiftedPatchEmbedding,
    TransformerEncoderBlock,
)
from keras_seqattn.models.pixels import ImageShape, image_input

# size: (num_layers, num_heads, embed_dim, mlp_dim)
SIZES = {
    "nano": (6, 4, 128, 512),
    "tiny": (12, 3, 192, 768),
    "small": (12, 6, 384, 1536),
    "base": (12, 12, 768, 3072),
    "large": (24, 16, 1024, 4096),
    "huge": (32, 16, 1280, 5120),
}
STEMS = {"patch": PatchEmbedding, "conv": ConvStem, "shifted": ShiftedPatchEmbedding,
         "resnet": ResidualStem}
POOLINGS = ("token", "mean", "map", "none")
POSITIONS = ("learned", "sinusoidal")


def vit(size: str, patch_size: int = 16, image_shape: ImageShape = (224, 224, 3),
        num_classes: int = 1000, *, stem: str = "patch", pooling: str = "token",
        position: str = "learned", pixel_mean: Sequence[float] | None = None,
        pixel_std: Sequence[float] | None = None, dropout: float = 0.0,
        attention_dropout: float = 0.0, drop_path: float = 0.0, epsilon: float = 1e-6,
        num_layers: int | None = None, num_heads: int | None = None,
        embed_dim: int | None = None, mlp_dim: int | None = None,
        class_token: bool | None = None, num_registers: int = 0, distillation: bool = False,
        prefix_positions: bool = True, grid: tuple[int, int] | None = None,
        interpolation: str = "bilinear", layer_scale: float | None = None,
        use_qkv_bias: bool = True, activation: str | typing.Callable = "gelu",
        norm_after_pooling: bool = False, representation_dim: int | None = None,
        locality: bool = False, dtype: str | keras.DTypePolicy | None = None,
        seed: int | None = None, name: str = "vit") -> keras.Model:
    """Builds a Vision Transformer that classifies images.

    Args:
        size: A key of `SIZES`, from `nano` to `huge`.
        patch_size: Side `P` of a square patch, in pixels. It divides height and width.
        image_shape: `(height, width, channels)`, in pixels. Height and width may be `None`, with
            a `grid`: the model then takes images of any size.
        num_classes: Number of logits. With 0 the model returns features.
        stem: What makes tokens of pixels. `"patch"` is one linear map of each patch, as in the
            paper, and `"resnet"` the paper's hybrid (`ResidualStem`). For small data sets there
            are `"conv"` (`ConvStem`) and `"shifted"` (`ShiftedPatchEmbedding`).
        pooling: What the head reads. `"token"` is the class token and `"mean"` the average of all
            patches. `"map"` is `AttentionPooling` over all tokens, and `"none"` keeps them all.
        position: `"learned"` vectors or fixed 2-D `"sinusoidal"` waves.
        pixel_mean: Mean of each channel over the training images in `[-1, 1]`. Given this and
            `pixel_std`, the model standardises its input. So faint images train as fast.
        pixel_std: Standard deviation of each channel, as `pixel_mean`.
        dropout: Share dropped after embedding and in each block, in `[0, 1)`.
        attention_dropout: Share of attention scores dropped, in `[0, 1)`.
        drop_path: Share of examples that skip the last block's branches, in `[0, 1)`. Earlier
            blocks skip linearly less (Huang et al. 2016).
        epsilon: Added to the variance in the norms.
        num_layers: Number of blocks `L` in place of the size's.
        num_heads: Number of heads `N` in place of the size's.
        embed_dim: Width `D` in place of the size's.
        mlp_dim: Inner width `F` in place of the size's.
        class_token: Whether there is a class token. Defaults to whether it is pooled.
        num_registers: Number of register tokens, between the class token and the patches.
        distillation: Whether a second token learns from a teacher, by a head of its own. The
            model returns the mean of both heads, and `distillation_heads` each of them.
        prefix_positions: Whether class and register tokens have learned positions too.
        grid: `(GH, GW)` of the learned positions. Defaults to that of `image_shape`.
        interpolation: How positions reach another grid, as in `layers.grid.resize_grid`.
        layer_scale: First value of the factors that end each branch. `None` has none.
        use_qkv_bias: Whether query, key and value have biases.
        activation: Name or function inside the feed-forward networks.
        norm_after_pooling: Whether the last norm stands behind the pooling.
        representation_dim: Width of a dense layer with tanh before the head. `None` has none.
        locality: Whether attention is `LocalityAttention`, for small data sets.
        dtype: Dtype policy of the layers, for example `"mixed_bfloat16"`.
        seed: Seed of the dropouts. `None` draws one.
        name: Name of the model.

    Returns:
        A functional `keras.Model`:

        - In: float images in `[-1, 1]`, `(B, height, width, channels)`.
        - Out: logits, `(B, num_classes)`. Without classes, features, `(B, D)`. Without pooling,
          one row for each token.

    Raises:
        ValueError: `size`, `stem`, `pooling` or `position` is not known.
        ValueError: `patch_size` does not divide the image, or `num_heads` the width.
        ValueError: a rate lies outside `[0, 1)`.
        ValueError: `pixel_mean` and `pixel_std` have not one number for each channel.
        ValueError: a part needs another part that is missing.

    >>> vit("nano", patch_size=8, image_shape=(64, 64, 3), num_classes=10).output_shape
    (None, 10)
    """
    _check_names(size=(size, SIZES), stem=(stem, STEMS), pooling=(pooling, POOLINGS),
                 position=(position, POSITIONS))
    num_layers, num_heads, embed_dim, mlp_dim = (
        default if given is None else given for given, default in zip(
            (num_layers, num_heads, embed_dim, mlp_dim), SIZES[size], strict=True))
    check_count(num_layers=num_layers)
    if num_classes != 0:
        check_count(num_classes=num_classes)
    class_token = pooling == "token" if class_token is None else class_token
    _check_class_token(class_token, pooling, distillation, num_classes)
    own_grid = _own_grid(image_shape, patch_size, position, grid)
    num_class_tokens = class_token + distillation

    images, x = image_input(image_shape, pixel_mean, pixel_std, dtype)
    x = STEMS[stem](patch_size, embed_dim, name="patches", dtype=dtype)(x)
    x = _with_prefix_and_positions(
        x, images, num_class_tokens, num_registers, position, prefix_positions, grid or own_grid,
        own_grid, interpolation, dtype)
    x = keras.layers.Dropout(dropout, seed=seed, name="dropout", dtype=dtype)(x)
    block = LocalityEncoderBlock if locality else TransformerEncoderBlock
    for i in range(num_layers):
        x = block(
            num_heads, mlp_dim, dropout=dropout, attention_dropout=attention_dropout,
            drop_path=drop_path * i / max(num_layers - 1, 1), epsilon=epsilon, seed=seed,
            activation=activation, layer_scale=layer_scale,
            use_qkv_bias=None if use_qkv_bias else False, name=f"block_{i}", dtype=dtype)(x)

    norm = keras.layers.LayerNormalization(epsilon=epsilon, name="norm", dtype=dtype)
    norm_after_pooling = norm_after_pooling and pooling != "token"  # where it is the same
    if not norm_after_pooling:
        x = norm(x)
    second = None
    if pooling == "token":
        x, second = _class_tokens(x, num_class_tokens, distillation, dtype)
    elif pooling == "mean":
        x = _mean_of_patches(x, num_class_tokens + num_registers, dtype)
    elif pooling == "map":
        x = AttentionPooling(num_heads, mlp_dim, activation=activation, epsilon=epsilon,
                             name="pool", dtype=dtype)(x)
    if norm_after_pooling:
        x = norm(x)
    return keras.Model(
        images, _logits(x, second, num_classes, representation_dim, dtype), name=name)


def _check_names(**names):
    for field, (value, known) in names.items():
        if value not in known:
            raise ValueError(explain(
                f"`{field}` is not known", **{field: value}, fix=nearest(value, known)))


def _check_class_token(class_token, pooling, distillation, num_classes):
    if (pooling == "token" or distillation) and not class_token:
        raise ValueError(explain(
            "a class token is needed where it is pooled or distilled", pooling=pooling,
            distillation=distillation, class_token=class_token, fix="leave class_token out"))
    if distillation and num_classes and pooling != "token":
        raise ValueError(explain(
            "a distilled model must read its classes from tokens", pooling=pooling,
            distillation=distillation, fix='pass pooling="token"'))


def _own_grid(image_shape, patch_size, position, grid):
    """Returns `(GH, GW)` of the patches, or `None` where images have any size."""
    if None not in image_shape[:2]:
        return image_shape[0] // patch_size, image_shape[1] // patch_size
    if grid is None or position != "learned":
        raise ValueError(explain(
            "images of any size need learned positions and the `grid` that these are made for",
            image_shape=tuple(image_shape), position=position, grid=grid,
            fix="pass grid=(rows, columns) of patches, or fix the height and width"))
    return None


def _with_prefix_and_positions(x, images, num_class_tokens, num_registers, position,
                               prefix_positions, grid, own_grid, interpolation, dtype):
    """Puts class and register tokens before the patches, and adds the positions of all."""
    def put_prefix(x):
        if num_registers:
            x = ClassToken(keras.initializers.RandomNormal(stddev=0.02), num_registers,
                           name="registers", dtype=dtype)(x)
        if num_class_tokens:
            x = ClassToken(num_tokens=num_class_tokens, name="class_token", dtype=dtype)(x)
        return x

    if position == "sinusoidal":
        return put_prefix(PositionalEncoding(grid=own_grid, name="positions", dtype=dtype)(x))
    num_placed = num_class_tokens + num_registers if prefix_positions else 0
    x = put_prefix(x) if prefix_positions else x
    positions = LearnedPositionEmbedding(
        grid=grid, num_prefix=num_placed, interpolation=interpolation, name="positions",
        dtype=dtype)
    x = positions(x) if grid == own_grid else positions(x, images=images)
    return x if prefix_positions else put_prefix(x)


def _class_tokens(x, num_class_tokens, distillation, dtype):
    """Returns the class token, `(B, D)`, and the distillation token, `(B, 1, D)` or `None`."""
    x, second = FirstTokens(num_class_tokens, name="first", dtype=dtype)(x), None
    if distillation:
        second = keras.layers.Cropping1D((1, 0), name="second", dtype=dtype)(x)
        x = FirstTokens(name="class", dtype=dtype)(x)
    return keras.layers.Flatten(name="pool", dtype=dtype)(x), second


def _mean_of_patches(x, num_prefix, dtype):
    if num_prefix:
        x = keras.layers.Cropping1D((num_prefix, 0), name="without_prefix", dtype=dtype)(x)
    return keras.layers.GlobalAveragePooling1D(name="pool", dtype=dtype)(x)


def _logits(x, second, num_classes, representation_dim, dtype):
    """Turns features into logits, those of two heads into their mean."""
    if representation_dim is not None:
        x = keras.layers.Dense(
            representation_dim, activation="tanh", name="pre_logits", dtype=dtype)(x)
    if not num_classes:
        return x
    x = _head("logits", num_classes)(x)
    if second is None:
        return x
    second = keras.layers.Flatten(name="distillation_pool", dtype=dtype)(second)
    return keras.layers.Average(name="mean_logits", dtype="float32")(
        [x, _head("distillation_logits", num_classes)(second)])


def _head(name, num_classes):
    return keras.layers.Dense(num_classes, kernel_initializer="zeros", dtype="float32", name=name)
