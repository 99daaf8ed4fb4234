"""Vision Transformer: an image read as a sequence of patches.

Paper: Dosovitskiy et al. 2021, section 3.1; base, large and huge from its table 1, tiny and small
from Touvron et al. 2021, table 1. The head starts at zero, as in the authors' code. Deviations:
`pooling="mean"` (Beyer et al. 2022) has no class token; nano is ours, for 64×64 images and tests.
"""

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
from keras_seqattn.models.pixels import image_input

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


def vit(size, patch_size=16, image_shape=(224, 224, 3), num_classes=1000, *, stem="patch",
        pooling="token", position="learned", pixel_mean=None, pixel_std=None, dropout=0.0,
        attention_dropout=0.0, drop_path=0.0, epsilon=1e-6, num_layers=None, num_heads=None,
        embed_dim=None, mlp_dim=None, class_token=None, num_registers=0, distillation=False,
        prefix_positions=True, grid=None, interpolation="bilinear", layer_scale=None,
        use_qkv_bias=True, activation="gelu", norm_after_pooling=False, representation_dim=None,
        locality=False, dtype=None, seed=None, name="vit"):
    """Builds a Vision Transformer that classifies images.

    Args:
        size: A key of `SIZES`: nano, tiny, small, base, large or huge.
        patch_size: Side `P` of a square patch, in pixels; divides height and width.
        image_shape: `(height, width, channels)`, in pixels. Height and width may be `None`, with
            a `grid`: the model then takes images of any size.
        num_classes: Number of logits; 0 for a model that returns features.
        stem: What makes tokens of pixels: one linear map of each `"patch"`, the paper's; a few
            small `"conv"`olutions (`ConvStem`) or `"shifted"` copies (`ShiftedPatchEmbedding`),
            which small data sets reward; a `"resnet"` (`ResidualStem`), the paper's hybrid.
        pooling: `"token"` reads the class from a token of its own, `"mean"` from the average of
            all patches, `"map"` by attention (`AttentionPooling`); `"none"` keeps all tokens.
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
        class_token: Whether there is a class token. Defaults to whether it is pooled.
        num_registers: Number of register tokens, between the class token and the patches.
        distillation: Whether a second token learns from a teacher, by a head of its own; the
            model returns the mean of both heads, `distillation_heads` a model of each.
        prefix_positions: Whether class and register tokens have learned positions too.
        grid: `(GH, GW)` of the learned positions. Defaults to that of `image_shape`.
        interpolation: How positions reach another grid, as in `layers.grid.resize_grid`.
        layer_scale: First value of the factors that end each branch; `None` has none.
        use_qkv_bias: Whether query, key and value have biases.
        activation: Name or function inside the feed-forward networks.
        norm_after_pooling: Whether the last norm stands behind the pooling.
        representation_dim: Width of a dense layer with tanh before the head; `None` has none.
        locality: Whether attention is `LocalityAttention`, for small data sets.
        dtype: Dtype policy of the layers, for example `"mixed_bfloat16"`.
        seed: Seed of the dropouts. `None` draws one.
        name: Name of the model.

    Returns:
        A functional `keras.Model`: float images in `[-1, 1]`, `(B, height, width, channels)`, to
        logits, `(B, num_classes)`. Without classes, to features, `(B, D)`, and without pooling
        to one row for each token.

    Raises:
        ValueError: an unknown size, stem, pooling or position; sizes that do not divide; a rate
            outside `[0, 1)`; a mean without a deviation, or not one of each per channel; parts
            that need another part which is missing.

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
    check_count(num_layers=num_layers)
    if num_classes != 0:
        check_count(num_classes=num_classes)
    class_token = pooling == "token" if class_token is None else class_token
    if (pooling == "token" or distillation) and not class_token:
        raise ValueError(explain(
            "a class token is needed where it is pooled or distilled", pooling=pooling,
            distillation=distillation, class_token=class_token, fix="leave class_token out"))
    any_size = None in image_shape[:2]
    if any_size and (grid is None or position != "learned"):
        raise ValueError(explain(
            "images of any size need learned positions and the `grid` that these are made for",
            image_shape=tuple(image_shape), position=position, grid=grid,
            fix="pass grid=(rows, columns) of patches, or fix the height and width"))
    common = {"dtype": dtype}

    images, x = image_input(image_shape, pixel_mean, pixel_std, dtype)
    x = STEMS[stem](patch_size, embed_dim, name="patches", **common)(x)
    own_grid = None if any_size else (image_shape[0] // patch_size, image_shape[1] // patch_size)
    if position == "sinusoidal":
        x = PositionalEncoding(grid=own_grid, name="positions", **common)(x)

    num_class_tokens = class_token + distillation
    num_prefix = num_class_tokens + num_registers

    def put_prefix(x):
        if num_registers:
            x = ClassToken(keras.initializers.RandomNormal(stddev=0.02), num_registers,
                           name="registers", **common)(x)
        if num_class_tokens:
            x = ClassToken(num_tokens=num_class_tokens, name="class_token", **common)(x)
        return x

    def add_positions(x):
        if position != "learned":
            return x
        layer = LearnedPositionEmbedding(
            grid=grid or own_grid, num_prefix=num_prefix if prefix_positions else 0,
            interpolation=interpolation, name="positions", **common)
        return layer(x) if (grid or own_grid) == own_grid else layer(x, images=images)

    x = add_positions(put_prefix(x)) if prefix_positions else put_prefix(add_positions(x))
    x = keras.layers.Dropout(dropout, seed=seed, name="dropout", **common)(x)
    block = LocalityEncoderBlock if locality else TransformerEncoderBlock
    for i in range(num_layers):
        x = block(
            num_heads, mlp_dim, dropout=dropout, attention_dropout=attention_dropout,
            drop_path=drop_path * i / max(num_layers - 1, 1), epsilon=epsilon, seed=seed,
            activation=activation, layer_scale=layer_scale,
            use_qkv_bias=None if use_qkv_bias else False, name=f"block_{i}", **common)(x)

    norm = keras.layers.LayerNormalization(epsilon=epsilon, name="norm", **common)
    norm_after_pooling = norm_after_pooling and pooling != "token"  # where it is the same
    if not norm_after_pooling:
        x = norm(x)
    second = None
    if pooling == "token":
        x = FirstTokens(num_class_tokens, name="first", **common)(x)
        if distillation:
            second = keras.layers.Cropping1D((1, 0), name="second", **common)(x)
            x = FirstTokens(name="class", **common)(x)
        x = keras.layers.Flatten(name="pool", **common)(x)
    elif pooling == "mean":
        if num_prefix:
            x = keras.layers.Cropping1D((num_prefix, 0), name="without_prefix", **common)(x)
        x = keras.layers.GlobalAveragePooling1D(name="pool", **common)(x)
    elif pooling == "map":
        x = AttentionPooling(num_heads, mlp_dim, activation=activation, epsilon=epsilon,
                             name="pool", **common)(x)
    if norm_after_pooling:
        x = norm(x)
    if representation_dim is not None:
        x = keras.layers.Dense(
            representation_dim, activation="tanh", name="pre_logits", **common)(x)
    if num_classes:
        x = _head("logits", num_classes)(x)
        if distillation:
            second = keras.layers.Flatten(name="distillation_pool", **common)(second)
            x = keras.layers.Average(name="mean_logits", dtype="float32")(
                [x, _head("distillation_logits", num_classes)(second)])
    return keras.Model(images, x, name=name)


def _head(name, num_classes):
    return keras.layers.Dense(num_classes, kernel_initializer="zeros", dtype="float32", name=name)


def distillation_heads(model):
    """Both heads of a distilled Vision Transformer, to train each on a target of its own.

    Args:
        model: As `vit` builds it with `distillation=True`; its weights are shared.

    Returns:
        A functional `keras.Model` to `{"logits", "distillation_logits"}`, each `(B, num_classes)`:
        compile it with a loss for each and fit it on the labels and what a teacher says.

    Raises:
        ValueError: the model has no second head.

    Paper: Touvron et al. 2021, section 4.
    """
    names = {layer.name for layer in model.layers}
    if "distillation_logits" not in names:
        raise ValueError(explain(
            "the model must have a distillation head", model=model.name,
            fix="build it with vit(..., distillation=True)"))
    return keras.Model(model.input, {name: model.get_layer(name).output
                                     for name in ("logits", "distillation_logits")})
