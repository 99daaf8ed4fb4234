"""Every figure of a Vision Transformer by its name, drawn from the model and from pictures."""

import dataclasses
import typing
from collections.abc import Callable, Sequence

import keras
import numpy as np

from keras_seqattn.data.batches import scale
from keras_seqattn.errors import explain, nearest
from keras_seqattn.inspection import figures
from keras_seqattn.inspection.attention import attention_maps
from keras_seqattn.inspection.attention_rollout import gradient_rollout_maps, rollout_maps
from keras_seqattn.inspection.distance import attention_distances, uniform_distance
from keras_seqattn.inspection.filters import patch_filters
from keras_seqattn.inspection.positions import position_similarity
from keras_seqattn.inspection.ranges import activation_ranges
from keras_seqattn.models import vit_geometry

if typing.TYPE_CHECKING:
    from matplotlib.figure import Figure

Labels = Sequence[str] | None
LONGEST = 24   # letters of a picture's name that stand above it


@dataclasses.dataclass(frozen=True)
class Drawn:
    """A figure with its numbers and its texts.

    Attributes:
        figure: The figure.
        arrays: The numbers that the figure shows, by name.
        title: What the figure is.
        caption: How to read the figure.
    """

    figure: "Figure"
    arrays: dict[str, np.ndarray]
    title: str
    caption: str


def draw(name: str, model: keras.Model, pixels: np.ndarray | None = None,
         labels: Labels = None, names: Sequence[str] = ()) -> Drawn:
    """Draws a figure of a Vision Transformer.

    Args:
        name: A key of `FIGURES`.
        model: Vision Transformer, functional.
        pixels: Pictures in the model's size, uint8, `(n, height, width, channels)`. Means and
            ranges are over all pictures. The figures in `WITHOUT_PICTURES` need none.
        labels: Names of the classes. Classes without names are shown as numbers.
        names: Names of the pictures, which stand above them.

    Returns:
        The figure, its numbers, its title and its caption.

    Raises:
        ValueError: `name` is unknown, pictures are missing, or the model lacks what is shown.
    """
    if name not in FIGURES:
        raise ValueError(explain("the figure is not known", figure=name,
                                 fix=nearest(name, FIGURES)))
    if pixels is None and name not in WITHOUT_PICTURES:
        raise ValueError(explain("the figure needs a picture", figure=name,
                                 fix=f"pass one, or draw one of {', '.join(WITHOUT_PICTURES)}"))
    return FIGURES[name](model, pixels, labels, names)


def classes_said(model: keras.Model, pixels: np.ndarray, labels: Labels = None) -> list[str]:
    """The class that a model gives each picture, as text; empty texts where it has no classes."""
    output = model.predict_on_batch(scale(pixels))
    if output.ndim != 2:
        return [""] * len(pixels)
    said = output.argmax(axis=-1)
    return [f"class {place}" if labels is None else labels[place] for place in said]


def _attention(model: keras.Model, pixels: np.ndarray, labels: Labels,
               names: Sequence[str]) -> Drawn:
    maps = attention_maps(model, scale(pixels))
    return _over_pictures(
        maps, "attention_maps", model, pixels, labels, names, "share of the attention",
        "Attention in the last block",
        "What the model pools reads bright patches most. Each map is the mean of the heads.")


def _rollout(model: keras.Model, pixels: np.ndarray, labels: Labels,
             names: Sequence[str]) -> Drawn:
    maps = rollout_maps(model, scale(pixels))
    return _over_pictures(
        maps, "rollout_maps", model, pixels, labels, names, "share of the output",
        "Attention rolled out through all blocks",
        "How much of the output comes from each patch if half of each block's output comes through "
        "its attention (Abnar and Zuidema 2020). Each map is the mean of the heads.")


def _gradient_rollout(model: keras.Model, pixels: np.ndarray, labels: Labels,
                      names: Sequence[str]) -> Drawn:
    maps = gradient_rollout_maps(model, scale(pixels))
    return _over_pictures(
        maps, "gradient_rollout_maps", model, pixels, labels, names, "relevance",
        "What speaks for the class",
        "Attention that raises the logit of the class above each picture, followed through all "
        "blocks (Chefer et al. 2021).")


def _over_pictures(maps: np.ndarray, name: str, model: keras.Model, pixels: np.ndarray,
                   labels: Labels, names: Sequence[str], unit: str, title: str,
                   caption: str) -> Drawn:
    said = classes_said(model, pixels, labels)
    titles = [f"{_short(name)}\n{each}" for name, each in zip(names, said, strict=True)
              ] if names else said
    return Drawn(figures.attention_figure(pixels, maps, titles, unit), {name: maps}, title,
                 f"{caption} Each picture has a scale of its own.")


def _short(name: str) -> str:
    """The end of a name, which tells pictures of a series apart."""
    return name if len(name) <= LONGEST else f"…{name[1 - LONGEST:]}"


def _distance(model: keras.Model, pixels: np.ndarray, labels: Labels,
              names: Sequence[str]) -> Drawn:
    distances = attention_distances(model, scale(pixels))
    patch_size = vit_geometry(model).patch_size
    shape = pixels.shape[1:3]
    uniform = uniform_distance([side // patch_size for side in shape], patch_size)
    count = f"{len(pixels)} pictures" if len(pixels) > 1 else "one picture"
    return Drawn(
        figures.distance_figure(distances, uniform, shape),
        {"attention_distances": distances, "uniform_distance": np.array(uniform)},
        "Mean attention distance",
        "How far apart the reading and the read patches lie, weighted by attention. Each dot is a "
        f"head (Dosovitskiy et al. 2021, figure 7 right). The mean is over {count}, without class "
        "and register tokens. Low dots look at their neighbourhood, like convolutions.")


def _positions(model: keras.Model, pixels: np.ndarray | None, labels: Labels,
               names: Sequence[str]) -> Drawn:
    similarity = position_similarity(model)
    return Drawn(
        figures.position_figure(similarity), {"position_similarity": similarity},
        "Similarity of positions",
        "Each small map belongs to the patch at its place. The map shows how alike the position of "
        "the patch is to all others (Dosovitskiy et al. 2021, figure 7 centre). Rows and columns "
        "show where the model learned them.")


def _filters(model: keras.Model, pixels: np.ndarray | None, labels: Labels,
             names: Sequence[str]) -> Drawn:
    components, shares = patch_filters(model)
    return Drawn(
        figures.filter_figure(components, shares),
        {"filter_components": components, "filter_shares": shares}, "Patch filters",
        "What the first convolution mostly looks for (Dosovitskiy et al. 2021, figure 7 left). The "
        "number above is the share of the filters' sum of squares. Grey is 0.")


def _ranges(model: keras.Model, pixels: np.ndarray, labels: Labels,
            names: Sequence[str]) -> Drawn:
    ranges = activation_ranges(model, scale(pixels))
    return Drawn(
        figures.ranges_figure(ranges),
        {f"ranges_{place}_{name}": values for place, statistics in ranges.items()
         for name, values in statistics.items()}, "Ranges of activations",
        "What quantisation has to cover. Marks far outside the band are outliers, which coarsen "
        "all other numbers. A high ratio at the lower right says that a few features are to blame.")


FIGURES: dict[str, Callable[..., Drawn]] = {
    "attention": _attention, "rollout": _rollout, "gradient-rollout": _gradient_rollout,
    "distance": _distance, "positions": _positions, "filters": _filters, "ranges": _ranges}
WITHOUT_PICTURES = ("positions", "filters")
