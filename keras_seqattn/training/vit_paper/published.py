"""Table 2 of the ViT paper, cell by cell: how each was made.

Paper: Dosovitskiy et al. 2021, section 4.1 and appendix B.1.1. The published numbers and the
settings lie in `published.yaml` with their sources.
"""

import collections.abc
import dataclasses
import pathlib
import typing

import yaml

from keras_seqattn.data.catalogue import CATALOGUE
from keras_seqattn.errors import explain, nearest

FILE = pathlib.Path(__file__).with_suffix(".yaml")
PUBLISHED: dict[str, typing.Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
MODELS, DATASETS = PUBLISHED["models"], PUBLISHED["datasets"]
OWN_VALIDATION = 0.1  # share of the training images of a source without a validation split


@dataclasses.dataclass(frozen=True)
class Plan:
    """How one data set is fine-tuned on and measured.

    Attributes:
        source: Source of the training images, as of `data.load`.
        test_source: Source of the test images.
        side: Side of the square images, in pixels, or `None` for the model's own size.
        augment: Names of augmentations.
        learning_rates: Those that the validation images choose among.
        train: Fields of the recipe's `train` section.
    """

    source: str
    test_source: str
    side: int | None
    augment: tuple[str, ...]
    learning_rates: tuple[float, ...]
    train: dict[str, typing.Any]

    def data(self, last: bool) -> dict[str, typing.Any]:
        """Returns the fields of the recipe's `data` section.

        Args:
            last: Whether to train on all images and choose no more.
        """
        own = self.source.startswith("tfds:")
        split = "train+validation" if own and last else "train"
        validation: float | str = 0.0 if last else "split" if own else OWN_VALIDATION
        return {"source": self.source, "split": split, "validation": validation,
                "augment": self.augment}


def plans(dataset: str, model: str | None = None, steps: int | None = None,
          side: int | None = None, learning_rates: collections.abc.Iterable[float] = (),
          **train: typing.Any) -> dict[str, Plan]:
    """Makes the plans of one cell: one for each task of VTAB, otherwise one.

    Args:
        dataset: A key of `DATASETS`, one task such as `"vtab/dtd"`, or a source as of `data.load`.
        model: A key of `MODELS`, or `None` for another model, which is treated as a ViT.
        steps: Number of steps in place of the paper's.
        side: Side of the images in place of the paper's, in pixels.
        learning_rates: Those to choose among in place of the paper's.
        **train: Other fields of the recipe's `train` section in place of the paper's.

    Returns:
        Dictionary from the name of a task to its `Plan`.

    Raises:
        ValueError: the data set or the model is not known.

    >>> list(plans("cifar10", "vit_l16"))
    ['cifar10']
    >>> plans("cifar10", "vit_l16")["cifar10"].learning_rates
    (0.001, 0.003, 0.01, 0.03)
    """
    if model is not None and model not in MODELS:
        raise ValueError(explain("`model` is not in the paper's table", model=model,
                                 fix=nearest(model, MODELS)))
    tasks = [name for name in CATALOGUE if name.startswith("vtab/")]
    if not (dataset in DATASETS or dataset in tasks or ":" in dataset):
        raise ValueError(explain(
            "`dataset` must be one of the paper's, or a source such as pack:FILE.npz",
            dataset=dataset, fix=nearest(dataset, [*DATASETS, *tasks])))
    chosen = tasks if dataset == "vtab" else [dataset]
    changes = {"steps": steps, **train}
    return {task: _plan(task, None if model is None else MODELS[model], side, learning_rates,
                        {name: value for name, value in changes.items() if value is not None})
            for task in chosen}


def _plan(task: str, model: dict | None, side: int | None,
          learning_rates: collections.abc.Iterable[float], changes: dict) -> Plan:
    row = _row(task)
    protocol = "vit" if model is None else model["protocol"]
    train = {**PUBLISHED["protocols"][protocol]}
    if "average" in row:
        train["average"] = row["average"]
    rates = row["learning_rates"]
    if protocol == "bit":
        train.update(PUBLISHED["sizes"][row["size"]])
        rates = PUBLISHED["bit_learning_rates"]
    else:
        train["steps"] = row["steps"]
    train.update(changes)
    parts = train.get("accumulate")
    if parts:  # each step in so many parts, whose gradients are averaged
        if train["batch_size"] % parts:
            raise ValueError(explain(
                "`accumulate` must divide `batch_size`", accumulate=parts,
                batch_size=train["batch_size"], fix="pass a divisor of the batch size"))
        train["batch_size"] //= parts
        train["steps"] *= parts
        if "average" in train:
            train["average"] **= 1 / parts
    train["epochs"] = max(count for count in range(1, 11) if train["steps"] % count == 0)
    test_source = task if ":" in task else f"tfds:{task}"
    trained_on = DATASETS.get(task, {}).get("trained_on", task)
    if model is not None and side is None:
        imagenet = trained_on == "imagenet2012"
        side = model["imagenet_side"] if imagenet else model["side"]
        side = model.get("small_side", side) if _is_small(task, row) else side
    return Plan(task if ":" in task else f"tfds:{trained_on}", test_source, side,
                _augment(task, row, protocol), tuple(learning_rates) or tuple(rates), train)


def _row(task: str) -> dict[str, typing.Any]:
    """What the paper's table says of a task."""
    if task in DATASETS:
        return {**DATASETS.get(DATASETS[task].get("trained_on"), {}), **DATASETS[task]}
    return DATASETS["vtab"] if task.startswith("vtab/") else PUBLISHED["other"]


def _is_small(task: str, row: dict) -> bool:
    return task.removeprefix("vtab/") in PUBLISHED["vtab"]["small_images"] or (
        row.get("small_images", False))


def _augment(task: str, row: dict, protocol: str) -> tuple[str, ...]:
    special, name = PUBLISHED["vtab"], task.removeprefix("vtab/")
    crop = "resized_crop"
    if protocol == "bit":
        crop = "crop_128_of_160" if _is_small(task, row) else "crop_480_of_512"
    elif task.startswith("vtab/"):
        crop = "crop_384_of_448"
    if task.startswith("vtab/") and name in special["unchanged"]:
        return ()
    if task.startswith("vtab/") and name in special["not_mirrored"]:
        return (crop,)
    mixes = protocol == "bit" and row["size"] != "small"
    return (crop, "flip", "light_mixup") if mixes else (crop, "flip")
