"""`keras_seqattn.training.recipe.sections`: what a section says reaches the model."""

import typing

import pytest

from keras_seqattn import models
from keras_seqattn.models import (
    big_transfer,
    encoder_decoder,
    vision_tokens,
    vision_transformer,
)
from keras_seqattn.testing import check_error
from keras_seqattn.training.recipe import sections
from keras_seqattn.training.recipe.reading import FOLDER, read
from keras_seqattn.training.tasks.rematerialisation import What

STATISTICS = {"pixel_mean": [0, 0, 0], "pixel_std": [1, 1, 1]}
NANO = {"size": "nano", "patch_size": 8, "image_shape": (16, 16, 3), "num_layers": 1}


@pytest.mark.parametrize("name", [file.stem for file in FOLDER.glob("*.yaml")])
def test_every_recipe_that_comes_along_is_valid_and_builds(name):
    recipe = read(name)
    assert recipe.model.build(7).output_shape[-1] == 7


@pytest.mark.parametrize(("section", "field", "table"), [
    (sections.ViTSection, "size", vision_transformer.SIZES),
    (sections.ViTSection, "stem", vision_transformer.STEMS),
    (sections.ViTSection, "position", vision_tokens.POSITIONS),
    (sections.BiTSection, "size", big_transfer.SIZES),
    (sections.TransformerSection, "size", encoder_decoder.SIZES),
    (sections.CaptionerSection, "encoder", ("conv", *vision_transformer.SIZES)),
    (sections.ViTSection, "rematerialise", typing.get_args(What)),
    (sections.TrainedSection, "rematerialise", typing.get_args(What))])
def test_a_section_knows_the_names_of_its_model_and_no_others(section, field, table):
    """They stand in both places, since a recipe is read before Keras is imported."""
    annotation = section.model_fields[field].annotation
    names = [name for each in typing.get_args(annotation)
             for name in ([each] if isinstance(each, str) else typing.get_args(each))]
    assert set(names) == set(table)


def test_fields_reach_the_model():
    model = sections.ViTSection(**NANO, stem="conv", dtype="mixed_bfloat16").build(5, **STATISTICS)
    assert type(model.get_layer("patches")).__name__ == "ConvStem"
    assert model.get_layer("block_0").compute_dtype == "bfloat16"
    assert model.get_layer("standardise") is not None
    assert model.output_shape == (None, 5)


def test_a_residual_network_is_described_by_its_own_fields():
    model = sections.BiTSection(
        architecture="bit", size="r50x1", image_shape=(32, 24, 3), num_layers=(1, 2), width=8,
        num_groups=2).build(5, seed=3, **STATISTICS)
    assert model.output_shape == (None, 5)
    assert model.get_layer("pool").output.shape == (None, 64)


@pytest.fixture
def trained(tmp_path):
    path = tmp_path / "start.keras"
    models.vit("nano", 8, (16, 16, 3), 5, num_layers=1).save(path)
    return sections.TrainedSection(architecture="trained", weights=str(path),
                                   image_shape=(24, 16, 3), rematerialise=True)


def test_a_trained_model_gets_another_size_and_head(trained):
    model = trained.build(7)
    assert (model.input_shape, model.output_shape) == ((None, 24, 16, 3), (None, 7))


def test_a_trained_model_standardises_as_it_has_learned_to(trained):
    check_error(lambda: trained.build(7, **STATISTICS), given=["pixel_mean", "pixel_std"])


@pytest.mark.parametrize("on", [False, True, "blocks", "attention"])
def test_blocks_are_rematerialised_when_asked(trained, on):
    vit = sections.ViTSection(**NANO, rematerialise=on).build(5)
    again = trained.model_copy(update={"rematerialise": on}).build(5)
    for block in (model.get_layer("block_0") for model in (vit, again)):  # what is replaced
        assert ("call" in vars(block)) == (on in (True, "blocks"))
        assert ("_attend" in vars(block.attention)) == (on == "attention")


def test_the_card_has_what_is_set(trained):
    assert sections.ViTSection(**NANO).card() == {"size": "nano", "image_shape": [16, 16, 3]}
    assert trained.card() == {"weights": trained.weights, "image_shape": [24, 16, 3]}
