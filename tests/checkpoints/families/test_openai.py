"""OpenAI's dVAE: its logits, codes and reconstructions from its weights."""

import numpy as np
import pytest
from arrays import array, assert_close
from safetensors.numpy import load_file, save_file
from tolerances import FLOAT32, GOLDEN

from keras_seqattn import checkpoints
from keras_seqattn.checkpoints.families import openai
from keras_seqattn.checkpoints.weights.state import State
from keras_seqattn.models.discrete_vae import map_pixels
from keras_seqattn.testing import check_error


@pytest.fixture
def folder(goldens):
    return goldens / "openai_dvae" / "tiny"


@pytest.fixture
def halves(folder):
    return {half: load_file(folder / f"{half}.safetensors") for half in ("encoder", "decoder")}


def _last(images):
    return np.moveaxis(images, 1, -1)


@pytest.mark.parametrize("image_shape", [None, (32, 32, 3)])
def test_logits_codes_and_images(folder, image_shape):
    with np.load(folder / "io.npz", allow_pickle=False) as file:
        io = dict(file)
    model = checkpoints.load(folder, image_shape=image_shape)
    assert model.input_shape[1:] == (image_shape or (None, None, 3))
    images, codes = _last(io["image"]), io["codes"].astype("int32")
    assert_close(map_pixels(images), _last(io["encoder_input"]), atol=1e-6)
    assert_close(model.encoder(_last(io["encoder_input"])), _last(io["encoder_logits"]),
                 atol=GOLDEN)
    np.testing.assert_array_equal(array(model.encode(images)), codes)
    assert_close(model.decoder(codes), _last(io["decoder_output"]), atol=FLOAT32)
    assert_close(model.decode(codes), _last(io["reconstruction"]), atol=FLOAT32)


def test_one_half_is_known_by_its_first_kernel(halves):
    encoder, decoder = (openai.load(State(halves[half])) for half in ("encoder", "decoder"))
    assert encoder.output_shape == (None, None, None, 48)
    assert decoder.output_shape == (None, None, None, 6)


def test_halves_of_other_sizes(halves, tmp_path):
    """A decoder whose first block keeps its width has no map beside it."""
    decoder = {key: array for key, array in halves["decoder"].items()
               if not key.startswith("blocks.group_1.block_1.id_path")}
    for key in ("blocks.input.w", "blocks.input.b"):
        decoder[key] = np.resize(decoder[key], (64, *decoder[key].shape[1:]))
    key = "blocks.group_1.block_1.res_path.conv_1.w"
    decoder[key] = np.resize(decoder[key], (16, 64, 1, 1))
    save_file(decoder, tmp_path / "decoder.safetensors")
    save_file(halves["encoder"], tmp_path / "encoder.safetensors")
    model = checkpoints.load(tmp_path, image_shape=(16, 24, 3))
    assert model.decode(np.zeros((1, 2, 3), "int32")).shape == (1, 16, 24, 3)
    table = array(model.decoder.get_layer("table").embeddings)
    assert_close(table[5], decoder["blocks.input.w"][:, 5, 0, 0] + decoder["blocks.input.b"])


KEY = "blocks.group_2.block_1.id_path.b"


@pytest.mark.parametrize("half", ["encoder", "decoder"])
@pytest.mark.parametrize(("change", "received"), [
    (lambda state: state.pop(KEY), {"key": KEY}),
    (lambda state: state.update({KEY: np.ones(3)}), {"key": KEY, "shape": (3,)}),
    (lambda state: state.update({"blocks.more": np.ones(3)}), {"keys": ["blocks.more"]}),
    (lambda state: [state.pop(key) for key in list(state) if "group" in key],
     {"groups": 0, "blocks": 0}),
])
def test_states_that_do_not_fit(halves, half, change, received):
    change(halves[half])
    check_error(lambda: openai.load(State(halves[half])), **received)


def test_a_half_that_is_missing(halves, tmp_path):
    save_file(halves["encoder"], tmp_path / "encoder.safetensors")
    check_error(lambda: checkpoints.load(tmp_path), folder=str(tmp_path))
    model = checkpoints.load(tmp_path / "encoder.safetensors", image_shape=(16, 24, 3))
    assert model.output_shape == (None, 2, 3, 48)


@pytest.mark.parametrize("half", ["encoder", "decoder"])
@pytest.mark.parametrize(("image_shape", "received"), [
    ((32, 32, 1), {"image_shape": (32, 32, 1), "channels": 3}),
    ((32, 32), {"image_shape": (32, 32), "channels": 3}),
    ((32, 36, 3), {"sides": (32, 36), "code_side": 8})])
def test_images_that_do_not_fit(halves, half, image_shape, received):
    check_error(lambda: openai.load(State(halves[half]), image_shape=image_shape), **received)


def test_what_is_wrong_with_a_half_of_a_folder_names_the_half(halves, tmp_path):
    del halves["decoder"][KEY]
    for half, arrays in halves.items():
        save_file(arrays, tmp_path / f"{half}.safetensors")
    check_error(lambda: checkpoints.load(tmp_path), key=f"decoder.{KEY}")
