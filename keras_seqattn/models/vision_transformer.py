"""Vision Transformer: an image read as a sequence of patches.

Paper: Dosovitskiy et al. 2021, section 3.1. Its table 1 has base, large and huge. Table 1 of
Touvron et al. 2021 has tiny and small. The head starts at zero, as in the authors' code.

Deviations:

- `pooling="mean"` has no class token (Beyer et al. 2022).
- `nano` is ours, for 64×64 images and tests.
"""

import functools
import typing
from collections.abc import Sequence

import keras

from keras_seqattn.errors import check_count, explain, nearest
from keras_seqattn.layers import (
    ConvStem,
    LocalityEncoderBlock,
    NormedPatchEmbedding,
    PatchEmbedding,
    ResidualStem,
    ShiftedPatchEmbedding,
    TransformerEncoderBlock,
    VisionEncoderBlock,
)
from keras_seqattn.models.pixels import ImageShape, image_input
from keras_seqattn.models.vision_head import POOLINGS, classify, pool
from keras_seqattn.models.vision_tokens import POSITIONS, own_grid, with_prefix_and_positions
from keras_seqattn.plain import plain_numbers

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
         "resnet": ResidualStem, "normed": NormedPatchEmbedding}


@plain_numbers
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
        locality: bool = False, key_dim: int | None = None, gated: bool = False,
        use_qk_norm: bool = False, norm_branches: bool = False, relative_positions: bool = False,
        norm_before_blocks: bool = False, last_norm: bool = True, use_patch_bias: bool = True,
        use_head_bias: bool = True, dtype: str | keras.DTypePolicy | None = None,
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
            are `"conv"` (`ConvStem`) and `"shifted"` (`ShiftedPatchEmbedding`). `"normed"` is
            `NormedPatchEmbedding`.
        pooling: What the head reads. `"token"` is the class token and `"mean"` the average of all
            patches. `"token_mean"` is one beside the other. `"map"` is `AttentionPooling` over all
            patches, and `"none"` keeps all tokens.
        position: `"learned"` vectors, fixed 2-D `"sinusoidal"` waves or `"none"`.
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
        key_dim: Size of one head. Defaults to `embed_dim // num_heads`.
        gated: As for `VisionEncoderBlock`, and so are `use_qk_norm` and `norm_branches`.
        use_qk_norm: Whether queries and keys are normalised.
        norm_branches: Whether the norms of a block end its branches.
        relative_positions: Whether attention is `RelativePositionAttention`.
        norm_before_blocks: Whether a norm stands before the first block, as in CLIP.
        last_norm: Whether a norm stands behind the last block or behind the pooling.
        use_patch_bias: Whether the map from patches to tokens has a bias.
        use_head_bias: Whether the head has one.
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
        ValueError: `pixel_mean` and `pixel_std` have not one number for each channel.
        ValueError: a rate lies outside `[0, 1)`, or a part needs another that is missing.

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
    class_token = pooling.startswith("token") if class_token is None else class_token
    _check_class_token(class_token, pooling, distillation, num_classes)
    image_grid = own_grid(image_shape, patch_size, position, relative_positions, grid)
    num_class_tokens = class_token + distillation

    images, x = image_input(image_shape, pixel_mean, pixel_std, dtype)
    x = STEMS[stem](patch_size, embed_dim, name="patches", dtype=dtype, **_stem_options(
        stem, epsilon, use_patch_bias))(x)
    x = with_prefix_and_positions(
        x, images, num_class_tokens, num_registers, position, prefix_positions, grid or image_grid,
        image_grid, interpolation, patch_size, dtype)
    x = keras.layers.Dropout(dropout, seed=seed, name="dropout", dtype=dtype)(x)
    if norm_before_blocks:
        x = keras.layers.LayerNormalization(epsilon=epsilon, name="first_norm", dtype=dtype)(x)
    block = _block(locality, gated=gated, use_qk_norm=use_qk_norm, norm_branches=norm_branches,
                   relative_grid=image_grid if relative_positions else None)
    for i in range(num_layers):
        x = block(
            num_heads, mlp_dim, dropout=dropout, attention_dropout=attention_dropout,
            drop_path=drop_path * i / max(num_layers - 1, 1), epsilon=epsilon, seed=seed,
            activation=activation, layer_scale=layer_scale, key_dim=key_dim,
            use_qkv_bias=None if use_qkv_bias else False, name=f"block_{i}", dtype=dtype)(x)

    norm = keras.layers.LayerNormalization(epsilon=epsilon, name="norm", dtype=dtype)
    if not last_norm:
        norm = keras.layers.Identity(name="norm", dtype=dtype)
    norm_after_pooling = norm_after_pooling and pooling != "token"  # where it is the same
    if not norm_after_pooling:
        x = norm(x)
    x, second = pool(x, pooling, num_class_tokens, num_registers, distillation, dtype,
                     num_heads=num_heads, mlp_dim=mlp_dim, activation=activation, epsilon=epsilon)
    if norm_after_pooling:
        x = norm(x)
    return keras.Model(images, classify(
        x, second, num_classes, representation_dim, use_head_bias, dtype), name=name)


def _stem_options(stem, epsilon, use_patch_bias):
    """Arguments that only some stems have."""
    if use_patch_bias:
        return {"epsilon": epsilon} if stem == "normed" else {}
    if stem != "patch":
        raise ValueError(explain(
            "only the stem of patches can be without a bias", stem=stem,
            use_patch_bias=use_patch_bias, fix='pass stem="patch", or leave use_patch_bias out'))
    return {"use_bias": False}


def _block(locality, relative_grid, **parts):
    """The class of the blocks, with the parts that a block of vision has."""
    if not any(parts.values()) and relative_grid is None:
        return LocalityEncoderBlock if locality else TransformerEncoderBlock
    if locality:
        raise ValueError(explain(
            "`locality` goes with no other part of attention or of the norms", locality=locality,
            relative_positions=relative_grid is not None, **parts, fix="leave them out"))
    return functools.partial(VisionEncoderBlock, relative_grid=relative_grid, **parts)


def _check_names(**names):
    for field, (value, known) in names.items():
        if value not in known:
            raise ValueError(explain(
                f"`{field}` is not known", **{field: value}, fix=nearest(value, known)))


def _check_class_token(class_token, pooling, distillation, num_classes):
    if (pooling in ("token", "token_mean") or distillation) and not class_token:
        raise ValueError(explain(
            "a class token is needed where it is pooled or distilled", pooling=pooling,
            distillation=distillation, class_token=class_token, fix="leave class_token out"))
    if distillation and num_classes and pooling != "token":
        raise ValueError(explain(
            "a distilled model must read its classes from tokens", pooling=pooling,
            distillation=distillation, fix='pass pooling="token"'))
