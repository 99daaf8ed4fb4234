"""A small classifier as a file, and with a contract in it."""

import keras
import pytest
from converted import converted

from keras_seqattn import models
from keras_seqattn.edge.contract.contract import describe
from keras_seqattn.edge.contract.outputs import decide
from keras_seqattn.edge.run import accelerators
from keras_seqattn.edge.tflite import contract_in_file, runtimes, schema
from keras_seqattn.edge.tflite.session import Session

LABELS = ["Äpfel", "b c", "d", "e", "f", "g", "h"]
PRECISIONS = ("float32", "dynamic_wi8_afp32")


def _described(path, labels=LABELS, **kwargs):
    session = Session(path)
    return describe(session, outputs=decide(session.outputs, labels=labels), **{
        "name": "vit", "precision": "float32", "minimum_runtime": runtimes.minimum(path),
        **kwargs})


@pytest.fixture(scope="session")
def described():
    """Function from a file and some facts to a contract."""
    return _described


@pytest.fixture(scope="session")
def labels():
    """Names of the classifier's classes."""
    return LABELS


@pytest.fixture(scope="session")
def plain(tmp_path_factory):
    """Path of each precision's file without a contract; that of integers has its buffers apart.

    So have all files beyond 2 GiB.
    """
    keras.utils.set_random_seed(11)
    model = models.vit("nano", 8, (24, 16, 3), len(LABELS), num_layers=1, mlp_dim=5003)
    folder = tmp_path_factory.mktemp("plain")
    full, small = (folder / f"{precision}.tflite" for precision in PRECISIONS)
    converted(model, full)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "LARGEST_INSIDE", 0)
        converted(model, small, PRECISIONS[1])
    return dict(zip(PRECISIONS, (full, small), strict=True))


@pytest.fixture(params=PRECISIONS)
def file(request, plain, tmp_path):
    """A finished file."""
    path = tmp_path / "vit.tflite"
    path.write_bytes(plain[request.param].read_bytes())
    contract_in_file.write(path, _described(path, precision=request.param, licence="CC-BY-4.0"))
    return path


@pytest.fixture(scope="session")
def vulkan():
    """A Vulkan driver, a card's or SwiftShader."""
    try:
        return accelerators.driver()
    except ValueError as error:
        pytest.skip(str(error))
