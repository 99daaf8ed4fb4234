"""What TensorFlow refuses to compile for a TPU, with its layers, and what to use in its place.

`tensorflow-tpu` brings TensorFlow's own list of the ops that it compiles for TPUs. Elsewhere the
list for CPUs stands in. That of TensorFlow 2.20 for TPUs has every op of the lists of 2.20 and 2.21
for CPUs, and but one other: `ResizeNearestNeighborGrad`. It takes no `complex128`.
"""

import typing

import keras

from keras_seqattn import borrowed
from keras_seqattn.training.doctor import loans, traced

NAMED = 3   # places that are named for one kind of op
RESIZING = ("bicubic", "lanczos3", "lanczos5")
# Layers of Keras to the augmentation of `data.augment` that does the like on the host. Most of them
# turn or bend pictures by ImageProjectiveTransformV3, or draw shares by StatelessRandomGammaV3. No
# list names RandomCrop and RandomElasticTransform: their shapes depend on what is drawn.
INSTEAD = {
    "RandomTranslation": "shift", "RandomRotation": "jitter", "RandomZoom": "jitter",
    "RandomShear": "rand_augment", "RandomPerspective": "rand_augment",
    "RandomElasticTransform": "jitter", "RandomCrop": "resized_crop",
    "RandAugment": "rand_augment", "AugMix": "rand_augment", "MixUp": "mixup", "CutMix": "cutmix"}


class Refused(typing.NamedTuple):
    """One thing that does not compile for a TPU.

    Attributes:
        what: What it is.
        where: The layer and the op.
        fix: How to mend it.
    """

    what: str
    where: str
    fix: str


def ops(model: keras.Model, batch: tuple, training: bool = True) -> list[Refused]:
    """Lists the ops of a step that TensorFlow does not compile for TPUs.

    Args:
        model: `keras.Model` on TensorFlow, compiled and built, optimizer included.
        batch: Inputs, targets and weights as NumPy arrays.
        training: Whether it is the training step, else the validation step.

    Returns:
        One `Refused` for each kind of op; empty if a TPU takes all.

    Raises:
        LoanError: this TensorFlow lacks what is borrowed.

    Cost: the step is traced, not compiled.
    """
    return of_nodes(traced.trace(model, batch, training)[0])


def of_nodes(nodes: list[traced.Node]) -> list[Refused]:
    """Lists the ops of a traced step that TensorFlow does not compile for TPUs.

    Args:
        nodes: As of `traced.trace`.

    Returns:
        As of `ops`.

    Raises:
        LoanError: this TensorFlow lacks what is borrowed.
    """
    known = {*(loans.tpu_kernels() or loans.xla_kernels()), "Placeholder"}
    places: dict[str, list[str]] = {}
    for node in nodes:
        if node.kind not in known:
            places.setdefault(f"{node.kind} does not compile for TPUs", []).append(node.place)
        elif "complex128" in node.takes | node.makes:
            places.setdefault("numbers are complex128, which TPUs lack", []).append(node.place)
    return [Refused(what, ", ".join(dict.fromkeys(named[:NAMED])),
                    "write it with keras.ops, or do it to the data, before the step")
            for what, named in places.items()]


def augmentations(model: keras.Model) -> list[Refused]:
    """Lists the layers of a model that change pictures in a way that is compiled for no TPU.

    Such changes belong on the host, where a recipe's `data.augment` makes them.

    Args:
        model: `keras.Model`. On another backend than TensorFlow all layers compile.

    Returns:
        One `Refused` for each layer, in the model's order.

    Example:

    >>> images = keras.Input((64, 64, 3))
    >>> turned = keras.layers.RandomRotation(0.1, name="turn")(images)
    >>> named = [each.where for each in augmentations(keras.Model(images, turned))]
    >>> named == (["layer turn"] if keras.backend.backend() == "tensorflow" else [])
    True
    """
    if keras.backend.backend() != "tensorflow":
        return []
    found: list[Refused] = []
    inside: set[int] = set()   # of a layer that is taken out as a whole
    for layer in borrowed.all_layers(model):
        kind = type(layer).__name__
        if id(layer) in inside or type(layer) is not getattr(keras.layers, kind, None):
            continue
        if kind in INSTEAD:
            fix = f"take the layer out, and add {INSTEAD[kind]} to data.augment"
        elif kind == "Resizing" and layer.interpolation in RESIZING:
            kind = f"Resizing ({layer.interpolation})"
            fix = "pass interpolation='bilinear', or resize the pictures before they are batched"
        else:
            continue
        inside.update(map(id, borrowed.all_layers(layer)))
        found.append(Refused(f"{kind} does not compile for TPUs", f"layer {layer.name}", fix))
    return found
