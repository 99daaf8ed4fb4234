"""Configurations beside the weights: what they say, and what is refused."""

import pytest

from keras_seqattn.checkpoints.files.config import (
    activation,
    check,
    class_names,
    need,
    read_config,
)
from keras_seqattn.layers import gelu_tanh
from keras_seqattn.testing import check_error


def test_a_file_that_is_missing_says_nothing(tmp_path):
    assert read_config(tmp_path / "config.json") == {}


@pytest.mark.parametrize("text", ["{", "[]", '"text"'])
def test_files_that_are_no_object(tmp_path, text):
    path = tmp_path / "config.json"
    path.write_text(text, encoding="utf-8")
    check_error(lambda: read_config(path), file=str(path))


def test_what_a_configuration_omits_is_usual():
    check({"a": 1}, a=1, b=2)
    check_error(lambda: check({"a": 3}, a=1), a=3)
    assert activation({}, "act", "gelu_new") is gelu_tanh
    assert activation({"act": "relu"}, "act", "gelu_new") == "relu"
    check_error(lambda: activation({"act": "rely"}, "act", "gelu"), act="rely")


def test_what_is_needed():
    assert need({"a": 1, "b": 2}, "a") == {"a": 1, "b": 2}
    check_error(lambda: need({"a": 1}, "a", "b", "c"), missing=["b", "c"])


@pytest.mark.parametrize(("configs", "names"), [
    ([], None), ([{}], None), ([{"id2label": {"10": "b", "9": "a"}}], ["a", "b"]),
    ([{"id2label": {"x": "a"}, "label_names": [7, "b"]}], ["7", "b"]),
    ([{"label_names": []}, {"label_names": ["a"]}], ["a"])])
def test_names_of_classes(configs, names):
    assert class_names(*configs) == names
