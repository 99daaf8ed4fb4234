"""`keras_seqattn.edge.tflite.session`: one example at a time, with all that flows inside."""

import numpy as np
import pytest
import tiny_tflite

from keras_seqattn.edge.tflite import reader, session
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
