"""`keras_seqattn.edge.contract.labels`: every sensible form is read, others are one short line."""

import numpy as np
import pytest

from keras_seqattn.edge.contract.content import Found
from keras_seqattn.edge.contract.labels import bind, read
from keras_seqattn.testing import check_error


@pytest.mark.parametrize("labels", [
    ["cat", "dog", "fox"], ("cat", "dog", "fox"), iter(["cat", "dog", "fox"]),
    np.array(["cat", "dog", "fox"]), np.array([b"cat", b"dog", b"fox"]),
    np.array(["cat", b"dog", "fox"], object), {2: "fox", 0: "cat", 1: "dog"},
    {"2": "fox", "0": "cat", "1": b"dog"}, {np.int64(0): "cat", np.int64(1): "dog", 2: "fox"},
    {"fox": 2, "cat": 0, "dog": 1}, {"fox": np.int64(2), "cat": 0, "dog": 1}])
def test_the_forms_of_labels(labels):
    assert read(labels) == ["cat", "dog", "fox"]


def test_other_labels():
    assert read(None) is None
    assert read([5, np.int8(7), "ü", "ü".encode()]) == ["5", "7", "ü", "ü"]
    assert read({1: 8, 0: 9}) == ["9", "8"]
    assert read({"a": ["x"], "b": {0: "y", 1: "z"}}) == {"a": ["x"], "b": ["y", "z"]}
    assert read(["a\n", "b\r\n"]) == ["a", "b"]
    assert read([]) == []


@pytest.mark.parametrize(("labels", "shown"), [
    ("cat", "cat"), (b"cat", b"cat"), ("c" * 41, "c" * 40), (7, 7), ({"cat", "dog"}, "set")])
def test_what_is_no_list(labels, shown):
    check_error(lambda: read(labels), labels=shown)


@pytest.mark.parametrize(("labels", "place", "shown"), [
    (["a", None], 1, None), (["a", ""], 1, ""), (["a", " "], 1, " "), (["a\nb"], 0, "a\nb"),
    (["a\u2028b"], 0, "a\u2028b"), (["a", "\ud83d"], 1, "\ud83d"), ([b"\xff"], 0, b"\xff"),
    ([1.5], 0, 1.5), ([["a"]], 0, "list"), ({0: None}, 0, None), (["a" * 99 + "\nb"], 0, "a" * 40),
    (np.array([["a"], ["b"]]), 0, "ndarray")])
def test_what_is_no_line(labels, place, shown):
    check_error(lambda: read(labels), label=shown, place=place)


@pytest.mark.parametrize("labels", [
    {1: "a", 2: "b"}, {"a": "x", "b": "y"}, {"1": "a", "-1": "b"}, {0: "a", "0": "b"},
    {"a": 0, "b": 2}, {"a": 0, "b": 0}, {0: "a", None: "b"}, {True: "a", False: "b"}])
def test_wrong_keys(labels):
    check_error(lambda: read(labels), num_labels=2, keys=list(labels))


def test_no_message_holds_all_labels():
    many = {f"key {i}" * 99: f"class {i}" for i in range(9_999)}
    check_error(lambda: read(many), num_labels=9_999, keys=[("key 0" * 8), *[
        f"key {i}" * 8 for i in range(1, 5)]])
    check_error(lambda: _bound([f"class {i}" for i in range(9_999)], scores=(None, 10_000)),
                num_labels=9_999, labels=[f"class {i}" for i in range(5)],
                outputs={"scores": (10_000,)})


def _bound(labels, found=None, told=None, **shapes):
    outputs = {name: {"shape": shape, "dtype": "float32"} for name, shape in shapes.items()}
    return bind(labels, outputs, found or {}, told or {})


def test_labels_go_to_the_output_of_so_many_classes():
    labels = ["a", "b", "c"]
    assert _bound(labels, x=(None, 5), y=(None, 3)) == {"y": labels}
    assert _bound(labels, x=(1, 2, 3), y=(1, 1, 1, 3)) == {"y": labels}
    assert _bound(labels, x=(1, 5, 3), y=(1, 5)) == {"x": labels}
    assert _bound(None, x=(None, 3)) == {}


def test_one_value_has_two_labels_or_one():
    assert _bound(["no", "yes"], x=(None, 1)) == {"x": ["no", "yes"]}
    assert _bound(["yes"], x=(None, 1)) == {"x": ["yes"]}
    assert _bound(["a", "b"], x=(None, 1), y=(None, 2)) == {"y": ["a", "b"]}
    check_error(lambda: _bound(["a", "b", "c"], x=(None, 1)), num_labels=3, outputs={"x": (1,)})


def test_what_the_model_computes_with_has_no_labels():
    labels, shapes = ["a", "b", "c"], {"x": (None, 3), "y": (None, 3)}
    assert _bound(labels, {"x": Found(used=True)}, **shapes) == {"y": labels}
    assert _bound(labels, {"x": Found("logits")}, **shapes) == {"y": labels}
    assert _bound(labels, None, {"x": "features"}, **shapes) == {"y": labels}


def test_several_outputs_of_so_many_classes():
    labels, shapes = ["a", "b", "c"], {"x": (None, 3), "y": (None, 3), "z": (None, 5)}
    check_error(lambda: _bound(labels, **shapes), num_labels=3, outputs=["x", "y"])
    assert _bound({"y": labels, "x": labels}, **shapes) == {"y": labels, "x": labels}
    check_error(lambda: _bound({"yy": labels}, **shapes), name="yy")
    check_error(lambda: _bound({"z": labels}, **shapes), labels=labels, num_labels=3)


def test_integers_have_no_labels():
    outputs = {"x": {"shape": (None, 2), "dtype": "int32"}, "y": {"shape": (1, 2), "dtype": "bool"}}
    check_error(lambda: bind(["a", "b"], outputs, {}, {}), num_labels=2)
