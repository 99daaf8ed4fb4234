"""Benchmark sets of the ViT paper, read through tensorflow-datasets, with their splits and terms.

The splits are those of these papers:

- Dosovitskiy et al. 2021, appendix B.1.1. It keeps 2 % of CIFAR, 1 % of ImageNet and 10 % of Pets
  and Flowers for choosing hyper-parameters. It tests on ImageNet's public validation images.
- VTAB-1k: Zhai et al. 2019 and its code, github.com/google-research/task_adaptation. It trains on
  800 examples and chooses on 200. Load `"train+validation"` for the last training on all 1,000.
- Captions: Karpathy and Li 2015. COCO's `restval` belongs to training.

Within one major version of a set tensorflow-datasets keeps its examples and their order. So a
slice such as `train[:800]` names the same images on every machine.
"""

import dataclasses
import functools
import typing
from collections.abc import Iterable, Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class Entry:
    """A set of images and one question about them.

    Attributes:
        builder: Name of the set in tensorflow-datasets, with its configuration and major version.
        splits: `"train"`, `"validation"` and `"test"` to expressions of tensorflow-datasets.
        terms: Licence or terms of use, in a phrase, as its page states them.
        page: Where the terms stand and, for some sets, access is asked for.
        paper: Author and year to cite.
        key: Feature that holds the answer.
        label: Function of that feature to a label, as `StoredImages` takes it.
        classes: Names of the classes, or `None` for those of the set. There are none for captions.
        metric: Name of the metric that papers report.
        size: `(height, width)` in pixels that a ViT is usually fine-tuned at.
        white: Value that the set stores for white.
    """

    builder: str
    splits: dict[str, str]
    terms: str = "unknown"
    page: str = "https://www.tensorflow.org/datasets/catalog"
    paper: str = ""
    key: str = "label"
    label: typing.Callable = int
    classes: tuple[str, ...] | None = None
    metric: str = "accuracy"
    size: tuple[int, int] = (384, 384)
    white: int = 255


def several(indices: Sequence[int] | np.ndarray, num_classes: int = 1000) -> np.ndarray:
    """Turns the right classes of an image into float32, `(num_classes,)`, with 1 at each.

    Real accuracy is the share of images whose predicted class is among the right ones, over the
    images that have any.

    Paper: Beyer et al. 2020, "Are we done with ImageNet?".

    >>> several([3, 1], num_classes=5).tolist()
    [0.0, 1.0, 0.0, 1.0, 0.0]
    """
    label = np.zeros(num_classes, "float32")
    label[np.asarray(indices, int)] = 1.0
    return label


def captions(texts: dict | Iterable[str | bytes]) -> list[str]:
    """Turns UTF-8 texts, or a dictionary that holds them as `text`, into a list of strings.

    >>> captions({"text": [b"a dog"]})
    ['a dog']
    """
    texts = texts["text"] if isinstance(texts, dict) else texts
    return [text.decode() if isinstance(text, bytes) else str(text) for text in texts]


def object_count(objects: dict) -> int:
    """Turns CLEVR's objects into the class of their number. An image has 3 to 10."""
    return len(objects["size"]) - 3


def object_distance(objects: dict) -> int:
    """Turns CLEVR's objects into the class of the nearest one's distance from the camera.

    >>> object_distance({"pixel_coords": [[320.0, 160.0, 9.75], [250.0, 90.0, 8.25]]})
    1
    """
    return int(np.searchsorted((8.0, 8.5, 9.0, 9.5, 10.0), _nearest(objects["pixel_coords"])))


def vehicle_distance(objects: dict) -> int:
    """Turns KITTI's objects into the class of the nearest vehicle's distance from the camera.

    Cars, vans and trucks are vehicles.

    >>> vehicle_distance({"type": [0, 3], "location": [[1.5, 1.7, 9.25], [0.0, 1.7, 4.0]]})
    1
    """
    vehicles = [place for kind, place in zip(objects["type"], objects["location"], strict=True)
                if kind < 3]
    return int(np.searchsorted((8.0, 20.0), _nearest(vehicles))) if vehicles else 3


def _nearest(places):
    """Returns the smallest third coordinate, which lies along the optical axis."""
    return min(float(place[2]) for place in places)


def binned(value: int, stored: int) -> int:
    """Turns one of `stored` neighbouring values into one of 16 classes, as even as can be.

    >>> [binned(value, stored=40) for value in (0, 2, 3, 39)]
    [0, 0, 1, 15]
    """
    return int(value) * 16 // stored


def _binned(stored):
    bins = [[value for value in range(stored) if binned(value, stored) == each]
            for each in range(16)]
    return {"label": functools.partial(binned, stored=stored), "white": 1,
            "classes": tuple(f"{values[0]} to {values[-1]} of {stored}" for values in bins)}


# builder: terms, page, paper
_SETS = {
    "caltech101:3.*.*": (
        "CC BY 4.0", "https://data.caltech.edu/records/mzrjq-6wc02", "Fei-Fei et al. 2004"),
    "cifar10:3.*.*": (
        "none stated", "https://www.cs.toronto.edu/~kriz/cifar.html", "Krizhevsky 2009"),
    "cifar100:3.*.*": (
        "none stated", "https://www.cs.toronto.edu/~kriz/cifar.html", "Krizhevsky 2009"),
    "clevr:3.*.*": (
        "CC BY 4.0", "https://cs.stanford.edu/people/jcjohns/clevr/", "Johnson et al. 2017"),
    "coco_captions/2014:1.*.*": (
        "captions CC BY 4.0, images under Flickr's terms", "https://cocodataset.org/#termsofuse",
        "Lin et al. 2014"),
    "diabetic_retinopathy_detection/btgraham-300:3.*.*": (
        "rules of the competition, on registration",
        "https://www.kaggle.com/c/diabetic-retinopathy-detection/rules", "Kaggle and EyePacs 2015"),
    "dmlab:2.*.*": (
        "Apache-2.0", "https://github.com/google-research/task_adaptation", "Zhai et al. 2019"),
    "dsprites:2.*.*": (
        "Apache-2.0", "https://github.com/google-deepmind/dsprites-dataset", "Matthey et al. 2017"),
    "dtd:3.*.*": (
        "for research", "https://www.robots.ox.ac.uk/~vgg/data/dtd/", "Cimpoi et al. 2014"),
    "eurosat/rgb:2.*.*": ("MIT", "https://github.com/phelber/EuroSAT", "Helber et al. 2019"),
    "flickr30k:1.*.*": (
        "non-commercial research and education, on request, images under Flickr's terms",
        "https://shannon.cs.illinois.edu/DenotationGraph/", "Young et al. 2014"),
    "imagenet2012:5.*.*": (
        "non-commercial research and education, on registration",
        "https://image-net.org/download.php", "Russakovsky et al. 2015"),
    "imagenet2012_real:1.*.*": (
        "images as ImageNet's, on registration",
        "https://github.com/google-research/reassessed-imagenet", "Beyer et al. 2020"),
    "kitti:3.*.*": (
        "CC BY-NC-SA 3.0", "https://www.cvlibs.net/datasets/kitti/", "Geiger et al. 2012"),
    "oxford_flowers102:2.*.*": (
        "none stated", "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/",
        "Nilsback and Zisserman 2008"),
    "oxford_iiit_pet:4.*.*": (
        "CC BY-SA 4.0", "https://www.robots.ox.ac.uk/~vgg/data/pets/", "Parkhi et al. 2012"),
    "patch_camelyon:2.*.*": ("CC0", "https://github.com/basveeling/pcam", "Veeling et al. 2018"),
    "resisc45:3.*.*": (
        "none stated", "http://www.escience.cn/people/JunweiHan/NWPU-RESISC45.html",
        "Cheng et al. 2017"),
    "smallnorb:2.*.*": (
        "for research, not to be sold", "https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/",
        "LeCun et al. 2004"),
    "sun397/tfds:4.*.*": (
        "for research", "https://vision.princeton.edu/projects/2010/SUN/", "Xiao et al. 2010"),
    "svhn_cropped:3.*.*": (
        "non-commercial use", "http://ufldl.stanford.edu/housenumbers/", "Netzer et al. 2011"),
}


def _entry(builder, train, validation, test, **question):
    splits = {"train": train, "validation": validation, "test": test}
    known = {part: split for part, split in splits.items() if split is not None}
    return Entry(builder, known, *_SETS[builder], **question)


def _vtab(builder, validation="validation[:200]", test="test", **question):
    return _entry(builder, "train[:800]", validation, test, **question)


_COUNTS = tuple(f"{count} objects" for count in range(3, 11))
_DEPTHS = ("up to 8", "8 to 8.5", "8.5 to 9", "9 to 9.5", "9.5 to 10", "beyond 10")
_METRES = ("up to 8 m", "8 to 20 m", "beyond 20 m", "no vehicle")
_TEXTS = {"key": "captions", "label": captions, "classes": (), "metric": "CIDEr",
          "size": (224, 224)}

CATALOGUE = {
    "cifar10": _entry("cifar10:3.*.*", "train[:98%]", "train[98%:]", "test"),
    "cifar100": _entry("cifar100:3.*.*", "train[:98%]", "train[98%:]", "test"),
    "oxford_iiit_pet": _entry("oxford_iiit_pet:4.*.*", "train[:90%]", "train[90%:]", "test"),
    "oxford_flowers102": _entry("oxford_flowers102:2.*.*", "train[:90%]", "train[90%:]", "test"),
    "imagenet2012": _entry("imagenet2012:5.*.*", "train[:99%]", "train[99%:]", "validation"),
    "imagenet2012_real": _entry(
        "imagenet2012_real:1.*.*", None, None, "validation", key="real_label", label=several,
        metric="real accuracy"),
    # One split of 27,000, cut 60 : 20 : 20 as VTAB cuts it, so that the test images are the same.
    "eurosat": _entry(
        "eurosat/rgb:2.*.*", "train[:60%]", "train[60%:80%]", "train[80%:]", size=(64, 64)),
    "coco_captions": _entry("coco_captions/2014:1.*.*", "train+restval", "val", "test", **_TEXTS),
    "flickr30k": _entry("flickr30k:1.*.*", "train", "validation", "test", **_TEXTS),
    # VTAB-1k. Where a set has no validation split, the 200 follow the first 90, 80 or 60 % of its
    # training split. So 2,754 is 90 % of Caltech's 3,060.
    "vtab/caltech101": _vtab("caltech101:3.*.*", "train[2754:2954]"),
    "vtab/cifar100": _vtab("cifar100:3.*.*", "train[45000:45200]"),
    "vtab/dtd": _vtab("dtd:3.*.*"),
    "vtab/oxford_flowers102": _vtab("oxford_flowers102:2.*.*"),
    "vtab/oxford_iiit_pet": _vtab("oxford_iiit_pet:4.*.*", "train[2944:3144]"),
    "vtab/sun397": _vtab("sun397/tfds:4.*.*"),
    "vtab/svhn": _vtab("svhn_cropped:3.*.*", "train[65931:66131]"),
    "vtab/patch_camelyon": _vtab("patch_camelyon:2.*.*"),
    "vtab/eurosat": _vtab("eurosat/rgb:2.*.*", "train[16200:16400]", "train[21600:]"),
    "vtab/resisc45": _vtab("resisc45:3.*.*", "train[18900:19100]", "train[25200:]"),
    "vtab/diabetic_retinopathy": _vtab("diabetic_retinopathy_detection/btgraham-300:3.*.*"),
    "vtab/clevr_count": _vtab(
        "clevr:3.*.*", "train[63000:63200]", "validation", key="objects", label=object_count,
        classes=_COUNTS),
    "vtab/clevr_distance": _vtab(
        "clevr:3.*.*", "train[63000:63200]", "validation", key="objects", label=object_distance,
        classes=_DEPTHS),
    "vtab/dmlab": _vtab("dmlab:2.*.*"),
    "vtab/dsprites_location": _vtab(
        "dsprites:2.*.*", "train[589824:590024]", "train[663552:]", key="label_x_position",
        **_binned(32)),
    "vtab/dsprites_orientation": _vtab(
        "dsprites:2.*.*", "train[589824:590024]", "train[663552:]", key="label_orientation",
        **_binned(40)),
    "vtab/smallnorb_azimuth": _vtab(
        "smallnorb:2.*.*", "test[:200]", "test[50%:]", key="label_azimuth"),
    "vtab/smallnorb_elevation": _vtab(
        "smallnorb:2.*.*", "test[:200]", "test[50%:]", key="label_elevation"),
    "vtab/kitti_distance": _vtab(
        "kitti:3.*.*", key="objects", label=vehicle_distance, classes=_METRES),
}
