"""Distillation of a Vision Transformer: its two heads, each with a target of its own."""

import keras

from keras_seqattn.errors import explain


def distillation_heads(model: keras.Model) -> keras.Model:
    """Opens both heads of a distilled Vision Transformer, each for a target of its own.

    Args:
        model: As `vit` builds it with `distillation=True`. Its weights are shared.

    Returns:
        A functional `keras.Model` to `{"logits", "distillation_logits"}`, each `(B, num_classes)`.
        Compile it with a loss for each, and fit it on the labels and what a teacher says.

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
