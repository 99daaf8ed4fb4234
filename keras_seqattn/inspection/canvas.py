"""Empty figures, pictures on them and figures as text. Only drawing needs matplotlib."""

import base64
import io
import typing

import numpy as np

from keras_seqattn.errors import explain

if typing.TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

Layout = typing.Literal["constrained", "compressed"]
BLUE, ORANGE = "#0072B2", "#D55E00"  # told apart by the colour-blind: Okabe and Ito 2008


def canvas(width: float, height: float, layout: Layout = "constrained") -> "Figure":
    """An empty figure to be drawn on and saved; its size is in inches."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(explain("figures are drawn by matplotlib", missing="matplotlib",
                                  fix="pip install 'keras_seqattn[figures]'")) from error
    return Figure(figsize=(width, height), layout=layout)


def picture(axis: "Axes", image: np.ndarray) -> None:
    """Draws an image, one unit of the axes per pixel."""
    height, width = image.shape[:2]
    axis.imshow(image, extent=(0, width, height, 0), interpolation="bicubic", cmap="gray", vmin=0,
                vmax=255)


def overlay(axis: "Axes", image: np.ndarray, received: np.ndarray,
            highest: float | None = None) -> "AxesImage":
    """Draws what patches receive over the image in grey; returns what has the colours."""
    height, width = image.shape[:2]
    picture(axis, image.mean(axis=-1))
    return axis.imshow(received, extent=(0, width, height, 0), cmap="magma", alpha=0.65, vmin=0.0,
                       vmax=highest, interpolation="bilinear")


def data_url(figure: "Figure", dpi: int) -> str:
    """A figure as a `data:` URL, so that a page that shows the figure stands alone."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
