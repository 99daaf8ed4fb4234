"""BiT of Hugging Face's transformers, with a head or without."""

import keras

from keras_seqattn import models
from keras_seqattn.checkpoints.families.family import Family
from keras_seqattn.checkpoints.files.config import check
from keras_seqattn.checkpoints.weights.filling import hand_over
from keras_seqattn.checkpoints.weights.images import check_image_shape
from keras_seqattn.checkpoints.weights.layers import fill, fill_norm, linear
from keras_seqattn.checkpoints.weights.state import State
from keras_seqattn.errors import explain

ROOT = "embedder.convolution.weight"
HEAD = "classifier.1"


def load(state: State, config: dict, *, image_shape: tuple | None = None,
         num_groups: int | None = None) -> keras.Model:
    """Loads a BitModel or a BitForImageClassification, of any number of stages.

    Args:
        state: `State` of the file.
        config: Content of `config.json`. Its `num_groups` stands for the argument.
        image_shape: `(height, width, channels)` that the model is to take. By default the model
            takes images of any size.
        num_groups: Number of groups of its norms, which no array tells. Defaults to 32.

    Returns:
        Model as of `models.bit`. If the file has no head, the model has none.

    Raises:
        ValueError: an array is missing, has no place or has another shape. Or the configuration
            asks for what is not built here.
    """
    if num_groups is None:
        num_groups = state.told(config, num_groups=32)["num_groups"]
    check(config, model_type="bit", layer_type="preactivation", hidden_act="relu",
          global_padding=None, embedding_dynamic_padding=False)
    prefix = next(key.removesuffix(ROOT) for key in state if key.endswith(ROOT))
    part = state.under(prefix)
    num_layers = [part.count(f"encoder.stages.{stage}.layers.")
                  for stage in range(part.count("encoder.stages."))]
    _check_strides(config, len(num_layers))
    width, channels, *_ = part.shape(ROOT, 4)
    filters = [part.shape(f"encoder.stages.{stage}.layers.0.conv3.weight", 4)[0]
               for stage in range(len(num_layers))]
    num_classes = state.shape(f"{HEAD}.weight", 2)[0] if f"{HEAD}.weight" in state else 0
    if not num_classes:
        state.missing.append(f"{HEAD}.weight")
    model = models.bit(
        "r50x1", check_image_shape(image_shape or (None, None, channels), channels), num_classes,
        num_layers=num_layers, width=width, filters=filters, kernel_epsilon=1e-8,
        num_groups=num_groups)
    _fill(model, part, num_layers)
    if num_classes:
        fill(model.get_layer("logits"), *linear(state, HEAD, filters[-1], num_classes))
    state.finish()
    return model


def _check_strides(config: dict, num_stages: int) -> None:
    """Each stage but the first halves the sides. Beyond `output_stride` the project dilates."""
    stride = 4 * 2 ** (num_stages - 1)
    if stride > config.get("output_stride", 32):
        raise ValueError(explain(
            "`output_stride` of the configuration must be that of the stages",
            output_stride=config.get("output_stride", 32), stages=num_stages,
            fix=f"load a model of output_stride {stride} or more"))


def _fill(model: keras.Model, part: State, num_layers: list[int]) -> None:
    _fill_kernel(model.get_layer("root"), part, "embedder.convolution")
    units = [part.under(f"encoder.stages.{stage}.layers.{unit}.")
             for stage, blocks in enumerate(num_layers) for unit in range(blocks)]
    for i, unit in enumerate(units):
        block = model.get_layer(f"block_{i}")
        for number, name in enumerate(("narrow", "spatial", "widen"), 1):
            norm = getattr(block, f"{name}_norm")
            fill_norm(norm, unit, f"norm{number}", norm.gamma.shape[0])
            _fill_kernel(getattr(block, name), unit, f"conv{number}")
        if block.projection is not None:
            _fill_kernel(block.projection, unit, "downsample.conv")
    norm = model.get_layer("norm")
    fill_norm(norm, part, "norm", norm.gamma.shape[0])


def _fill_kernel(layer: keras.Layer, state: State, name: str) -> None:
    height, width, inputs, outputs = layer.kernel.shape
    kernel = state.take(f"{name}.weight", outputs, inputs, height, width, layer=layer.path)
    hand_over(layer.kernel, kernel.transpose(2, 3, 1, 0))


FAMILY = Family("huggingface-bit", load, keys=(
    r"(bit\.)?embedder\.convolution\.weight",
    r"(bit\.)?encoder\.stages\.0\.layers\.0\.conv3\.weight"))
