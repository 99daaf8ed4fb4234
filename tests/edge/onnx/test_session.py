"""`keras_seqattn.edge.onnx.session`: an `.onnx` file as a function, errors that help."""

import pathlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from keras_seqattn.edge.onnx.session import Session
from keras_seqattn.testing import check_error

proto = pytest.importorskip("onnx", reason="needs onnx")
pytest.importorskip("onnxruntime", reason="needs onnxruntime")
pytestmark = [pytest.mark.edge, pytest.mark.filterwarnings("ignore::DeprecationWarning:onnx.*")]


def test_a_file_is_a_function_of_named_arrays(product, rng):
    session = Session(product)
    assert session.inputs == {"x": {"shape": (1, 13), "dtype": np.dtype("float32")}}
    assert session.outputs == {"y": {"shape": (1, 29), "dtype": np.dtype("float32")}}
    (weights,) = (proto.numpy_helper.to_array(each)
                  for each in proto.load(product).graph.initializer)
    x = rng.normal(size=(1, 13)).astype("float32")
    np.testing.assert_allclose(session.run(x=x)["y"], x @ weights, atol=1e-5)


def test_each_thread_gets_the_answer_to_its_own_input(product, rng):
    session = Session(product)
    asked = list(rng.normal(size=(397, 1, 13)).astype("float32"))
    alone = [session.run(x=x)["y"] for x in asked]
    with ThreadPoolExecutor(8) as pool:
        for own, given in zip(alone, pool.map(lambda x: session.run(x=x)["y"], asked), strict=True):
            np.testing.assert_array_equal(given, own)


@pytest.mark.parametrize("length", [0, 5, 1_000, -1, -1_000])
def test_a_torn_file(product, length):
    product.write_bytes(product.read_bytes()[:length])
    check_error(lambda: Session(product), file=str(product))


def test_files_that_are_none(tmp_path):
    (tmp_path / "text.onnx").write_text("no protocol buffer at all")
    for path in (tmp_path / "text.onnx", tmp_path / "nowhere.onnx", tmp_path):
        check_error(lambda path=path: Session(path), file=str(path))


def test_a_contract_that_is_no_json(product):
    model = proto.load(product)
    proto.helper.set_model_props(model, {"contract": "{torn"})
    proto.save(model, product)
    check_error(lambda: Session(product), file=str(product))


def test_running_a_file_loads_onnxruntime_only(product):
    code = ("import sys, numpy; from keras_seqattn import edge; "
            "assert 'onnxruntime' not in sys.modules; "
            f"edge.load({str(product)!r})(numpy.zeros((1, 13), 'float32')); "
            "assert not {'keras', 'tensorflow', 'tf2onnx', 'onnx', 'ai_edge_litert'} "
            "& set(sys.modules)")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                            cwd=pathlib.Path(__file__).parents[3], check=False)
    assert result.returncode == 0, result.stderr
