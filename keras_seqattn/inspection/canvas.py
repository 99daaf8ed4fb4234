"""An empty figure; matplotlib is asked for only where one is drawn."""

from keras_seqattn.errors import explain

BLUE, ORANGE = "#0072B2", "#D55E00"  # told apart by the colour-blind: Okabe and Ito 2008


def canvas(width, height):
    """An empty figure of a size in inches, to be drawn on and saved; it is never shown."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(explain("figures are drawn by matplotlib", missing="matplotlib",
                                  fix="pip install 'keras_seqattn[figures]'")) from error
    return Figure(figsize=(width, height), layout="constrained")


def overlay(axis, image, received, highest=None):
    """Draws what the patches of an image receive over the image; returns what has the colours."""
    height, width = image.shape[:2]
    axis.imshow(image, extent=(0, width, height, 0), interpolation="bicubic", cmap="gray")
    return axis.imshow(received, extent=(0, width, height, 0), cmap="magma", alpha=0.6, vmin=0.0,
                       vmax=highest, interpolation="bilinear")
