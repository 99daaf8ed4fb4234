"""RandAugment: two random changes of colour or shape, done by Pillow.

Each image gets two of 14 changes, at a strength of 9 of 30. Keras' layer of this name computes
every change for the whole batch and keeps one. Here nothing but the two is computed.

Paper: Cubuk et al. 2020, "RandAugment: Practical automated data augmentation with a reduced search
space". Its N is 2 here and its M 9.
"""

import numpy as np

STRENGTH = 9 / 30
GREY = (128, 128, 128)


def rand_augment(images: np.ndarray, labels: np.ndarray,
                 rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Changes each image twice at random. What enters at an edge is grey, as in the paper."""
    from PIL import Image

    changed = []
    for image in images:
        pixels = np.clip(np.rint((image + 1.0) * 127.5), 0, 255).astype("uint8")
        grey = pixels.shape[-1] == 1
        picture = Image.fromarray(pixels[..., 0] if grey else pixels).convert("RGB")
        for name in rng.choice(list(_CHANGES), size=2):
            picture = _CHANGES[name](picture, STRENGTH * rng.choice((-1.0, 1.0)))
        pixels = np.asarray(picture.convert("L") if grey else picture, "float32")
        changed.append(pixels.reshape(image.shape) / 127.5 - 1.0)
    return np.stack(changed), labels


def _enhanced(kind):
    def change(picture, strength):
        from PIL import ImageEnhance

        return getattr(ImageEnhance, kind)(picture).enhance(1.0 + 0.9 * strength)
    return change


def _corrected(kind, argument=None):
    def change(picture, strength):
        from PIL import ImageOps

        arguments = () if argument is None else (argument(abs(strength)),)
        return getattr(ImageOps, kind)(picture, *arguments)
    return change


def _moved(matrix):
    def change(picture, strength):
        from PIL import Image

        return picture.transform(
            picture.size, Image.Transform.AFFINE, matrix(strength, *picture.size),
            resample=Image.Resampling.BILINEAR, fillcolor=GREY)
    return change


def _rotated(picture, strength):
    from PIL import Image

    return picture.rotate(30.0 * strength, Image.Resampling.BILINEAR, fillcolor=GREY)


def _unchanged(picture, strength):
    return picture


# name: how it changes a picture at a signed strength of up to 1. The largest changes are those of
# the paper's code.
_CHANGES = {
    "identity": _unchanged,
    "auto_contrast": _corrected("autocontrast"),
    "equalize": _corrected("equalize"),
    "solarize": _corrected("solarize", lambda strength: round(256 * (1.0 - strength))),
    "posterize": _corrected("posterize", lambda strength: 8 - round(4 * strength)),
    "colour": _enhanced("Color"),
    "contrast": _enhanced("Contrast"),
    "brightness": _enhanced("Brightness"),
    "sharpness": _enhanced("Sharpness"),
    "rotate": _rotated,
    "shear_x": _moved(lambda strength, width, height: (1, 0.3 * strength, 0, 0, 1, 0)),
    "shear_y": _moved(lambda strength, width, height: (1, 0, 0, 0.3 * strength, 1, 0)),
    "shift_x": _moved(lambda strength, width, height: (1, 0, 0.45 * strength * width, 0, 1, 0)),
    "shift_y": _moved(lambda strength, width, height: (1, 0, 0, 0, 1, 0.45 * strength * height)),
}
