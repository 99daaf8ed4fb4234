"""OpenAI's discrete VAE: the states of its encoder and its decoder.

The project publishes pickled modules, which are programs and are not read here. A file must hold
the `state_dict()` of a module. Kernels are `(outputs, inputs, height, width)`.
"""

import keras
import numpy as np

from keras_seqattn.checkpoints.families.family import Family
from keras_seqattn.checkpoints.weights.filling import hand_over
from keras_seqattn.checkpoints.weights.images import check_image_shape
from keras_seqattn.checkpoints.weights.state import State
from keras_seqattn.errors import explain
from keras_seqattn.models.discrete_vae import DiscreteVAE, dvae_decoder, dvae_encoder

_FIRST, _LAST = "blocks.input", "blocks.output.conv"


def load(state: State, *, image_shape: tuple | None = None) -> keras.Model:
    """Loads a dVAE, or one of its halves.

    Args:
        state: `State` of the folder with both files, or of one file.
        image_shape: `(height, width, channels)` of the images, if their size is to be fixed, as a
            device needs it.

    Returns:
        Model as of `models.dvae`; of one file, its `encoder` or its `decoder`. Images have their
        channels last here.

    Raises:
        ValueError: an array is missing, has no place or has another shape. Or the halves do not
            belong together. Or `image_shape` does not fit the file.
    """
    if f"{_FIRST}.w" in state:
        model = _half(state, image_shape)
    else:
        model = DiscreteVAE(*(_half(state.under(f"{name}."), image_shape)
                              for name in ("encoder", "decoder")))
    state.finish()
    return model


def _half(state: State, image_shape: tuple | None) -> keras.Model:
    # The encoder looks at 7 × 7 pixels first, the decoder at one code.
    is_decoder = state.shape(f"{_FIRST}.w", 4)[2:] == (1, 1)
    return (_decoder if is_decoder else _encoder)(state, image_shape)


def _encoder(state: State, image_shape: tuple | None) -> keras.Model:
    filters, channels, *_ = state.shape(f"{_FIRST}.w", 4)
    vocab_size = state.shape(f"{_LAST}.w", 4)[0]
    size = _size(image_shape, channels)
    model = dvae_encoder(vocab_size, (*size, channels), filters=filters, **_depth(state))
    _fill(model.get_layer("input"), state, _FIRST)
    _fill_blocks(model, state)
    return model


def _decoder(state: State, image_shape: tuple | None) -> keras.Model:
    embed_dim, vocab_size, *_ = state.shape(f"{_FIRST}.w", 4)
    outputs, filters, *_ = state.shape(f"{_LAST}.w", 4)
    channels, depth = outputs // 2, _depth(state)
    grid = _grid(_size(image_shape, channels), 2 ** (depth["num_groups"] - 1))
    model = dvae_decoder(vocab_size, grid, channels, filters=filters, embed_dim=embed_dim, **depth)
    kernel = state.take(f"{_FIRST}.w", embed_dim, vocab_size, 1, 1)[:, :, 0, 0]
    bias = state.take(f"{_FIRST}.b", embed_dim)
    hand_over(model.get_layer("table").embeddings, kernel.T + bias)
    _fill_blocks(model, state)
    return model


def _size(image_shape: tuple | None, channels: int) -> tuple[int | None, int | None]:
    """Height and width of the images, in pixels; `None` for any."""
    height, width, _ = check_image_shape(
        (None, None, channels) if image_shape is None else image_shape, channels)
    return height, width


def _grid(size: tuple[int | None, int | None], code_side: int) -> tuple[int | None, ...]:
    """Rows and columns of the codes, each of which stands for `code_side` pixels squared."""
    if any(pixels is not None and pixels % code_side for pixels in size):
        raise ValueError(explain(
            "the sides of an image must be multiples of the side of what a code stands for",
            sides=size, code_side=code_side, fix="pass another image_shape"))
    return tuple(None if pixels is None else pixels // code_side for pixels in size)


def _depth(state: State) -> dict[str, int]:
    groups, blocks = (state.count(prefix) - 1 for prefix in (
        "blocks.group_", "blocks.group_1.block_"))  # both are counted from 1
    if min(groups, blocks) < 1:
        raise ValueError(explain(
            "the checkpoint must have groups of blocks", groups=max(groups, 0),
            blocks=max(blocks, 0), fix="pass the state of a dVAE's encoder or decoder"))
    return {"num_groups": groups, "num_blocks": blocks}


def _fill_blocks(model: keras.Model, state: State) -> None:
    """Sets all convolutions but the first."""
    for layer in model.layers:
        place, _, part = layer.name.rpartition("_block_")
        if place:
            index, _, part = part.partition("_")
            part = {"identity": "id_path"}.get(part, f"res_path.{part}")
            if layer.weights:
                _fill(layer, state, f"blocks.{place}.block_{index}.{part}")
    _fill(model.layers[-1], state, _LAST)


def _fill(convolution: keras.Layer, state: State, name: str) -> None:
    height, width, inputs, outputs = convolution.kernel.shape
    kernel = state.take(f"{name}.w", outputs, inputs, height, width)
    hand_over(convolution.kernel, np.transpose(kernel, (2, 3, 1, 0)))
    hand_over(convolution.bias, state.take(f"{name}.b", outputs))


FAMILY = Family(
    "openai", load, configs=(), files=("encoder.safetensors", "decoder.safetensors"),
    keys=(r"(encoder\.)?blocks\.input\.w", r"(encoder\.)?blocks\.group_1\.block_1\..*"))
