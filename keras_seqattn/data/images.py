"""Pictures in files to arrays: one decoder for training, evaluation and the device runner."""

import contextlib
import io
import os
import warnings

import numpy as np

from keras_seqattn.errors import explain


class Unreadable(ValueError):
    """A picture that cannot be decoded."""


def decode(image: os.PathLike | str | bytes, size: tuple[int, int] | None = None,
           channels: int = 3, white: int = 255) -> np.ndarray:
    """Reads a picture as 8-bit RGB or grey, whatever it was stored as.

    A picture that is stored otherwise is converted, and a warning says so. It may have a palette,
    transparency, 16 bits or grey for RGB. Transparent parts become white. A photograph that the
    camera stored sideways, with a note in its EXIF data, is turned upright.

    Args:
        image: Path of a picture file, or its bytes.
        size: `(height, width)` in pixels to resize to. Defaults to the picture's own.
        channels: 3 for RGB, 1 for grey.
        white: Value that is stored for white. It becomes 255.

    Returns:
        NumPy uint8, `(height, width, channels)`.

    Raises:
        Unreadable: the file is missing, unreadable or no picture. It is a `ValueError`.
    """
    from PIL import Image

    with _opened(image) as picture:
        picture = _to_eight_bits(picture, "RGB" if channels == 3 else "L")
    if white != 255:
        picture = picture.point([min(255, value * 255 // white) for value in range(256)] * channels)
    if size is not None and picture.size != (size[1], size[0]):
        picture = picture.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(picture, "uint8").reshape(picture.height, picture.width, channels)


def readable(image: os.PathLike | str | bytes) -> bool:
    """Tells whether `decode` can read a picture, by decoding it."""
    try:
        with _opened(image):
            return True
    except Unreadable:
        return False


@contextlib.contextmanager
def _opened(image):
    from PIL import Image, ImageOps, UnidentifiedImageError

    name = f"{len(image)} bytes" if isinstance(image, bytes) else str(image)
    try:
        with Image.open(io.BytesIO(image) if isinstance(image, bytes) else image) as picture:
            picture.load()
            ImageOps.exif_transpose(picture, in_place=True)
            yield picture
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise Unreadable(explain(
            "`image` must be a readable picture", image=name, error=str(error),
            fix="pass a JPEG, PNG, WebP or BMP file")) from error


def _to_eight_bits(picture, mode):
    from PIL import Image

    stored = picture.mode + (" with transparency" if picture.has_transparency_data else "")
    if stored == mode:
        return picture
    warnings.warn(f"a picture stored as {stored} was converted to 8-bit {mode}", stacklevel=3)
    if stored.startswith(("I", "F")):
        values = np.asarray(picture, "float32")
        scale = 257.0 if stored.startswith("I") else 1.0 / 255.0
        picture = Image.fromarray(np.clip(np.round(values / scale), 0, 255).astype("uint8"))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert(mode)
