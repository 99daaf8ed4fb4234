"""ViT of vit-pytorch, the library by Phil Wang (lucidrains) that many small trainings use."""

import dataclasses

import keras

from keras_seqattn.checkpoints.families.family import Family
from keras_seqattn.checkpoints.files.config import check
from keras_seqattn.checkpoints.weights.layout import Layout, Parts, unused
from keras_seqattn.checkpoints.weights.state import State
from keras_seqattn.checkpoints.weights.vision_transformer import load_vit
from keras_seqattn.errors import explain

LAYOUT = Layout(
    kernel="weight", scale="weight", transposed=True, patches="to_patch_embedding.2.",
    patch_norms=("to_patch_embedding.1.", "to_patch_embedding.3."), class_token=("cls_token",),
    positions="pos_embedding", block="transformer.layers.{}.",
    parts=Parts(attention=(("0.to_qkv.", ("query", "key", "value")),
                           ("0.to_out.0.", ("output",))),
                hidden="1.net.1.", output="1.net.4.",
                norms={"attention_norm": "0.norm.", "feed_forward_norm": "1.net.0."}),
    norm="transformer.norm.", logits="mlp_head.")
COMPUTED = r"(transformer|to_patch_embedding|cls_token|pos_embedding|mlp_head)"


def load(state: State, config: dict, *, image_shape: tuple | None = None,
         num_heads: int | None = None, interpolation: str = "bilinear") -> keras.Model:
    """Loads a `vit_pytorch.ViT`.

    Args:
        state: `State` of the file.
        config: Content of `config.json`, if you wrote one. Its entries are arguments of the
            project's class: `heads`, `image_size`, `channels` and `pool`.
        image_shape: `(height, width, channels)` that the model is to take.
        num_heads: Number of heads `N`, the project's `heads`. No array tells it.
        interpolation: How positions are resized. The project never does.

    Returns:
        Model as of `models.vit`. It pools the class token, or the mean of the patches if there is
        no class token.

    Raises:
        ValueError: as for `load_vit`. Or the number of heads is not told. Or a part of the file is
            not built here.
    """
    num_heads = config.get("heads") if num_heads is None else num_heads
    if num_heads is None:
        rows = state.shape("transformer.layers.0.0.to_qkv.weight", 2)[0]
        raise ValueError(explain(
            "`num_heads` must be given, since no array tells it", num_heads=num_heads,
            rows_of_to_qkv=rows, fix=f"pass num_heads=n: n is {rows // 192} if dim_head is 64"
            if rows % 192 == 0 else "pass num_heads=n"))
    chosen, has_token = _layout(state)
    if has_token:
        check(config, pool="cls")
    channels = config.get("channels", 3) if image_shape is None else image_shape[-1]
    model = load_vit(
        state, chosen, image_size=config.get("image_size"), image_shape=image_shape,
        num_heads=num_heads, channels=channels, pooling="token" if has_token else "mean",
        prefix_positions=True, interpolation=interpolation, epsilon=1e-5)
    ignored = "(?!)" if has_token else "cls_token"
    state.finish(ignored if "mlp_head.weight" in state else unused(COMPUTED))
    return model


def _layout(state: State) -> tuple[Layout, bool]:
    """The layout of a file, and whether it has a class token. Older files have axes of size 1."""
    ranks = {key: next((rank for rank in (2, 3) if _has_rank(state, key, rank)), 3)
             for key in ("pos_embedding", "cls_token")}
    has_token = "cls_token" in state and 0 not in state.shape("cls_token", ranks["cls_token"])
    return dataclasses.replace(
        LAYOUT, position_rank=ranks["pos_embedding"], token_rank=ranks["cls_token"],
        class_token=("cls_token",) if has_token else ()), has_token


def _has_rank(state: State, key: str, rank: int) -> bool:
    return key in state and len(state.read(key).shape) == rank


FAMILY = Family("vit_pytorch", load, keys=(
    r"to_patch_embedding\.1\.weight", r"transformer\.layers\.0\.0\.to_qkv\.weight"))
