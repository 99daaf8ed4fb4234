"""`keras_seqattn.inspection.figures`: what is drawn is what was computed, with units beside it."""

import sys

import numpy as np
import pytest
from arrays import assert_close

from keras_seqattn import inspection
from keras_seqattn.testing import check_error


@pytest.fixture(autouse=True)
def _matplotlib():
    pytest.importorskip("matplotlib")


@pytest.mark.parametrize("channels", [3, 1])
def test_attention_has_two_rows_and_a_scale_for_each_map(rng, channels):
    pixels = rng.integers(0, 256, size=(2, 24, 16, channels), dtype="uint8")
    maps = rng.random((2, 3, 2))
    figure = inspection.attention_figure(pixels, maps, ["first", "second"], "relevance")
    images, bars = figure.axes[:4], figure.axes[4:]
    assert [axis.get_title() for axis in images] == ["first", "second", "", ""]
    assert [len(axis.images) for axis in images] == [1, 1, 2, 2]
    for axis, received in zip(images[2:], maps, strict=True):
        np.testing.assert_array_equal(axis.images[1].get_array(), received)
        assert axis.images[1].get_extent() == [0, 16, 24, 0]
        assert axis.images[1].get_clim() == (0, received.max())
    assert [bar.get_xlabel() for bar in bars] == ["relevance"] * 2
    figure.canvas.draw()


def test_distances_are_dots_over_their_block(rng):
    distances = rng.uniform(20, 90, size=(5, 3))
    figure = inspection.distance_figure(distances, 70.0, (112, 224, 3))
    axis, = figure.axes
    heads, mean, uniform = axis.lines
    np.testing.assert_array_equal(heads.get_xdata(), np.repeat([1, 2, 3, 4, 5], 3))
    np.testing.assert_array_equal(heads.get_ydata(), distances.ravel())
    np.testing.assert_allclose(mean.get_ydata(), distances.mean(axis=1))
    assert set(uniform.get_ydata()) == {70.0}
    assert "pixels" in axis.get_ylabel()
    assert axis.get_ylim()[0] == 0
    assert axis.get_ylim()[1] > distances.max()
    assert "224 × 112" in axis.get_legend().get_title().get_text()
    figure.canvas.draw()


def test_each_position_has_its_map_at_its_place(rng):
    similarity = rng.uniform(-1, 1, size=(3, 2, 3, 2))
    figure = inspection.position_figure(similarity)
    axis, bar = figure.axes
    sheet = axis.images[0].get_array()
    assert sheet.shape == (11, 5)
    for row, column in np.ndindex(3, 2):
        part = sheet[4 * row:4 * row + 3, 3 * column:3 * column + 2]
        np.testing.assert_array_equal(part, similarity[row, column])
    assert np.ma.getmaskarray(sheet)[3].all()
    assert axis.images[0].get_clim() == (-1, 1)
    assert list(axis.get_yticks()) == [1, 5, 9]    # the middles of the maps
    assert list(axis.get_xticks()) == [0.5, 3.5]
    assert [text.get_text() for text in axis.get_yticklabels()] == ["1", "2", "3"]
    assert bar.get_ylabel() == "cosine similarity"
    figure.canvas.draw()


@pytest.mark.parametrize("channels", [1, 3])
def test_filters_are_grey_where_they_are_zero(rng, channels):
    components = rng.normal(size=(9, 5, 5, channels))
    components[:, 2, 2] = 0
    figure = inspection.filter_figure(components, np.linspace(0.3, 0.1, 9))
    shown = [axis for axis in figure.axes if axis.images]
    assert len(shown) == 9
    assert shown[0].get_title() == "30.0%"
    for axis, component in zip(shown, components, strict=True):
        drawn = np.asarray(axis.images[0].get_array()).reshape(component.shape)
        assert_close(drawn, 0.5 + component / abs(component).max() / 2)
        assert (drawn[2, 2] == 0.5).all()
    figure.canvas.draw()


def test_filters_of_other_channels():
    check_error(lambda: inspection.filter_figure(np.ones((2, 3, 3, 5)), np.ones(2)), channels=5)


def test_ranges_show_band_and_outermost(small_vit, images):
    ranges = inspection.activation_ranges(small_vit(), images)
    figure = inspection.ranges_figure(ranges)
    stream, *others = figure.axes
    std, highest, lowest = stream.lines
    np.testing.assert_array_equal(std.get_xdata(), [0.5, 1, 1.5, 2, 2.5])
    np.testing.assert_array_equal(highest.get_ydata(), [
        ranges["input"]["max"][0], ranges["after_attention"]["max"][0], ranges["input"]["max"][1],
        ranges["after_attention"]["max"][1], ranges["output"]["max"][1]])
    np.testing.assert_array_equal(lowest.get_ydata()[1::2], ranges["after_attention"]["min"])
    for axis, place in zip(others, ("attention_norm", "attention", "feed_forward_norm", "hidden"),
                           strict=False):
        np.testing.assert_array_equal(axis.lines[1].get_ydata(), ranges[place]["max"])
        edges = axis.collections[0].get_paths()[0].vertices[:, 1]
        assert_close([edges.min(), edges.max()],
                     [ranges[place]["low"].min(), ranges[place]["high"].max()])
    ratio = figure.axes[-1]
    np.testing.assert_array_equal(ratio.lines[-1].get_ydata(), ranges["hidden"]["channel_ratio"])
    assert ratio.get_ylim()[1] > max(line.get_ydata().max() for line in ratio.lines)
    figure.canvas.draw()


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    check_error(lambda: inspection.distance_figure(np.ones((2, 3)), 1.0, (8, 8)), ImportError,
                missing="matplotlib")
