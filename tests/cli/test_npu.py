"""`keras_seqattn.cli.npu`: the table of chips, and its exit codes."""

import json

import pytest

from keras_seqattn.edge.npu import compile as compiling
from keras_seqattn.edge.npu import libraries, log, report
from keras_seqattn.errors import ExportError

pytestmark = pytest.mark.edge
LEFT = log.Left("patches", "Conv2d", "no Conv2d of [1,2]")


@pytest.fixture
def taken(monkeypatch):
    """Function from numbers of ops taken of 7 to a machine whose compiler takes so many."""
    def put(*counts):
        counted = iter(counts)
        monkeypatch.setattr(libraries, "find", lambda: None)

        def compiled(tools, path, chip, out, graphs):
            out.write_bytes(b"a program")
            count = next(counted)
            graph = log.Graph(7, count, 1, (LEFT,) * (7 - count))
            return report.Compiled(chip.name, chip.architecture, {"main": graph}), "2.51"

        monkeypatch.setattr(compiling, "_compiled", compiled)

    return put


def test_exit_0_when_each_chip_takes_the_file_whole(folder, seqattn, taken, tmp_path):
    taken(7, 7)
    code, out, _ = seqattn("npu", folder / "model.tflite", "--chips", "qualcomm:SM8750,SM8650",
                           "--report", tmp_path / "npu.json")
    assert (code, out.count("7 of 7")) == (0, 2)
    assert set(json.loads((tmp_path / "npu.json").read_text())["chips"]) == {"SM8750", "SM8650"}
    assert not list(folder.glob("model.SM*"))


def test_exit_1_and_the_layer_that_stays(folder, seqattn, taken):
    taken(7, 6)
    code, out, _ = seqattn("npu", folder / "model.tflite", "--chips", "qualcomm:SM8750,SM8650")
    assert code == 1
    assert "SM8650: main: patches (Conv2d): no Conv2d of [1,2]" in out


@pytest.mark.parametrize(("chips", "told"), [
    ("qualcomm:SM8751", "did you mean 'SM8750'"), ("SM8750", "pass qualcomm:SM8750")])
def test_a_chip_that_is_not_known_is_one_line(folder, seqattn, chips, told):
    code, _, err = seqattn("npu", folder / "model.tflite", "--chips", chips)
    assert (code, err.count("\n")) == (2, 1)
    assert told in err


def test_a_machine_that_cannot_is_one_line(folder, seqattn, monkeypatch):
    def find():
        raise ExportError("there is no compiler here. To fix: install it.")

    monkeypatch.setattr(libraries, "find", find)
    code, _, err = seqattn("npu", folder / "model.tflite")
    assert (code, err) == (2, "seqattn: there is no compiler here. To fix: install it.\n")


def test_export_writes_the_files_for_chips_too(folder, seqattn, taken, tmp_path):
    taken(7, 6)
    out_file = tmp_path / "small.tflite"
    code, out, _ = seqattn("export", folder, "--out", out_file, "--npu", "qualcomm:SM8750,SM8650",
                           "--report", tmp_path / "report.json")
    assert code == 0
    assert out.index("6 of 7") < out.index("wrote")
    assert {path.name for path in tmp_path.glob("small.SM8?50.tflite")} == {
        "small.SM8750.tflite", "small.SM8650.tflite"}
    chips = json.loads((tmp_path / "report.json").read_text())["npu"]["chips"]
    assert {name: each["taken"] for name, each in chips.items()} == {"SM8750": 7, "SM8650": 6}


def test_export_for_chips_is_of_tflite_files(folder, seqattn, tmp_path):
    code, _, err = seqattn("export", folder, "--out", tmp_path / "x.onnx", "--npu",
                           "qualcomm:SM8750")
    assert code == 2
    assert "--out FILE.tflite" in err
    assert not list(tmp_path.iterdir())
