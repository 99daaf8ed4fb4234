"""An empty figure; matplotlib is asked for only where one is drawn."""

from keras_seqattn.errors import explain

BLUE, ORANGE = "#0072B2", "#D55E00"  # told apart by the colour-blind: Okabe and Ito 2008


def canvas(width, height, layout="constrained"):
    """An empty figure of a size in inches, to be drawn on and saved; it is never shown."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(explain("figures are drawn by matplotlib", missing="matplotlib",
                                  fix="pip install 'keras_seqattn[figures]'")) from error
    return Figure(figsize=(width, height), layout=layout)


def picture(axis, image):
    """Draws an image, one unit of the axes per pixel."""
    height, width = image.shape[:2]
    axis.imshow(image, extent=(0, width, height, 0), interpolation="bicubic", cmap="gray", vmin=0,
                vmax=255)


def overlay(axis, image, received, highest=None):
    """Draws what patches receive over the image in grey; returns what has the colours."""
    height, width = image.shape[:2]
    picture(axis, image.mean(axis=-1))
    return axis.imshow(received, extent=(0, width, height, 0), cmap="magma", alpha=0.65, vmin=0.0,
                       vmax=highest, interpolation="bilinear")
