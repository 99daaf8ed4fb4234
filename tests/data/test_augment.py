"""`keras_seqattn.data.augment`."""

import numpy as np
import pytest
from arrays import assert_close
from keras import ops

from keras_seqattn.data import augment
from keras_seqattn.data.augment import (
    AUGMENTATIONS,
    cutmix,
    erase,
    flip,
    light_mixup,
    mixup,
    resized_crop,
    rot90,
    shift,
)


@pytest.fixture
def images(rng):
    return rng.uniform(-1, 1, size=(31, 20, 20, 3)).astype("float32")


LABELS = np.eye(31, dtype="float32")
# Two images, all -1 and all 1. The mean of a mixture tells how much of each is in it.
PAIR = np.stack([np.full((23, 19, 3), value, "float32") for value in (-1, 1)])
PAIR_LABELS = np.eye(2, dtype="float32")


class Drawn:
    """A generator that draws what it is told."""

    def __init__(self, **values):
        self._values = values

    def __getattr__(self, name):
        return lambda *_: self._values[name]


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_shape_dtype_and_seed(images, name):
    before = images.copy()
    first, second, other = (
        AUGMENTATIONS[name](images, LABELS, np.random.default_rng(seed))[0] for seed in (4, 4, 5))
    assert first.shape == images.shape
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()
    np.testing.assert_array_equal(images, before)


def _which(image, candidates):
    return [np.array_equal(image, each) for each in candidates].index(True)


def test_flip_mirrors_about_half(images, rng):
    seen = [_which(out, (image, image[:, ::-1]))
            for out, image in zip(flip(images, LABELS, rng)[0], images, strict=True)]
    assert 5 < sum(seen) < 26


def test_rot90_turns_every_way(images, rng):
    seen = [_which(out, [np.rot90(image, k) for k in range(4)])
            for out, image in zip(rot90(images, LABELS, rng)[0], images, strict=True)]
    assert set(seen) == {0, 1, 2, 3}


def test_shift_moves_by_a_tenth_at_most_and_mirrors(images, rng):
    seen = set()
    for out, image in zip(shift(images, LABELS, rng)[0], images, strict=True):
        padded = np.pad(image, ((2, 2), (2, 2), (0, 0)), mode="reflect")
        seen.add(_which(out, [padded[a:a + 20, b:b + 20] for a in range(5) for b in range(5)]))
    assert len(seen) > 10


@pytest.mark.parametrize(
    "name", ["flip", "rot90", "shift", "resized_crop", "rand_augment", "erase"])
def test_labels_stay_with_their_images(images, rng, name):
    np.testing.assert_array_equal(AUGMENTATIONS[name](images, LABELS, rng)[1], LABELS)


def test_a_crop_by_hand(monkeypatch):
    """Four pixels see two. Their centres lie at -0.25, 0.25, 0.75 and 1.25 of the two."""
    monkeypatch.setattr(augment, "_box", lambda *_: ((0, 1), (1, 3)))
    row = np.arange(4, dtype="float32").reshape(1, 1, 4, 1)
    cropped, _ = resized_crop(row, LABELS[:1], np.random.default_rng(0))
    np.testing.assert_allclose(cropped.ravel(), [1.0, 1.25, 1.75, 2.0])


@pytest.mark.parametrize("box", [((0, 20), (0, 20)), ((3, 14), (7, 8)), ((19, 20), (0, 13))])
def test_a_crop_is_enlarged_as_another_implementation_does(images, monkeypatch, rng, box):
    monkeypatch.setattr(augment, "_box", lambda *_: box)
    cropped, _ = resized_crop(images[:2], LABELS[:2], rng)
    part = images[:2, slice(*box[0]), slice(*box[1])]
    assert_close(cropped, ops.image.resize(
        part, (20, 20), interpolation="bilinear", data_format="channels_last"))


def test_crops_keep_a_twelfth_to_all_of_the_area(rng):
    """Two ramps in place of pixels tell how much of each side is seen, up to half a pixel."""
    ramp = np.linspace(-1, 1, 101, dtype="float32")
    image = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None, :]), axis=-1)
    cropped, _ = resized_crop(np.stack([image] * 40), LABELS, rng)
    high, wide = ((cropped[..., i].max((1, 2)) - cropped[..., i].min((1, 2))) / 2 for i in (0, 1))
    assert (high * wide).min() < 0.2
    assert (high * wide).max() > 0.8
    assert (high * wide > 0.08 - 0.02).all()
    inside = (high < 0.98) & (wide < 0.98)
    ratio = (high / wide)[inside]
    assert ratio.min() > 3 / 4 - 0.05
    assert ratio.max() < 4 / 3 + 0.05
    assert ratio.max() - ratio.min() > 0.3


@pytest.mark.parametrize(("kept", "size"), [(384, 448), (480, 512), (128, 160)])
def test_crops_of_a_fixed_part_lie_anywhere(kept, size, rng):
    """A ramp from -1 to 1. What is left of it tells the part, and where it begins the place."""
    side = size // 16
    ramp = np.tile(np.linspace(-1, 1, side, dtype="float32")[None, :, None], (side, 1, 1))
    images = np.stack([ramp] * 97)
    images[1::2] = images[1::2].transpose(0, 2, 1, 3)
    cut = AUGMENTATIONS[f"crop_{kept}_of_{size}"](images, LABELS, rng)[0]
    for axis, some in ((2, cut[::2]), (1, cut[1::2])):
        first, last = some.min(axis=(1, 2, 3)), some.max(axis=(1, 2, 3))
        assert_close(last - first, np.full(len(some), 2 * (side * kept // size - 1) / (side - 1)))
        places = np.round((first + 1) * (side - 1) / 2).astype(int)
        assert set(places) == set(range(side - side * kept // size + 1)), axis


def test_erase_fills_a_box_of_half_of_the_images_with_noise(rng):
    erased, _ = erase(np.full((60, 70, 30, 3), 5.0, "float32"), None, rng)
    areas = []
    for image in erased:
        changed = image != 5.0
        if changed.any():
            rows, columns = changed.any((1, 2)), changed.any((0, 2))
            assert changed[np.ix_(rows, columns)].all()
            assert changed.sum() == 3 * rows.sum() * columns.sum()
            assert 3 / 4 - 0.2 < rows.mean() / columns.mean() < 4 / 3 + 0.2
            assert np.abs(image[changed]).max() <= 1
            assert np.std(image[changed]) == pytest.approx(3 ** -0.5, abs=0.1)  # even on [-1, 1]
            areas.append(rows.mean() * columns.mean())
    assert 15 < len(areas) < 45
    assert 0.02 - 0.01 < min(areas) < 0.1
    assert 0.3 < max(areas) < 0.4 + 0.02


def test_a_box_lies_anywhere_inside(rng):
    seen = {augment._box(3, 2, 0.1, rng) for _ in range(200)}
    assert seen == {((top, top + 1), (left, left + 1)) for top in range(3) for left in range(2)}
    assert augment._box(3, 2, 1e-9, rng)[0][1] > 0


def test_mixup_by_hand():
    drawn = Drawn(random=0.5, beta=0.25)
    mixed, labels = mixup(PAIR, PAIR_LABELS, drawn)
    np.testing.assert_allclose(mixed, np.stack([0.5 * PAIR[1], -0.5 * PAIR[1]]))
    np.testing.assert_allclose(labels, [[0.25, 0.75], [0.75, 0.25]])


def test_light_mixup_by_hand():
    images, labels = light_mixup(PAIR, PAIR_LABELS, Drawn(beta=0.75))
    assert_close(images[0], np.full((23, 19, 3), -0.5, "float32"))
    assert_close(labels, np.array([[0.75, 0.25], [0.25, 0.75]]))


def test_light_mixup_is_mostly_light(rng):
    """With α = 0.1 a fifth of the shares lie between 0.1 and 0.9, with α = 0.4 a half."""
    shares = np.array([light_mixup(PAIR, PAIR_LABELS, rng)[1][0, 0] for _ in range(400)])
    assert 0.1 < np.mean((shares > 0.1) & (shares < 0.9)) < 0.3


def test_cutmix_by_hand(monkeypatch):
    monkeypatch.setattr(augment, "_box", lambda *_: ((2, 9), (3, 16)))
    mixed, labels = cutmix(PAIR, PAIR_LABELS, Drawn(random=0.5, uniform=0.0))
    expected = PAIR.copy()
    expected[0, 2:9, 3:16], expected[1, 2:9, 3:16] = 1, -1
    np.testing.assert_array_equal(mixed, expected)
    share = 7 * 13 / (23 * 19)
    np.testing.assert_allclose(labels, [[1 - share, share], [share, 1 - share]], rtol=1e-6)


@pytest.mark.parametrize("mix", [mixup, cutmix])
def test_mixing_leaves_half_of_the_pairs_alone(mix):
    mixed, labels = mix(PAIR, PAIR_LABELS, Drawn(random=0.49))
    np.testing.assert_array_equal(mixed, PAIR)
    np.testing.assert_array_equal(labels, PAIR_LABELS)


@pytest.mark.parametrize("mix", [mixup, light_mixup, cutmix])
def test_labels_mix_as_pixels_do(rng, mix):
    shares = []
    for _ in range(60):
        mixed, labels = mix(PAIR, PAIR_LABELS, rng)
        np.testing.assert_allclose(labels.sum(-1), 1, atol=1e-6)
        np.testing.assert_allclose(mixed.mean((1, 2, 3)), labels @ [-1, 1], atol=1e-5)
        if (labels != PAIR_LABELS).any():
            shares.append(labels[0, 1])
    assert 15 < len(shares) < (61 if mix is light_mixup else 45)
    assert min(shares) < 0.1
    assert max(shares) > 0.9


@pytest.mark.parametrize("mix", [mixup, light_mixup, cutmix])
def test_an_example_without_a_neighbour_stays_itself(rng, mix):
    for _ in range(9):
        mixed, labels = mix(PAIR[:1], PAIR_LABELS[:1], rng)
        np.testing.assert_allclose(mixed, PAIR[:1], atol=1e-6)
        np.testing.assert_allclose(labels, PAIR_LABELS[:1], atol=1e-6)
