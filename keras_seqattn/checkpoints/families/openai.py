"""OpenAI's dVAE, the state of its encoder and of its decoder each under the module's own keys.

The project publishes pickled modules, which are programs and not read here; their `state_dict()` is
what a file must hold. Kernels are `(outputs, inputs, height, width)`.
"""

import os
import pathlib

import numpy as np

from keras_seqattn.checkpoints.weights.filling import hand_over
from keras_seqattn.checkpoints.weights.state import State
from keras_seqattn.errors import explain
from keras_seqattn.models.discrete_vae import DiscreteVAE, dvae_decoder, dvae_encoder


def dvae(source, image_size=(None, None)):
    """Loads a dVAE, or one of its halves.

    Args:
        source: Folder with `encoder.safetensors` and `decoder.safetensors`, or `State` of either.
        image_size: `(height, width)`, in pixels, if it is to be fixed, as a device needs it.

    Returns:
        `models.dvae.DiscreteVAE`; of one half its `encoder` or `decoder`. Images have their
        channels last here.

    Raises:
        ValueError: a file is missing or broken; a key is missing, has no place or its array
            another shape; the halves do not belong together.
    """
    if isinstance(source, (str, os.PathLike)):
        halves = (State(pathlib.Path(source) / f"{half}.safetensors")
                  for half in ("encoder", "decoder"))
        return DiscreteVAE(*(dvae(half, image_size) for half in halves))
    # The encoder looks at 7 × 7 pixels first, the decoder at one code.
    is_decoder = source.shape("blocks.input.w", 4)[2:] == (1, 1)
    return (_decoder if is_decoder else _encoder)(source, image_size)


def _encoder(state, image_size):
    filters, channels, *_ = state.shape("blocks.input.w", 4)
    vocab_size = state.shape("blocks.output.conv.w", 4)[0]
    model = dvae_encoder(vocab_size, (*image_size, channels), filters=filters, **_depth(state))
    _fill(model.get_layer("input"), state, "blocks.input")
    _fill_blocks(model, state)
    return model


def _decoder(state, image_size):
    embed_dim, vocab_size, *_ = state.shape("blocks.input.w", 4)
    outputs, filters, *_ = state.shape("blocks.output.conv.w", 4)
    depth = _depth(state)
    side = 2 ** (depth["num_groups"] - 1)
    grid = tuple(None if size is None else size // side for size in image_size)
    model = dvae_decoder(vocab_size, grid, outputs // 2, filters=filters, embed_dim=embed_dim,
                         **depth)
    kernel = state.take("blocks.input.w", embed_dim, vocab_size, 1, 1)[:, :, 0, 0]
    bias = state.take("blocks.input.b", embed_dim)
    hand_over(model.get_layer("table").embeddings, kernel.T + bias)
    _fill_blocks(model, state)
    return model


def _depth(state):
    groups, blocks = (state.count(prefix) - 1 for prefix in (
        "blocks.group_", "blocks.group_1.block_"))  # both are counted from 1
    if min(groups, blocks) < 1:
        raise ValueError(explain(
            "the checkpoint must have groups of blocks", groups=max(groups, 0),
            blocks=max(blocks, 0), fix="pass the state of a dVAE's encoder or decoder"))
    return {"num_groups": groups, "num_blocks": blocks}


def _fill_blocks(model, state):
    """Sets all convolutions but the first, and checks that nothing is left."""
    for layer in model.layers:
        place, _, part = layer.name.rpartition("_block_")
        if place:
            index, _, part = part.partition("_")
            part = {"identity": "id_path"}.get(part, f"res_path.{part}")
            if layer.weights:
                _fill(layer, state, f"blocks.{place}.block_{index}.{part}")
    _fill(model.layers[-1], state, "blocks.output.conv")
    state.finish()


def _fill(convolution, state, name):
    height, width, inputs, outputs = convolution.kernel.shape
    kernel = state.take(f"{name}.w", outputs, inputs, height, width)
    hand_over(convolution.kernel, np.transpose(kernel, (2, 3, 1, 0)))
    hand_over(convolution.bias, state.take(f"{name}.b", outputs))
