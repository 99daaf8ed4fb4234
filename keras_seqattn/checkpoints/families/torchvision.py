"""Vision Transformers of torchvision."""

from keras_seqattn.checkpoints.weights.layout import Layout, Parts, unused
from keras_seqattn.checkpoints.weights.vit import load_vit

LAYOUT = Layout(
    kernel="weight", scale="weight", transposed=True, patches="conv_proj.",
    class_token=("class_token",), positions="encoder.pos_embedding",
    block="encoder.layers.encoder_layer_{}.",
    parts=Parts(attention=(("self_attention.in_proj_", ("query", "key", "value")),
                           ("self_attention.out_proj.", ("output",))),
                hidden="mlp.0.", output="mlp.3.",
                norms={"attention_norm": "ln_1.", "feed_forward_norm": "ln_2."}),
    norm="encoder.ln.", pre_logits="heads.pre_logits.", logits="heads.head.")
COMPUTED = r"(encoder|conv_proj)\."


def torchvision(state, image_size=None, image_shape=None, num_heads=None,
                interpolation="bicubic"):
    """Loads a VisionTransformer of torchvision.

    Args:
        state: `State` of the file.
        image_size: Side of the images that the positions were made for, or `(height, width)`.
        image_shape: `(height, width, channels)` that the model is to take.
        num_heads: Number of heads `N`; of the published widths it is known.
        interpolation: How positions are resized; the project's way unless told.

    Returns:
        `keras.Model` as of `models.vit`: a class token, exact GELU, epsilon 1e-6.

    Raises:
        ValueError: as for `load_vit`; a part of the file is not built here.
    """
    model = load_vit(state, LAYOUT, image_size=image_size, image_shape=image_shape,
                     interpolation=interpolation, num_heads=num_heads, prefix_positions=True)
    state.finish(unused(COMPUTED))
    return model
