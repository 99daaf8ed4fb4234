"""`keras_seqattn.demo`: the whole road, in small."""

import html.parser
import json

import numpy as np
import pytest

from keras_seqattn import data, demo, edge
from keras_seqattn.testing import check_error

pytestmark = pytest.mark.edge

SMALL = ["train.epochs=1", "model.num_layers=1", "model.embed_dim=32", "model.num_heads=2",
         "model.mlp_dim=48", "model.patch_size=16", "train.batch_size=100"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    said = []
    return demo.run(folder, overrides=SMALL, tell=said.append), folder, said


def test_everything_promised_is_in_the_folder(finished):
    _, folder, _ = finished
    names = {path.name for path in folder.iterdir()}
    assert {"model.keras", "vit_float32.tflite", "vit_dynamic_wi8_afp32.tflite", "report.json",
            "report.html", "labels.txt", "recipe.yaml", "log.csv", "images"} <= names
    assert not [name for name in names if name.startswith(".")]


def test_the_report_has_its_fields(finished):
    report, folder, _ = finished
    assert json.loads((folder / "report.json").read_text()) == json.loads(json.dumps(report))
    assert set(report) == {"data", "train", "keras", "edge"}
    assert {"seconds", "epochs", "examples_per_s", "history"} <= set(report["train"])
    assert len(report["train"]["history"]["loss"]) == report["train"]["epochs"] == 1
    assert report["data"]["test_examples"] == 500
    assert [each["precision"] for each in report["edge"]] == list(demo.PRECISIONS)
    for each in report["edge"]:
        assert each["accuracy"]["keras"] == report["keras"]["accuracy"]
        assert each["accuracy"]["examples"] == 500
        assert each["failures"] == []


class _Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.sources, self.open = [], [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.sources += [value for name, value in attributes if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_stands_alone(finished):
    _, folder, _ = finished
    text = (folder / "report.html").read_text()
    page = _Page()
    page.feed(text)
    assert page.open == []
    assert page.tags.count("img") == 3
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert "$" not in text.split("</style>")[1].replace("base64,", "")
    for precision in demo.PRECISIONS:
        assert f"<td>{precision}</td>" in text


def test_it_says_what_the_device_says(finished):
    _, folder, said = finished
    first = sorted((folder / "images").glob("*.png"))[0]
    ranked = edge.load(folder / "vit_dynamic_wi8_afp32.tflite").classify(first, top=3)
    line = next(line for line in said if line.startswith(first.name))
    assert f"{ranked[0][0]} {ranked[0][1]:.0%}" in line


def test_images_that_are_decoded_when_they_are_read_are_held(monkeypatch):
    expected = demo.held_out("sample:eurosat", (5, 7, 3))
    monkeypatch.setattr(data.sources, "IN_MEMORY", 0)
    found = demo.held_out("sample:eurosat", (5, 7, 3))
    assert found.classes == expected.classes
    np.testing.assert_array_equal(found.images, expected.images)
    np.testing.assert_array_equal(found.labels, expected.labels)


def test_another_backend_is_told_before_any_training(tmp_path, monkeypatch):
    import keras

    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    check_error(lambda: demo.run(tmp_path / "out"), backend="jax")
    assert not (tmp_path / "out").exists()
