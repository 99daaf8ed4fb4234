"""`keras_seqattn.data.catalogue`: every set goes through the real loader to a step of training."""

import math

import keras
import numpy as np
import pytest

from keras_seqattn import data, models
from keras_seqattn.data import catalogue
from keras_seqattn.data.batches import scale
from keras_seqattn.data.catalogue import CATALOGUE

tfds = pytest.importorskip("tensorflow_datasets")

NUM_CLASSES = {
    "cifar10": 10, "cifar100": 100, "oxford_iiit_pet": 37, "oxford_flowers102": 102,
    "imagenet2012": 1000, "imagenet2012_real": 1000, "eurosat": 10,
    "vtab/caltech101": 102, "vtab/cifar100": 100, "vtab/dtd": 47, "vtab/oxford_flowers102": 102,
    "vtab/oxford_iiit_pet": 37, "vtab/sun397": 397, "vtab/svhn": 10, "vtab/patch_camelyon": 2,
    "vtab/eurosat": 10, "vtab/resisc45": 45, "vtab/diabetic_retinopathy": 5,
    "vtab/clevr_count": 8, "vtab/clevr_distance": 6, "vtab/dmlab": 6, "vtab/dsprites_location": 16,
    "vtab/dsprites_orientation": 16, "vtab/smallnorb_azimuth": 18, "vtab/smallnorb_elevation": 9,
    "vtab/kitti_distance": 4}
CAPTIONS = ("coco_captions", "flickr30k")
IMAGE = np.random.default_rng(3).integers(0, 256, size=(11, 13, 3), dtype="uint8")


def _kitti(*objects):
    return {"image": IMAGE, "image/file_name": "000001.png", "objects": [{
        "type": kind, "truncated": 0.0, "occluded": "unknown", "alpha": 0.0, "rotation_y": 0.0,
        "bbox": tfds.features.BBox(0.0, 0.0, 1.0, 1.0), "dimensions": [1.0, 1.0, 1.0],
        "location": [0.0, 1.5, metres]} for kind, metres in objects]}


def _clevr(*depths):
    return {"image": IMAGE, "file_name": "a.png", "question_answer": [], "objects": [{
        "color": "red", "material": "metal", "shape": "cube", "size": "large", "rotation": 0.0,
        "3d_coords": [0.0, 0.0, 0.0], "pixel_coords": [160.0, 120.0, depth]} for depth in depths]}


def _coco(*texts):
    return {"image": IMAGE, "image/filename": "a.jpg", "image/id": 3, "objects": [],
            "captions": [{"id": i, "text": text} for i, text in enumerate(texts)]}


def _sprite(position):
    attributes = ("shape", "scale", "orientation", "x_position", "y_position")
    return {"image": IMAGE.repeat(6, 0).repeat(5, 1)[:64, :64, :1] // 128,
            **{f"label_{each}": 0 for each in attributes},
            **{f"value_{each}": 0.0 for each in attributes}, "label_x_position": position}


# Those whose nested features `mock_data` cannot make, and one whose pixels are 0 and 1.
BY_HAND = {
    "vtab/dsprites_location": [_sprite(0), _sprite(31)],
    "vtab/kitti_distance": [_kitti(("Car", 8.5), ("Pedestrian", 2.0)), _kitti(("Tram", 5.0))],
    "vtab/clevr_count": [_clevr(9.25, 9.75, 11.0), _clevr(*range(7, 17))],
    "vtab/clevr_distance": [_clevr(9.25, 9.75, 11.0), _clevr(*range(7, 17))],
    "coco_captions": [_coco("a dog", "ein Hündchen"), _coco("two cats")],
}


def _mock(name, opened=None):
    """`mock_data`, with what it cannot make by hand, on its way through the set's real features."""
    def by_hand(builder, split, decoders=None):
        if opened is not None:
            opened.append(split)
        features = builder.info.features
        return [features.deserialize_example_np(
            features.serialize_example(features.encode_example(example)), decoders=decoders)
            for example in BY_HAND[name]]

    return tfds.testing.mock_data(
        num_examples=2, as_data_source_fn=by_hand if name in BY_HAND else None)


def test_every_set_is_tested():
    assert set(CATALOGUE) == {*NUM_CLASSES, *CAPTIONS}
    assert len([name for name in CATALOGUE if name.startswith("vtab/")]) == 19


@pytest.mark.parametrize("name", NUM_CLASSES)
def test_a_classifier_learns_from_the_set(name):
    num_classes = NUM_CLASSES[name]
    split = "test" if name == "imagenet2012_real" else "train"
    with _mock(name):
        examples = data.load(f"tfds:{name}", split, (16, 8, 3))
        images, labels = examples.read(np.array([1, 0]))
    assert len(examples) == 2
    assert len(examples.classes) == len(set(examples.classes)) == num_classes
    assert (images.shape, images.dtype) == ((2, 16, 8, 3), np.uint8)
    if name == "imagenet2012_real":
        assert (labels.shape, labels.dtype) == ((2, 1000), np.float32)
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
    else:
        assert (labels.shape, labels.dtype) == ((2,), np.int32)
        assert 0 <= labels.min() <= labels.max() < num_classes
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model = models.vit("nano", 8, (16, 8, 3), num_classes, num_layers=1, embed_dim=8, mlp_dim=8)
    model.compile("sgd", loss, run_eagerly=True)
    first, second = (float(model.train_on_batch(scale(images), labels)) for _ in range(2))
    # The head starts at zero: every class is as likely, every answer an even bet.
    chance = math.log(2 if name == "imagenet2012_real" else num_classes)
    assert first == pytest.approx(chance, rel=1e-3)
    assert second < first


@pytest.mark.parametrize("name", CAPTIONS)
def test_a_captioner_learns_from_the_set(name):
    with _mock(name):
        examples = data.load(f"tfds:{name}", "train", (16, 8, 3))
        images, texts = examples.read(np.array([0, 1]))
    assert examples.classes == ()
    assert [type(text) for captions in texts for text in captions] == [str] * sum(map(len, texts))
    codes = np.array([[ord(text[0][i]) for i in range(5)] for text in texts])
    image, tokens = keras.Input((16, 8, 3)), keras.Input((4,), dtype="int32")
    seen = keras.layers.Dense(7)(keras.layers.Flatten()(image))[:, None]
    logits = keras.layers.Dense(128)(keras.layers.Embedding(128, 7)(tokens) + seen)
    model = keras.Model([image, tokens], logits)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                  run_eagerly=True)
    batch = ([scale(images), codes[:, :-1]], codes[:, 1:])
    first, second = (float(model.train_on_batch(*batch)) for _ in range(2))
    assert second < first


def test_labels_of_whole_examples():
    for name, expected in (("vtab/kitti_distance", [1, 3]), ("vtab/clevr_count", [0, 7]),
                           ("vtab/clevr_distance", [3, 0])):
        with _mock(name):
            _, labels = data.load(f"tfds:{name}").read(np.arange(2))
        assert labels.tolist() == expected
    with _mock("coco_captions"):
        _, texts = data.load("tfds:coco_captions").read(np.arange(2))
    assert texts == [["a dog", "ein Hündchen"], ["two cats"]]


def test_sprites_are_black_and_white():
    with _mock("vtab/dsprites_location"):
        images, labels = data.load("tfds:vtab/dsprites_location").read(np.arange(2))
    np.testing.assert_array_equal(images[0], 255 * _sprite(0)["image"].repeat(3, -1))
    assert labels.tolist() == [0, 15]


def test_a_picture_arrives_as_it_was():
    with _mock("vtab/kitti_distance"):
        images, _ = data.load("tfds:vtab/kitti_distance").read(np.array([0]))
    np.testing.assert_array_equal(images, IMAGE[None])


@pytest.mark.parametrize(("metres", "expected"), [
    (-1.0, 0), (8.0, 0), (8.01, 1), (20.0, 1), (20.01, 2), (80.0, 2)])
def test_vehicle_distance(metres, expected):
    """The thresholds of task_adaptation/data/kitti.py are 8 and 20 m. Types 0 to 2 are vehicles."""
    for kind in range(3):
        objects = {"type": [3, kind, kind], "location": [
            np.array([0.0, 0.0, place]) for place in (-9.0, 90.0, metres)]}
        assert catalogue.vehicle_distance(objects) == expected


def test_no_vehicle():
    assert catalogue.vehicle_distance({"type": [], "location": []}) == 3
    assert catalogue.vehicle_distance(
        {"type": [3, 7], "location": [np.zeros(3), np.zeros(3)]}) == 3


@pytest.mark.parametrize(("depth", "expected"), [
    (7.9, 0), (8.0, 0), (8.1, 1), (8.6, 2), (9.1, 3), (9.5, 3), (9.6, 4), (10.0, 4), (10.1, 5)])
def test_object_distance(depth, expected):
    """The thresholds of task_adaptation/data/clevr.py are 8, 8.5, 9, 9.5 and 10."""
    coordinates = [np.array([0.0, 0.0, place], "float32") for place in (12.0, depth)]
    assert catalogue.object_distance({"pixel_coords": coordinates}) == expected


def test_sprites_fall_in_sixteen_bins():
    """Two of 32 positions make a class, of 40 orientations three and two by turns."""
    location, orientation = (CATALOGUE[f"vtab/dsprites_{each}"]
                             for each in ("location", "orientation"))
    assert [location.label(value) for value in (0, 1, 2, 30, 31)] == [0, 0, 1, 15, 15]
    assert [orientation.label(value) for value in range(10)] == [0, 0, 0, 1, 1, 2, 2, 2, 3, 3]
    assert location.classes[1] == "2 to 3 of 32"
    assert orientation.classes[:2] == ("0 to 2 of 40", "3 to 4 of 40")
    assert orientation.classes[-1] == "38 to 39 of 40"


def test_real_labels_may_be_several_or_none():
    label = catalogue.several([np.int64(7), np.int64(3)])
    assert np.flatnonzero(label).tolist() == [3, 7]
    assert label.sum() == 2
    assert catalogue.several([]).tolist() == [0.0] * 1000


# Training images of each set of VTAB-1k that has no validation split, and the share of them, in
# percent, after which task_adaptation begins the validation split, and the test split if cut too.
CUTS = {
    "caltech101": (3060, 90, None), "cifar100": (50000, 90, None), "svhn": (73257, 90, None),
    "clevr_count": (70000, 90, None), "clevr_distance": (70000, 90, None),
    "oxford_iiit_pet": (3680, 80, None), "dsprites_location": (737280, 80, 90),
    "dsprites_orientation": (737280, 80, 90), "eurosat": (27000, 60, 80),
    "resisc45": (31500, 60, 80)}


def _ranges(expression, counts):
    infos = {name: tfds.core.SplitInfo(
        name=name, shard_lengths=[count], num_bytes=0, filename_template=None)
        for name, count in counts.items()}
    return [(part.splitname, part.from_ or 0, part.to or counts[part.splitname])
            for part in tfds.core.ReadInstruction.from_spec(expression).to_absolute(infos)]


@pytest.mark.parametrize("task", [
    name.removeprefix("vtab/") for name in CATALOGUE if name.startswith("vtab/")])
def test_vtab_trains_on_800_and_chooses_on_200(task):
    splits = CATALOGUE[f"vtab/{task}"].splits
    count, share, rest = CUTS.get(task, (24300, None, None))
    counts = {"train": count, "validation": 423, "test": 24300}
    train, validation, test = (
        _ranges(splits[part], counts)[0] for part in ("train", "validation", "test"))
    assert train == ("train", 0, 800)
    if task in CUTS:
        begin = count * share // 100
        assert validation == ("train", begin, begin + 200)
        assert test == (("train", count * rest // 100, count) if rest else
                        ("validation", 0, 423) if task.startswith("clevr") else ("test", 0, 24300))
    elif task.startswith("smallnorb"):
        assert (validation, test) == (("test", 0, 200), ("test", 12150, 24300))
    else:
        assert (validation, test) == (("validation", 0, 200), ("test", 0, 24300))
    assert validation[0] != "train" or validation[1] >= 800


@pytest.mark.parametrize("name", [name for name in CATALOGUE if "real" not in name])
def test_splits_share_no_image(name):
    counts = {"train": 999983, "validation": 999979, "test": 999961, "val": 997, "restval": 991}
    parts = [part for split in ("train", "validation", "test")
             for part in _ranges(CATALOGUE[name].splits[split], counts)]
    for i, (splitname, begin, end) in enumerate(parts):
        assert not [other for other in parts[i + 1:] if other[0] == splitname
                    and other[1] < end and begin < other[2]]


def test_joined_splits_are_read_as_one():
    opened = []
    with _mock("vtab/clevr_count", opened):
        data.load("tfds:vtab/clevr_count", "train+validation", (8, 8, 3))
    assert opened == ["train[:800]+train[63000:63200]"]


def test_every_entry_says_what_must_be_known():
    for entry in CATALOGUE.values():
        assert entry.terms
        assert entry.page.startswith("http")
        assert entry.paper[-4:].isdigit()
        assert entry.metric in {"accuracy", "real accuracy", "CIDEr"}
        assert len(entry.size) == 2
