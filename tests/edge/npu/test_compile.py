"""`keras_seqattn.edge.npu.compile`: the NPU's file beside the portable one, and what it leaves."""

import json
import pathlib
import stat

import keras_models
import numpy as np
import pytest
from npu_log import TWO_GRAPHS

from keras_seqattn import edge
from keras_seqattn.edge.npu import libraries
from keras_seqattn.edge.npu.compile import compile_for_npu
from keras_seqattn.edge.tflite import contract_in_file, reader
from keras_seqattn.errors import ExportError
from keras_seqattn.testing import check_error

pytestmark = pytest.mark.edge
SAYS = TWO_GRAPHS.partition("ERROR: [qnn_manager.cc:480]\nQNN op validation failed: 'Binary")[0]


@pytest.fixture
def stands_in(monkeypatch, tmp_path):
    """Function from a shell script to a machine where that script is the compiler."""
    def put(script):
        path = tmp_path / "compiler"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(libraries, "find", lambda: libraries.Libraries(
            path, tmp_path, tmp_path, (tmp_path,)))

    return put


def _scripted(said, then):
    return f"cat >&2 <<'END'\n{said}END\n{then}"


def test_what_a_compiler_says_becomes_the_report(stands_in, portable):
    stands_in(_scripted(SAYS, 'for each; do case $each in --o=*) echo x > "${each#--o=}";; esac; '
                              'done'))
    report = compile_for_npu(portable, "SM8750", write=False)
    made = report.chips["SM8750"]
    assert (report.sdk, made.taken, made.ops, made.partitions) == (
        "2.51.0.260929181845", 12, 13, 2)
    assert (made.whole, made.error, made.file) == (False, None, None)
    text, = made.left
    assert text.startswith("serving_default: patches/convolution_1 (Conv2d): no Conv2d of")
    assert json.loads(json.dumps(report.to_dict()))["chips"]["SM8750"]["graphs"] == {
        "serving_default": {"ops": 13, "taken": 12, "partitions": 2}}


@pytest.mark.parametrize(("script", "told"), [
    ("kill -ABRT $$", "the compiler ended by SIGABRT"),
    (_scripted("ERROR: [qnn.cc:7] no floats here\n", "exit 3"), "no floats here"),
    ("exit 0", "the compiler does not say why")])
def test_the_end_of_a_compiler_is_one_line_and_leaves_nothing(stands_in, portable, script, told):
    stands_in(script)
    before = sorted(portable.parent.iterdir())
    assert compile_for_npu(portable, "SM8750", write=False).chips["SM8750"].error == told
    check_error(lambda: compile_for_npu(portable, "SM8750"), ExportError, SM8750=told)
    assert sorted(portable.parent.iterdir()) == before


def test_files_that_are_none(stands_in, tmp_path):
    stands_in("exit 0")
    for name in ("x.onnx", "x.tflite"):
        (tmp_path / name).write_bytes(b"nothing")
        check_error(lambda name=name: compile_for_npu(tmp_path / name, "SM8750"),
                    file=str(tmp_path / name))
    check_error(lambda: compile_for_npu(tmp_path / "no.tflite"), path=str(tmp_path / "no.tflite"))


def test_a_chip_that_does_not_exist_comes_before_all_else():
    check_error(lambda: compile_for_npu("no.tflite", "SM1"), chips=["SM1"])


@pytest.fixture(scope="module")
def compiled(portable):
    try:
        libraries.find()
    except ExportError as error:
        pytest.skip(str(error))
    return compile_for_npu(portable, ["SM8750", "SM8350"])


def test_a_float_file_is_taken_whole_but_where_the_npu_has_no_floats(compiled, portable):
    new, old = compiled.chips.values()
    ops = len(reader.read(portable).ops)
    assert (new.whole, new.taken, new.ops, new.partitions) == (True, ops, ops, 1)
    assert (new.error, old.file, old.taken, old.whole) == (None, None, 0, False)
    assert "could not create op" in old.error


def test_the_compiled_file_has_the_contract_with_chip_and_sdk(compiled, portable):
    file = pathlib.Path(compiled.chips["SM8750"].file)
    assert file == portable.with_name("vit.SM8750.tflite")
    inside, own = contract_in_file.read(file), contract_in_file.read(portable)
    npu = inside.pop("npu")
    assert (npu["chip"], npu["architecture"]) == ("SM8750", 79)
    assert npu["signatures"] == ["serving_default"]
    assert npu["sdk"] == compiled.sdk
    del own["golden"]   # the CPU's
    assert inside == own
    beside = json.loads(file.with_name(f"{file.name}.json").read_text())
    assert (beside["npu"], beside["bytes"]) == (npu, file.stat().st_size)


def test_a_compiled_file_is_refused_by_what_has_no_dispatch(compiled):
    file = compiled.chips["SM8750"].file
    check_error(lambda: edge.load(file), file=file)
    check_error(lambda: compile_for_npu(file), file=file)


def test_a_file_quantised_elsewhere_compiles_and_keeps_its_own_bytes(compiler, tmp_path):
    import tiny_tflite

    weights = np.random.default_rng(3).normal(size=(13, 5)).astype("float32")
    source = tiny_tflite.write(tmp_path / "float.tflite", lambda x: x @ weights, x=(1, 13))
    path = tmp_path / "other.tflite"
    examples = {"x": np.linspace(-2, 3, 26, dtype="float32").reshape(2, 13)}
    tiny_tflite.quantise(source, path, "static_wi8_ai8", examples)
    made = compile_for_npu(path, "SM8650").chips["SM8650"]
    assert made.taken == made.ops > 0
    assert pathlib.Path(made.file).exists()


@pytest.mark.parametrize("precision", ["float16", "dynamic_wi8_afp32", "dynamic_wi4_afp32",
                                       "mixed_wi8_ai8", "static_wi8_ai8", "static_wi8_ai16"])
def test_every_precision_of_a_classifier_is_taken_whole(compiler, model, tmp_path, precision):
    path = tmp_path / "vit.tflite"
    examples = np.random.default_rng(2).uniform(-1, 1, (32, 24, 16, 3)).astype("float32")
    edge.export(model, path, precision, calibration=examples, advise=False)
    made = compile_for_npu(path, ["SM8550", "SM8750"], write=False).chips
    assert {name: (each.whole, each.left) for name, each in made.items()} == {
        "SM8550": (True, []), "SM8750": (True, [])}


def test_loops_are_left_to_the_cpu_where_the_compiler_fails_with_them(stands_in, writer_file):
    """The compiler here fails if it is given more than three graphs."""
    said = "".join(f"INFO: Partitioned subgraph<{number}>, selected 5 ops, from a total of 5 ops. "
                   "resulted in 1 partitions.\n" for number in (0, 1, 2, 5))
    stands_in('case "$*" in *--subgraphs=0,1,2,3*) echo "ERROR: [a.cc:7] too many" >&2; exit 6;; '
              "esac\n" + _scripted(
                  said, 'for each; do case $each in --o=*) echo x > "${each#--o=}";; esac; done'))
    made = compile_for_npu(writer_file, "SM8750", write=False).chips["SM8750"]
    assert made.error is None
    assert made.signatures == ["encode", "decode_step", "greedy", "beam"]
    assert made.graphs["greedy/loop"].taken == 0 < made.graphs["greedy/loop"].ops
    assert made.left[0] == "loops stay on the CPU: too many"
    assert not made.whole


@pytest.mark.parametrize("name", ["conv", "hybrid", "bit", "map"])
def test_every_stem_and_a_convolutional_network_are_taken_whole(compiler, tmp_path, name):
    model = keras_models.fill(keras_models.MODELS[name]())
    path = tmp_path / f"{name}.tflite"
    edge.export(model, path, "static_wi8_ai8", calibration=keras_models.draw(model, 32),
                advise=False)
    assert compile_for_npu(path, "SM8550", write=False).chips["SM8550"].whole
