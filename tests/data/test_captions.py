"""`keras_seqattn.data.captions`, on pictures and captions made here."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from keras_seqattn.data import captions
from keras_seqattn.data.captions import CaptionBatches
from keras_seqattn.testing import check_error

CONCEPTS = [f"1f{number:03x}" for number in range(150)]


def _encoded(colour):
    file = io.BytesIO()
    Image.new("RGB", (5, 7), colour).save(file, "PNG")
    return file.getvalue()


def _save(path, colour=(255, 0, 0)):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_encoded(colour))


@pytest.fixture
def pack(tmp_path):
    """150 concepts in two styles, one of which has a skin tone too. Every tenth is for testing."""
    rows, blobs, test = ["index\tstyle\tcodepoints\tname"], [], []
    for number, concept in enumerate(CONCEPTS):
        for style, codes in (("a", concept), ("b", concept), ("b", f"{concept}-1f3fb")):
            rows.append(f"{len(blobs)}\t{style}\t{codes}\tsay \"{codes}\"")
            blobs.append(_encoded((number, 0, 0)))
            test.append(number % 10 == 0)
    np.savez(tmp_path / "pack.npz", bytes=np.frombuffer(b"".join(blobs), "uint8"),
             offset=np.cumsum([0, *map(len, blobs)]), test=np.array(test, "uint8"))
    (tmp_path / "captions.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return f"pack:{tmp_path / 'pack.npz'}"


def _texts(examples):
    return [text for each in (examples.records[i][1] for i in examples.order) for text in each]


def test_a_packs_splits_are_the_whole_and_share_no_picture(pack):
    texts = {split: _texts(captions.load(pack, split)) for split in (*captions.SPLITS, "styles")}
    assert sum(map(len, texts.values())) == 3 * 150
    concept = {split: {text[5:-1].split("-")[0] for text in each} for split, each in texts.items()}
    assert not concept["test"] & (concept["train"] | concept["validation"] | concept["styles"])
    assert concept["test"] == set(CONCEPTS[::10])
    assert concept["styles"] <= concept["train"]
    assert concept["validation"] - concept["train"]
    assert concept["validation"] & concept["train"]


def test_unseen_pictures_of_known_concepts_are_all_of_one_style(pack):
    texts = set(_texts(captions.load(pack, "styles")))
    plain, toned = ({text for text in texts if ("-" in text) == tone} for tone in (False, True))
    trained = set(_texts(captions.load(pack, "train")))
    assert plain <= trained           # the same name stands in the other style
    for text in toned:                # style b was held out as a whole
        assert text not in trained
        assert text.replace("-1f3fb", "") in plain


def test_a_picture_and_its_caption_belong_together(pack):
    examples = captions.load(pack, "test", (5, 7, 3))
    images, texts = examples.read(np.arange(len(examples)))
    for image, (text,) in zip(images, texts, strict=True):
        assert CONCEPTS[image[0, 0, 0]] in text


def _coco(folder):
    images = [{"id": number, "file_name": f"{number}.png"} for number in (7, 3)]
    annotations = [{"image_id": 7, "caption": "a dog"}, {"image_id": 3, "caption": "a cat "},
                   {"image_id": 7, "caption": "one dog"}]
    (folder / "annotations").mkdir()
    (folder / "annotations" / "captions_train2017.json").write_text(
        json.dumps({"images": images, "annotations": annotations}))
    return folder / "train2017"


def _results(folder):
    (folder / "results.csv").write_text(
        "image_name| comment_number| comment\n"
        "7.png| 0| a dog\n7.png| 1| one dog\n3.png| 0| a cat\n")
    return folder / "flickr30k_images"


def _captions_txt(folder):
    (folder / "captions.txt").write_text(
        'image,caption\n7.png,"a dog"\n7.png,one dog\n3.png,a cat\n')
    return folder / "Images"


def _tokens(folder):
    (folder / "Flickr8k.token.txt").write_text("7.png#0\ta dog\n7.png#1\tone dog\n3.png#0\ta cat\n")
    (folder / "Flickr_8k.trainImages.txt").write_text("7.png\n3.png\n")
    return folder / "Flicker8k_Dataset"


LAYOUTS = {"coco": _coco, "flickr30k": _results, "flickr8k": _captions_txt, "tokens": _tokens}


def _source(layout, folder, pictures=(7, 3)):
    place = LAYOUTS[layout](folder)
    place.mkdir(exist_ok=True)
    for number in pictures:
        _save(place / f"{number}.png", (number, 0, 0))
    return f"{'flickr8k' if layout == 'tokens' else layout}:{folder}"


def _everything(source, **options):
    """Captions of all splits that hold some, by the red of the picture."""
    found = {}
    for split in captions.SPLITS:
        try:
            examples = captions.load(source, split, (2, 3, 3), **options)
        except ValueError as error:
            if "the split must hold" not in str(error) and "none of" not in str(error):
                raise
            continue
        for image, texts in zip(*examples.read(np.arange(len(examples))), strict=True):
            found[image[0, 0, 0]] = texts
    return found


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_pictures_with_all_their_captions(layout, tmp_path):
    source = _source(layout, tmp_path)
    assert _everything(source) == {7: ["a dog", "one dog"], 3: ["a cat"]}


def test_missing_pictures_and_empty_captions_are_listed_together(tmp_path):
    place = _coco(tmp_path)
    file = tmp_path / "annotations" / "captions_train2017.json"
    content = json.loads(file.read_text())
    content["annotations"] += [{"image_id": 3, "caption": "  "}]
    content["images"] += [{"id": 5, "file_name": "5.png"}]
    file.write_text(json.dumps(content))
    _save(place / "3.png")
    _save(place / "5.png")
    check_error(lambda: captions.load(f"coco:{tmp_path}"), count=3,
                bad=["7.png: no picture", "3.png: empty caption", "5.png: empty caption"])
    examples = captions.load(f"coco:{tmp_path}", skip_bad=True)
    assert _texts(examples) == ["a cat"]
    assert examples.skipped == 3


def test_unreadable_pictures_are_left_out_and_counted(tmp_path):
    source = _source("tokens", tmp_path, pictures=(3,))
    (tmp_path / "Flicker8k_Dataset" / "7.png").write_bytes(b"no picture")
    examples = captions.load(source, skip_bad=True)
    assert (_texts(examples), examples.skipped) == (["a cat"], 1)


@pytest.mark.parametrize(("source", "split", "received"), [
    ("cocoa:x", "train", {"source": "cocoa:x"}),
    ("coco:", "train", {"source": "coco:"}),
    ("coco:x", "styles", {"split": "styles"}),
    ("pack:x.npz", "tests", {"split": "tests"}),
    ("coco:x", "train", {"source": "coco:x"}),
    ("pack:x.npz", "train", {"source": "pack:x.npz"}),
])
def test_wrong_sources(source, split, received):
    check_error(lambda: captions.load(source, split), **received)


def test_a_pack_without_its_columns(pack, tmp_path):
    (tmp_path / "captions.tsv").write_text("index\tname\n0\ta dog\n")
    check_error(lambda: captions.load(pack), source=pack)


IDS = [[np.array([1, 5, 2]), np.array([1, 6, 7, 8, 9, 2])], [np.array([1, 4, 2])]]


@pytest.fixture
def examples(tmp_path):
    return captions.load(_source("tokens", tmp_path), image_shape=(5, 7, 3))


def test_batches_by_hand(examples):
    """Every caption once. The mean over all positions is the mean over real tokens, by weights."""
    batches = CaptionBatches(examples, IDS, batch_size=2)
    (inputs, labels, weights), (last, last_labels, last_weights) = batches[0], batches[1]
    np.testing.assert_array_equal(inputs["tokens"], [[1, 5, 0, 0, 0, 0, 0, 0],
                                                     [1, 6, 7, 8, 9, 0, 0, 0]])
    np.testing.assert_array_equal(labels, [[5, 2, 0, 0, 0, 0, 0, 0], [6, 7, 8, 9, 2, 0, 0, 0]])
    np.testing.assert_array_equal(weights > 0, labels > 0)
    np.testing.assert_allclose(inputs["images"][:, 0, 0, 0], 7 / 127.5 - 1)
    np.testing.assert_allclose(last["images"][:, 0, 0, 0], [3 / 127.5 - 1, 0.0])
    np.testing.assert_array_equal(last_labels, [[4, 2, 0, 0], [0, 0, 0, 0]])
    np.testing.assert_allclose(weights.max(), 2 * 8 * 2 / 9)       # 9 words in 2 batches
    np.testing.assert_allclose(last_weights.max(), 2 * 4 * 2 / 9)


def test_shares_make_up_the_whole_batch(examples):
    whole = CaptionBatches(examples, IDS, 4, ("jitter",), seed=3)[1]
    parts = [CaptionBatches(examples, IDS, 4, ("jitter",), seed=3, share=(i, 2))[1]
             for i in range(2)]
    for name in ("images", "tokens"):
        joined = np.concatenate([part[0][name] for part in parts])
        np.testing.assert_array_equal(joined, whole[0][name])
    for place in (1, 2):
        np.testing.assert_array_equal(np.concatenate([part[place] for part in parts]), whole[place])
    np.testing.assert_allclose(whole[2].mean(), 1.0)


def test_batches_follow_from_seed_and_step_alone(examples):
    batches = CaptionBatches(examples, IDS, 2, ("jitter",), seed=3)
    later = CaptionBatches(examples, IDS, 2, ("jitter",), seed=3, first_step=3)
    np.testing.assert_array_equal(batches[3][0]["images"], later[0][0]["images"])
    np.testing.assert_array_equal(batches[3][1], later[0][1])
    epochs = [sum((batches[2 * epoch + step][1] > 0).sum() for step in range(2))
              for epoch in range(3)]
    assert epochs == [9, 9, 9]
    assert not np.array_equal(batches[0][0]["images"], batches[2][0]["images"])


def test_replicas_must_divide_the_batch(examples):
    check_error(lambda: CaptionBatches(examples, IDS, 3, share=(0, 2)), batch_size=3, replicas=2)
