"""`keras_seqattn.data.rand_augment`."""

import numpy as np
import pytest

from keras_seqattn.data import rand_augment as module
from keras_seqattn.data.batches import scale
from keras_seqattn.data.rand_augment import GREY, rand_augment

Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def pixels(rng):
    return rng.integers(256, size=(20, 20, 3)).astype("uint8")


def _change(name, pixels, strength):
    return np.asarray(module._CHANGES[name](Image.fromarray(pixels), strength)).astype(int)


def _flat(*colour):
    return np.broadcast_to(np.array(colour, "uint8"), (20, 20, 3)).copy()


def test_there_are_the_fourteen_changes_of_the_paper():
    assert len(module._CHANGES) == 14


@pytest.mark.parametrize("channels", [3, 1])
def test_each_image_is_changed_twice_at_nine_thirtieths_either_way(monkeypatch, channels):
    calls = []

    def note(name):
        return lambda picture, strength: calls.append((name, float(strength))) or picture
    monkeypatch.setattr(module, "_CHANGES", {name: note(name) for name in "abcde"})
    images = np.zeros((50, 3, 5, channels), "float32")
    rand_augment(images, None, np.random.default_rng(3))
    assert len(calls) == 100
    assert {name for name, _ in calls} == set("abcde")
    assert {strength for _, strength in calls} == {-0.3, 0.3}
    assert 1 < sum(one[0] == two[0] for one, two in zip(calls[::2], calls[1::2], strict=True)) < 25


@pytest.mark.parametrize("channels", [3, 1])
def test_pixels_survive_the_way_to_pillow_and_back(monkeypatch, channels):
    monkeypatch.setattr(module, "_CHANGES", {"identity": module._CHANGES["identity"]})
    images = scale(np.arange(256, dtype="uint8").reshape(4, 8, 8, 1).repeat(channels, axis=-1))
    changed, _ = rand_augment(images, None, np.random.default_rng(0))
    assert changed.dtype == np.float32
    np.testing.assert_array_equal(changed, images)


def test_values_beyond_the_range_are_cut(monkeypatch):
    monkeypatch.setattr(module, "_CHANGES", {"identity": module._CHANGES["identity"]})
    images = np.array([-1.5, 1.5], "float32").reshape(1, 1, 2, 1)
    changed, _ = rand_augment(images, None, np.random.default_rng(0))
    np.testing.assert_array_equal(changed.ravel(), [-1, 1])


@pytest.mark.parametrize("channels", [3, 1])
def test_the_same_seed_gives_the_same_images(rng, channels):
    images = rng.uniform(-1, 1, size=(11, 13, 17, channels)).astype("float32")
    first, twin, other = (
        rand_augment(images, None, np.random.default_rng(seed))[0] for seed in (3, 3, 5))
    assert first.shape == images.shape
    np.testing.assert_array_equal(first, twin)
    assert (first != other).any()
    assert np.abs(first).max() <= 1


@pytest.mark.parametrize(("name", "strength", "before", "after"), [
    ("identity", 0.3, (201, 100, 50), (201, 100, 50)),
    ("brightness", 0.3, (100, 50, 10), (127, 63, 12)),         # times 1 + 0.9 * 0.3
    ("brightness", -1.0, (100, 50, 10), (10, 5, 1)),           # times 0.1
    ("contrast", -1.0, (100, 100, 100), (100, 100, 100)),      # one grey has no contrast
    ("colour", 1.0, (90, 90, 90), (90, 90, 90)),               # nor colour
    ("colour", -1.0, (255, 0, 0), (93, 68, 68)),               # 0.9 of its grey, 76; 0.1 of itself
    ("solarize", 0.3, (178, 179, 255), (178, 76, 0)),          # inverted from 256 * 0.7 on
    ("solarize", -0.3, (178, 179, 255), (178, 76, 0)),
    ("posterize", 0.3, (201, 100, 255), (200, 100, 254)),      # 8 - 1 bits
    ("posterize", 1.0, (201, 100, 255), (192, 96, 240)),       # 8 - 4 bits
])
def test_colours_by_hand(name, strength, before, after):
    np.testing.assert_array_equal(_change(name, _flat(*before), strength), _flat(*after))


def test_contrast_moves_from_the_mean():
    pixels = _flat(40, 40, 40)
    pixels[10:] = 60
    changed = _change("contrast", pixels, -1.0)  # a tenth of the way from 50
    assert (changed[0, 0, 0], changed[19, 0, 0]) == (49, 51)


def test_auto_contrast_spans_the_whole_range():
    pixels = _flat(50, 60, 70)
    pixels[10:] = (100, 61, 255)
    changed = _change("auto_contrast", pixels, 0.3)
    np.testing.assert_array_equal(changed[0, 0], [0, 0, 0])
    np.testing.assert_allclose(changed[19, 19], [255, 255, 255], atol=1)  # rounded down


def test_equalize_makes_values_equally_frequent(rng):
    dark = rng.integers(51, size=(200, 200, 3)).astype("uint8")
    changed = _change("equalize", dark, 0.3)
    assert np.quantile(changed, (0.25, 0.5, 0.75)) == pytest.approx([63.75, 127.5, 191.25], abs=6)


def test_sharpness_of_a_flat_image_is_nothing_and_blur_lowers_the_deviation(pixels):
    np.testing.assert_array_equal(_change("sharpness", _flat(9, 8, 7), 1.0), _flat(9, 8, 7))
    assert _change("sharpness", pixels, -1.0).std() < pixels.std()
    assert _change("sharpness", pixels, 1.0).std() > pixels.std()


@pytest.mark.parametrize("sign", [1, -1])
def test_rotation_is_by_thirty_degrees_at_full_strength(pixels, sign):
    np.testing.assert_array_equal(_change("rotate", pixels, 3.0 * sign), np.rot90(pixels, sign))


def test_shifts_are_by_up_to_nine_twentieths(pixels):
    right = _change("shift_x", pixels, 1.0)
    np.testing.assert_array_equal(right[:, :11], pixels[:, 9:])
    np.testing.assert_array_equal(right[:, 11:], np.broadcast_to(GREY, (20, 9, 3)))
    down = _change("shift_y", pixels, -1.0)
    np.testing.assert_array_equal(down[9:], pixels[:11])
    np.testing.assert_array_equal(down[:9], np.broadcast_to(GREY, (9, 20, 3)))


def test_shears_move_by_three_tenths_of_the_other_side():
    ramp = np.broadcast_to((10 * np.arange(20, dtype="uint8"))[None, :, None], (20, 20, 3)).copy()
    places = np.arange(20) + 0.3 * (np.arange(20)[:, None] + 0.5)  # row y reads 0.3 y further right
    inside = places < 18.5
    for name, turned in (("shear_x", False), ("shear_y", True)):
        pixels = ramp.transpose(1, 0, 2).copy() if turned else ramp
        changed = _change(name, pixels, 1.0)[..., 0]
        changed = changed.T if turned else changed
        np.testing.assert_allclose(changed[inside], 10 * places[inside], atol=1)
        assert (changed[places > 20] == GREY[0]).all()
