"""Writes photographs that are drawn, into a folder: `python photos.py FOLDER`."""

import pathlib
import sys

import numpy as np
from PIL import Image

SIZES = {"megapixel": (1152, 864), "camera": (4000, 3000)}


def photo(width: int, height: int, seed: int = 0) -> Image.Image:
    """Slow waves, edges, fine texture and noise."""
    y, x = np.mgrid[0:height, 0:width].astype("float32") / max(width, height)
    random = np.random.default_rng(seed)
    waves = np.stack(
        [np.sin(9 * x + 3 * y), np.cos(7 * y - 2 * x), np.sin(15 * (x * x + y * y))], -1)
    for _ in range(12):
        left, top, side = random.uniform(0, 0.8, 3)
        right, bottom = left + side / 3, top + side / 4
        inside = (x > left) & (x < right) & (y > top) & (y < bottom)
        waves[inside] = random.uniform(-1, 1, 3)
    texture = 0.2 * np.sin(400 * x * (1 + y))[..., None]
    noise = random.normal(0, 0.06, waves.shape)
    pixels = np.clip((waves + texture + noise) * 127.5 + 127.5, 0, 255)
    return Image.fromarray(pixels.astype("uint8"))


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, size in SIZES.items():
        photo(*size).save(folder / f"{name}.jpg", quality=88)
        if name == "camera":
            photo(*size).save(folder / f"{name}.webp", quality=80, method=0)
            photo(*size).save(folder / f"{name}.png", compress_level=1)
