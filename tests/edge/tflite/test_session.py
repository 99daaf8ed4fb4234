"""`keras_seqattn.edge.tflite.session`: one example at a time, with all that flows inside."""

import keras
import numpy as np
import pytest
import tiny_tflite

from keras_seqattn.edge.lower.trace import lower_function
from keras_seqattn.edge.tflite import reader, schema, session
from keras_seqattn.edge.tflite.write import writer
from keras_seqattn.errors import ExportError
from keras_seqattn.testing import check_error

pytestmark = pytest.mark.edge


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tiny_tflite.write(tmp_path_factory.mktemp("session") / "x.tflite",
                             lambda x: (x * 2.0) ** 2.0 + 1.0, x=(1, 5))


def test_a_file_is_a_function_of_names(file):
    one = session.Session(file)
    assert (list(one.inputs), list(one.outputs), one.contract) == (["x"], ["y"], {})
    np.testing.assert_allclose(one.run(x=np.full((1, 5), 3, "float32"))["y"], 37)


def test_what_flows_inside_a_run_is_kept(file):
    main = reader.read(file).graphs[0]
    inner = main.ops[0].outputs[0].index
    examples = {"x": np.arange(15, dtype="float32").reshape(3, 5)}
    seen = [value(inner)[0].tolist() for value in session.kept_runs(file, examples)]
    assert seen == (2 * examples["x"]).tolist()


@pytest.mark.parametrize("content", [b"", b"TFL3", b"1234TFLX and more"])
def test_what_is_no_flatbuffer_is_refused(tmp_path, content):
    path = tmp_path / "x.tflite"
    path.write_bytes(content)
    check_error(lambda: session.Session(path), file=str(path), bytes=content[4:8])


def test_a_file_that_is_missing(tmp_path):
    check_error(lambda: session.Session(tmp_path / "no.tflite"), file=str(tmp_path / "no.tflite"))


def test_a_file_for_an_npu_is_refused_before_it_is_run(file, monkeypatch):
    npu = {"chip": "SM8750"}
    monkeypatch.setattr(session.contract_in_file, "read", lambda path: {"npu": npu})
    check_error(lambda: session.Session(file), file=str(file), npu=npu)


def test_ops_that_are_no_builtins_are_told(file, tmp_path):
    model = schema.unpacked(file.read_bytes())
    code = model.operatorCodes[0]
    code.builtinCode = code.deprecatedBuiltinCode = schema.numbers("BuiltinOperator")["CUSTOM"]
    code.customCode = session.DISPATCH
    path = tmp_path / "x.SM8750.tflite"
    path.write_bytes(schema.packed(model))
    assert (reader.custom_ops(path), reader.custom_ops(file)) == ([session.DISPATCH], [])


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """A file that doubles two numbers at a time, or trebles three of five."""
    path = tmp_path_factory.mktemp("several") / "x.tflite"

    def lowered(factor, *shape):
        return lower_function(lambda x: {"y": x * factor},
                              {"x": keras.KerasTensor(shape, "float32")})

    writer.write({"two": lowered(2.0, 2, 1), "five": lowered(3.0, 3, 5)}, path)
    return path


def test_the_first_of_several_signatures_is_the_main_one(several):
    main = session.Session(several)
    other = main.of("five")
    assert [tuple(each.inputs["x"]["shape"]) for each in (main, other)] == [(2, 1), (3, 5)]
    assert other.interpreter is main.interpreter
    np.testing.assert_allclose(main.run(x=np.full((2, 1), 7, "float32"))["y"], 14)
    np.testing.assert_allclose(other.run(x=np.full((3, 5), 7, "float32"))["y"], 21)


def test_the_last_run_is_filled_up_with_the_last_example(several):
    file = reader.read(several)
    main, other = (each.graph.ops[-1].outputs[0].index for each in file.signatures)
    examples = {"x": np.array([[1], [2], [3]], "float32")}
    seen = [value(main).ravel().tolist() for value in session.kept_runs(several, examples)]
    assert seen == [[2, 4], [6, 6]]
    examples = {"x": np.arange(5, dtype="float32")[None] * np.ones((4, 1), "float32")}
    seen = [value(other)[2].tolist()
            for value in session.kept_runs(several, examples, "five", 1)]
    assert seen == 2 * [[0, 3, 6, 9, 12]]


def test_an_op_that_litert_refuses_is_told(tmp_path):
    """Its transform takes powers of two; of others it says so only when it runs."""
    import tensorflow as tf

    path = tiny_tflite.write(
        tmp_path / "x.tflite",
        lambda x: tf.math.real(tf.signal.rfft2d(x, fft_length=[1, 7])), x=(1, 7))
    with pytest.raises(ExportError, match="IsPowerOfTwo"):
        session.Session(path).run(x=np.ones((1, 7), "float32"))
    with pytest.raises(ExportError, match="IsPowerOfTwo"):
        next(session.kept_runs(path, {"x": np.ones((1, 7), "float32")}))
