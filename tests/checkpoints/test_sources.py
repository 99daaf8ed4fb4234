"""Laws of the list of families."""

import inspect

import pytest

from keras_seqattn import checkpoints

FAMILIES = pytest.mark.parametrize("family", checkpoints.SOURCES.values(),
                                   ids=lambda family: family.name)


@pytest.mark.parametrize(("folder", "names"), [
    ("google_vit_npz/token", ["google"]), ("big_vision_vit_npz/map_scan_img", ["big_vision"]),
    ("hf_vit_gpt2/projected", ["huggingface-encoder-decoder", "huggingface"]),
    ("hf_vit/eps1e-6", ["huggingface"]), ("hf_imagegpt/tiny", ["imagegpt"]),
    ("timm_vit/class_token", ["timm"]), ("bit_npz/w8_groups8", ["bit"]),
    ("openai_dvae/tiny/encoder.safetensors", ["openai"])])
def test_one_family_knows_a_checkpoint_or_the_right_one_is_tried_first(goldens, folder, names):
    """A captioner of Hugging Face has a ViT inside."""
    state = checkpoints.State(goldens / folder)
    assert [name for name, each in checkpoints.SOURCES.items()
            if each.prefixes(state)] == names


def test_no_name_means_something_else():
    assert "auto" not in checkpoints.SOURCES


@FAMILIES
def test_something_tells_each_family(family):
    assert family.keys or family.metadata is not None


@FAMILIES
def test_loaders_heed_arguments_of_load_only(family):
    offered = {name for name, each in inspect.signature(checkpoints.load).parameters.items()
               if each.kind is each.KEYWORD_ONLY}
    assert set(family.takes) <= offered - {"sha256"}


@FAMILIES
def test_loaders_take_the_state_and_each_configuration(family):
    """What is taken by name only has a default, for it need not be given."""
    parameters = inspect.signature(family.load).parameters.values()
    ordered = [each for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    assert len(ordered) == 1 + len(family.configs)
    assert all(each.default is not each.empty for each in parameters if each not in ordered)
