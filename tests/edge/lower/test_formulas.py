"""`keras_seqattn.edge.lower.formulas`: functions without an op of their own."""

import numpy as np
import pytest
from keras import ops
from written import check, model_of

pytestmark = pytest.mark.edge


@pytest.mark.parametrize("decimals", [-1, 0, 1])
def test_rounding_to_decimals(decimals, tmp_path):
    x = np.asarray([[-12.26, 14.5, 15.04, 0.05, 25.0]], "float32")
    check(model_of(lambda x: ops.round(x, decimals), (5,)), tmp_path / "x.tflite", {"x0": x})


def test_a_saturating_cast(tmp_path):
    x = np.asarray([[-5, 0.9, 254.9, 255.9, 1e6]], "float32")
    model = model_of(lambda x: ops.saturate_cast(x, "uint8"), (5,))
    graph = check(model, tmp_path / "x.tflite", {"x0": x})
    np.testing.assert_array_equal(
        next(iter(graph.run({"x0": x}).values()))[0], [0, 0, 254, 255, 255])


def test_what_is_no_number(tmp_path):
    x = np.asarray([[-1, 0, 1, np.inf, np.nan]], "float32")
    model = model_of(lambda x: [ops.isnan(x), ops.isinf(x), ops.isfinite(x), ops.nan_to_num(x)],
                     (5,))
    check(model, tmp_path / "x.tflite", {"x0": x})


def test_the_error_function_by_hand(tmp_path):
    """erf(1) and erf(2) of Abramowitz and Stegun 1964, table 7.1."""
    x = np.asarray([[0, 1, -2]], "float32")
    made, = check(model_of(ops.erf, (3,)), tmp_path / "x.tflite", {"x0": x}).run({"x0": x}).values()
    np.testing.assert_allclose(np.ravel(made), [0, 0.8427007929, -0.9953222650], atol=3e-7)
