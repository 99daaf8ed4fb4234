"""BiT from the official `.npz`: the numbers of the project's own code."""

import re

import keras
import numpy as np
import pytest
from arrays import array

from keras_seqattn import checkpoints
from keras_seqattn.checkpoints.families import bit
from keras_seqattn.checkpoints.weights.state import State
from keras_seqattn.testing import check_error

VARIANTS = ["w32_groups32_2stage", "w8_groups8"]


def _arrays(file):
    with np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)


def _tolerances(folder, variant):
    """The tolerance of each array, from the table of the golden files themselves."""
    text = (folder / "README.md").read_text(encoding="utf-8").split(f"## {variant}")[1]
    rows = re.findall(r"\| `(\w+)` \|.*\| (\S+) \|", text.split("\n## ")[0])
    return {name: float(atol) for name, atol in rows if atol != "input"}


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_stage_has_the_numbers_of_the_golden_file(goldens, variant):
    folder = goldens / "bit_npz" / variant
    io = _arrays(folder / "io.npz")
    model, report = checkpoints.load_with_report(folder)
    assert report.source == "bit"
    assert (report.unused, report.missing, report.reshaped) == ([], [], {})
    blocks = [layer.name for layer in model.layers if layer.name.startswith("block_")]
    names = {"stem": "root_pool", "last_stage": blocks[-1], "features": "activation",
             "pooled": "pool", "logits": "logits"}
    stages = keras.Model(model.input, {
        name: model.get_layer(layer).output for name, layer in names.items()})(io["images"])
    tolerances = _tolerances(goldens / "bit_npz", variant)
    assert set(tolerances) == set(names)
    for name, atol in tolerances.items():
        np.testing.assert_allclose(array(stages[name]), io[name], atol=atol, err_msg=name,
                                   rtol=1e-5 if name == "last_stage" else 0)


@pytest.fixture
def state(goldens):
    return _arrays(goldens / "bit_npz" / VARIANTS[0] / "checkpoint.npz")


@pytest.mark.parametrize(("config", "given", "shape"), [
    ({}, {}, (None, None, 3)), ({"image_size": 32}, {}, (32, 32, 3)),
    ({"image_size": [32, 48]}, {}, (32, 48, 3)),
    ({"image_size": 32}, {"image_shape": (64, 32, 3)}, (64, 32, 3))])
def test_shape_of_the_images(state, config, given, shape):
    assert bit.load(State(state), config, **given).input_shape[1:] == shape


def test_groups_that_are_given_go_before_those_of_the_configuration(state):
    for given, num_groups in (({}, 16), ({"num_groups": 8}, 8)):
        model = bit.load(State(state), {"num_groups": 16}, **given)
        assert model.get_layer("norm").groups == num_groups


def test_a_file_without_a_configuration_and_without_a_head(goldens, state, tmp_path):
    io = _arrays(goldens / "bit_npz" / VARIANTS[0] / "io.npz")
    np.savez(tmp_path / "bit.npz", **{
        key: value for key, value in state.items() if "head" not in key})
    model, report = checkpoints.load_with_report(tmp_path / "bit.npz", num_groups=32)
    assert report.missing == ["resnet/head/conv2d/kernel"]
    np.testing.assert_allclose(array(model(io["images"])), io["pooled"], atol=5e-5)
    fixed = checkpoints.load_with_report(tmp_path / "bit.npz", image_shape=(32, 64, 3))[0]
    assert fixed.input_shape == (None, 32, 64, 3)


def test_another_shape_is_an_error_that_names_the_layer(state):
    key = "resnet/block2/unit01/b/standardized_conv2d/kernel"
    state[key] = np.zeros((3, 3, 64, 32), "float32")
    check_error(lambda: bit.load(State(state), {}), key=key, layer="block_1/spatial/kernel",
                shape=(3, 3, 64, 32), expected=(3, 3, 64, 64))


def test_an_array_without_a_place_is_an_error(state):
    extra = "resnet/block1/unit01/b/proj/standardized_conv2d/kernel"
    state[extra] = state["resnet/head/conv2d/kernel"]
    check_error(lambda: bit.load(State(state), {}), keys=[extra])


def test_a_missing_array_is_an_error(state):
    key = "resnet/block2/unit01/a/proj/standardized_conv2d/kernel"
    del state[key]
    check_error(lambda: bit.load(State(state), {}), key=key)


def test_other_channels_are_an_error(state):
    check_error(lambda: bit.load(State(state), {}, image_shape=(32, 32, 1)),
                image_shape=(32, 32, 1), channels=3)


def test_groups_that_do_not_divide_are_an_error(state):
    check_error(lambda: bit.load(State(state), {}, num_groups=5), num_groups=5, channels=32)
