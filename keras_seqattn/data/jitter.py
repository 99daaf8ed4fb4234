"""Small random changes that leave what a picture shows, and which way it points, as they are."""

import numpy as np

TURN = np.radians(12.0)
STRETCH = 0.18    # share by which sides grow or shrink
SHIFT = 0.08      # share of the side
CONTRAST = 0.15   # factor of the pixels, away from 1
BRIGHTNESS = 0.1  # added to pixels in [-1, 1]


def jitter(images: np.ndarray, labels: np.ndarray,
           rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Turns, stretches, moves and lightens each image a little. What enters is like its border."""
    from PIL import Image

    changed = np.empty_like(images)
    _, height, width, _ = images.shape
    for image, place in zip(images, changed, strict=True):
        pixels = np.clip(np.rint((image + 1.0) * 127.5), 0, 255).astype("uint8")
        grey = pixels.shape[-1] == 1
        border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        fill = tuple(int(each) for each in np.median(border, axis=0))
        picture = Image.fromarray(pixels[..., 0] if grey else pixels)
        picture = picture.transform(
            picture.size, Image.Transform.AFFINE, _affine(height, width, rng),
            resample=Image.Resampling.BILINEAR, fillcolor=fill[0] if grey else fill)
        pixels = np.asarray(picture, "float32").reshape(image.shape) / 127.5 - 1.0
        factor = 1.0 + rng.uniform(-CONTRAST, CONTRAST)
        place[:] = np.clip(pixels * factor + rng.uniform(-BRIGHTNESS, BRIGHTNESS), -1.0, 1.0)
    return changed, labels


def _affine(height, width, rng):
    """Returns Pillow's six numbers, which say where each pixel comes from."""
    turn = rng.uniform(-TURN, TURN)
    across, down = np.exp(rng.uniform(-STRETCH, STRETCH) + rng.uniform(-0.5, 0.5, 2) * STRETCH)
    matrix = np.array([[np.cos(turn) * across, -np.sin(turn) * down],
                       [np.sin(turn) * across, np.cos(turn) * down]])
    centre = np.array([width / 2, height / 2])
    moved = rng.uniform(-SHIFT, SHIFT, 2) * (width, height)
    offset = centre - matrix @ centre + moved
    return (*matrix[0], offset[0], *matrix[1], offset[1])
