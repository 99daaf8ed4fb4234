"""Vision Transformers of google-research/vision_transformer, from their `.npz` files."""

from keras_seqattn.checkpoints.weights.layout import Layout, Parts, unused
from keras_seqattn.checkpoints.weights.vit import load_vit
from keras_seqattn.layers import gelu_tanh


def flax_parts(block):
    """Keys of a block as Flax counts its layers; some projects count them from 0 of each kind."""
    attention, norms, mlp = block
    attention = f"MultiHeadDotProductAttention_{attention}/"
    return Parts(
        attention=tuple((f"{attention}{key}/", (name,)) for key, name in (
            ("query", "query"), ("key", "key"), ("value", "value"), ("out", "output"))),
        hidden=f"MlpBlock_{mlp}/Dense_0/", output=f"MlpBlock_{mlp}/Dense_1/",
        norms={name: f"LayerNorm_{number}/" for name, number in norms.items()})


LAYOUT = Layout(
    kernel="kernel", scale="scale", transposed=False, patches="embedding/",
    class_token=("cls",), positions="Transformer/posembed_input/pos_embedding",
    block="Transformer/encoderblock_{}/",
    parts=flax_parts((1, {"attention_norm": 0, "feed_forward_norm": 2}, 3)),
    norm="Transformer/encoder_norm/", pre_logits="pre_logits/", logits="head/")
# Before the patches, the hybrids have convolutions.
COMPUTED = r"(Transformer|embedding|conv_root|block\d+)/"


def google(state, image_size=None, image_shape=None, interpolation="corners"):
    """Loads a ViT of google-research/vision_transformer: with a class token or the mean.

    Args:
        state: `State` of the file.
        image_size: Side of the images that the positions were made for, or `(height, width)`.
        image_shape: `(height, width, channels)` that the model is to take.
        interpolation: How positions are resized; the project's way unless told.

    Returns:
        `keras.Model` as of `models.vit`: tanh GELU, epsilon 1e-6.

    Raises:
        ValueError: as for `load_vit`; a part of the file is not built here.
    """
    model = load_vit(state, LAYOUT, image_size=image_size, image_shape=image_shape,
                     interpolation=interpolation, activation=gelu_tanh, prefix_positions=True)
    state.finish(unused(COMPUTED))
    return model
