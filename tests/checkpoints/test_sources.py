"""Laws of the list of families."""

import inspect

import pytest

from keras_seqattn import checkpoints

FAMILIES = pytest.mark.parametrize("family", checkpoints.SOURCES.values(),
                                   ids=lambda family: family.name)


def test_names_and_the_order_in_which_they_are_tried():
    """Google's files of both projects have an embedding, and a captioner has a ViT inside."""
    assert list(checkpoints.SOURCES) == [
        "keras_seqattn", "google", "big_vision", "huggingface-encoder-decoder", "huggingface",
        "imagegpt", "timm", "torchvision", "bit", "openai"]
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
