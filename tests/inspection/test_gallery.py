"""`keras_seqattn.inspection.gallery`: every figure of every kind of Vision Transformer."""

import numpy as np
import pytest
from arrays import array, assert_close

from keras_seqattn import inspection
from keras_seqattn.data.batches import scale
from keras_seqattn.inspection import gallery
from keras_seqattn.testing import check_error

pytest.importorskip("matplotlib")


@pytest.fixture
def pixels(rng):
    return rng.integers(0, 256, size=(2, 24, 16, 3), dtype="uint8")


@pytest.mark.parametrize("name", gallery.FIGURES)
def test_every_figure_says_what_it_shows_and_has_its_numbers(small_vit, pixels, name):
    drawn = gallery.draw(name, small_vit(num_registers=2), pixels)
    assert drawn.title
    assert drawn.caption.endswith(".")
    assert drawn.arrays
    assert all(np.isfinite(each).all() for each in drawn.arrays.values())
    drawn.figure.canvas.draw()


def test_the_numbers_are_those_of_the_functions(small_vit, pixels):
    model, images = small_vit(), scale(pixels)
    for name, key, expected in (
            ("attention", "attention_maps", inspection.attention_maps(model, images)),
            ("rollout", "rollout_maps", inspection.rollout_maps(model, images)),
            ("gradient-rollout", "gradient_rollout_maps",
             inspection.gradient_rollout_maps(model, images)),
            ("distance", "attention_distances", inspection.attention_distances(model, images)),
            ("distance", "uniform_distance", inspection.uniform_distance((3, 2), 8)),
            ("ranges", "ranges_hidden_max",
             inspection.activation_ranges(model, images)["hidden"]["max"])):
        assert_close(gallery.draw(name, model, pixels).arrays[key], expected)


def test_titles_are_what_the_model_says(small_vit, pixels):
    model = small_vit()
    said = array(model(scale(pixels))).argmax(axis=-1)
    titles = [axis.get_title() for axis in gallery.draw(
        "attention", model, pixels, list("abcde")).figure.axes[:2]]
    assert titles == ["abcde"[each] for each in said]
    names = ["field.png", "a_series_with_a_long_name_017.png"]
    titles = [axis.get_title() for axis in gallery.draw(
        "attention", model, pixels[:2], list("abcde"), names).figure.axes[:2]]
    assert titles == [f"field.png\n{'abcde'[said[0]]}",
                      f"…{names[1][-23:]}\n{'abcde'[said[1]]}"]
    assert gallery.classes_said(model, pixels) == [f"class {each}" for each in said]
    assert gallery.classes_said(small_vit(pooling="none", num_classes=0), pixels) == ["", ""]


def test_figures_that_need_a_picture_or_none(small_vit):
    model = small_vit()
    for name in gallery.FIGURES:
        if name in gallery.WITHOUT_PICTURES:
            gallery.draw(name, model)
        else:
            check_error(lambda name=name: gallery.draw(name, model), figure=name)
    check_error(lambda: gallery.draw("atention", model), figure="atention")
