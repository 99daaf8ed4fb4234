"""README.md: its code runs, its commands and paths exist."""

import pathlib
import re

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.edge
def test_the_code_runs(tmp_path, monkeypatch):
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(7).integers(0, 256, size=(48, 64, 3), dtype="uint8")
    Image.fromarray(pixels).save("photo.jpg")
    names = {}
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 4
    for block in blocks:
        exec(block, names)  # noqa: S102
    assert names["report"].holds
    assert (tmp_path / "vit.tflite").exists()


def test_the_paths_exist():
    for link in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / link).exists(), link
    house = README.split("## The house")[1]
    for path in re.findall(r"`([a-z_/]+(?:/|\.py))`", house):
        assert (ROOT / path).exists() or (ROOT / "keras_seqattn" / path).exists(), path


def test_the_commands_exist():
    from keras_seqattn.cli import VERBS

    used = set(re.findall(r"^seqattn (\w+)", README, re.MULTILINE))
    assert used
    assert used <= set(VERBS)
    targets = set(re.findall(r"^make (\w+)", README, re.MULTILINE))
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert targets == {"android", "check", "demo", "test", "web"}
    assert all(f"\n{target}:" in makefile for target in targets)
