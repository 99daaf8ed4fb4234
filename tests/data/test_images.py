"""`keras_seqattn.data.images`: every way of storing a picture ends as 8-bit RGB or grey."""

import io
import warnings

import numpy as np
import pytest

from keras_seqattn.data import decode
from keras_seqattn.data.images import Unreadable, readable
from keras_seqattn.testing import check_error

PIL = pytest.importorskip("PIL.Image")
PIXELS = np.random.default_rng(3).integers(0, 256, size=(5, 7, 3), dtype="uint8")


def _png(array, mode=None):
    buffer = io.BytesIO()
    PIL.fromarray(array, mode).save(buffer, "png") if mode else PIL.fromarray(array).save(
        buffer, "png")
    return buffer.getvalue()


def test_rgb_comes_back_as_it_was(tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(_png(PIXELS))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for image in (path, str(path), path.read_bytes()):
            np.testing.assert_array_equal(decode(image), PIXELS)


def test_grey_is_repeated_and_said():
    with pytest.warns(UserWarning, match="stored as L was converted to 8-bit RGB"):
        image = decode(_png(PIXELS[..., 0]))
    np.testing.assert_array_equal(image, np.repeat(PIXELS[..., :1], 3, axis=-1))


def test_grey_for_a_grey_model_is_as_it_was():
    np.testing.assert_array_equal(decode(_png(PIXELS[..., 0]), channels=1), PIXELS[..., :1])


def test_transparent_becomes_white_and_is_said():
    rgba = np.dstack([PIXELS, np.full((5, 7), 255, "uint8")])
    rgba[1, 2, 3] = 0
    with pytest.warns(UserWarning, match="RGBA"):
        image = decode(_png(rgba))
    expected = PIXELS.copy()
    expected[1, 2] = 255
    np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("grey", [False, True])
def test_a_colour_that_stands_for_transparent_becomes_white(grey, channels):
    array = np.array([[5, 90]], "uint8") if grey else np.array([[[1, 2, 3], [90, 90, 90]]], "uint8")
    buffer = io.BytesIO()
    PIL.fromarray(array).save(buffer, "png", transparency=5 if grey else (1, 2, 3))
    with pytest.warns(UserWarning, match="with transparency"):
        image = decode(buffer.getvalue(), channels=channels)
    assert image.tolist() == [[[255] * channels, [90] * channels]]


def test_sixteen_bits_keep_their_range_and_it_is_said():
    deep = np.linspace(0, 65535, 35).reshape(5, 7).astype("uint16")
    with pytest.warns(UserWarning, match="I;16"):
        image = decode(_png(deep))
    np.testing.assert_array_equal(image[..., 0], np.round(deep / 257.0).astype("uint8"))


def test_palette_is_said():
    buffer = io.BytesIO()
    PIL.fromarray(PIXELS).convert("P").save(buffer, "gif")
    with pytest.warns(UserWarning, match="stored as P"):
        assert decode(buffer.getvalue()).shape == (5, 7, 3)


def test_size_is_height_then_width():
    assert decode(_png(PIXELS), size=(11, 13)).shape == (11, 13, 3)


@pytest.mark.parametrize("content", [b"", b"not a picture", _png(PIXELS)[:40]])
def test_what_is_no_picture(content, tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    check_error(lambda: decode(path), Unreadable, image=str(path))
    check_error(lambda: decode(content), Unreadable, image=f"{len(content)} bytes")
    assert not readable(path)
    assert not readable(content)


def test_what_is_a_picture(tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(_png(PIXELS))
    assert readable(path)
    assert readable(path.read_bytes())


def test_black_and_white_stored_as_zero_and_one():
    """White is 255 before the picture is resized, so that edges become grey, not black."""
    checks = np.array([[0, 1], [1, 0]], "uint8")
    np.testing.assert_array_equal(
        decode(_png(checks), channels=1, white=1)[..., 0], 255 * checks)
    wide = decode(_png(checks), size=(2, 4), channels=1, white=1)[0, :, 0]
    assert (np.diff(wide.astype(int)) >= 0).all()
    assert 0 < wide[1] < wide[2] < 255


def test_a_missing_file_and_a_folder(tmp_path):
    for path in (tmp_path / "nowhere.png", tmp_path):
        check_error(lambda path=path: decode(path), image=str(path))
