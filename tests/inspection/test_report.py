"""`keras_seqattn.inspection.report`: one page that needs nothing else."""

import base64
import html.parser

import numpy as np
import pytest

from keras_seqattn.inspection import distance_figure
from keras_seqattn.inspection.gallery import Drawn
from keras_seqattn.inspection.report import write_report

pytest.importorskip("matplotlib")


class _Page(html.parser.HTMLParser):
    """Tags with their attributes, and the text of the page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data

    def all(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


def test_the_page_stands_alone_and_escapes(tmp_path):
    figures = {
        name: Drawn(distance_figure(np.ones((2, 3)), 1.0, (8, 8)), {}, f"Title <{name}>",
                    f"Read {name} & more.") for name in ("distance", "ranges")}
    path = tmp_path / "page.html"
    write_report(path, "<model>", ["a&b.png"], figures, {"filters": "has <none>. To fix: go."})
    page = _Page(path.read_text(encoding="utf-8"))
    assert len(page.all("h2")) == len(page.all("img")) == 2
    for name, image, heading in zip(figures, page.all("img"), page.all("h2"), strict=True):
        assert heading["id"] == name
        assert image["alt"] == f"Title <{name}>. Read {name} & more."
        kind, data = image["src"].split(",")
        assert kind == "data:image/png;base64"
        assert base64.b64decode(data)[:4] == b"\x89PNG"
        assert (image["width"], image["height"]) == ("614", "422")  # 6.4 × 4.4 inches
    assert [link["href"] for link in page.all("a")] == ["#distance", "#ranges"]
    assert not [tag for tag, attributes in page.tags if tag in ("script", "link")
                or "http" in str(attributes.get("src", attributes.get("href")))]
    for text in ("<model>", "a&b.png", "Title <ranges>", "filters", "has <none>. To fix: go."):
        assert text in page.text
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all(
        "meta")


def test_without_pictures(tmp_path):
    write_report(tmp_path / "page.html", "model", [], {}, {})
    assert "No pictures." in (tmp_path / "page.html").read_text(encoding="utf-8")
