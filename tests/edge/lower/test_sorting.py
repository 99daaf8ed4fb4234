"""`keras_seqattn.edge.lower.sorting`: numbers in order."""

import numpy as np
import pytest
from keras import ops
from written import check, model_of

pytestmark = pytest.mark.edge

SHAPE = (5, 7, 4)


@pytest.mark.parametrize("name", ["sort", "argsort"])
@pytest.mark.parametrize("axis", [-1, 1, 2])
@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_order_along_an_axis_with_ties(name, axis, dtype, tmp_path):
    x = np.random.default_rng(3).integers(-2, 3, (1, *SHAPE)).astype(dtype)
    check(model_of(lambda x: getattr(ops, name)(x, axis=axis), (SHAPE, dtype)),
          tmp_path / "x.tflite", {"x0": x})


@pytest.mark.parametrize("axis", [None, -1, 1, (1, 2)], ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
def test_medians(axis, keepdims, tmp_path):
    check(model_of(lambda x: ops.median(x, axis=axis, keepdims=keepdims), SHAPE),
          tmp_path / "x.tflite")


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0, [0.1, 0.75]], ids=str)
def test_quantiles(share, tmp_path):
    check(model_of(lambda x: ops.quantile(x, share, axis=2), SHAPE), tmp_path / "x.tflite")


def test_percentiles(tmp_path):
    check(model_of(lambda x: ops.percentile(x, 30.0, axis=1), SHAPE), tmp_path / "x.tflite")
