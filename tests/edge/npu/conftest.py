"""A small classifier as a file, and the compiler where it is installed."""

import keras
import pytest
from keras_models import fill

from keras_seqattn import edge, models
from keras_seqattn.data.tokenizer import Tokenizer
from keras_seqattn.edge.npu import libraries
from keras_seqattn.errors import ExportError


@pytest.fixture(scope="session")
def model():
    """A small ViT whose sizes are primes where they can be."""
    keras.utils.set_random_seed(5)
    return fill(models.vit("nano", 8, (24, 16, 3), 7, num_layers=1, embed_dim=22, num_heads=2,
                           mlp_dim=19))


@pytest.fixture(scope="session")
def portable(model, tmp_path_factory):
    """Its file in float32."""
    path = tmp_path_factory.mktemp("npu") / "vit.tflite"
    edge.export(model, path, "float32", labels=list("abcdefg"))
    return path


@pytest.fixture
def compiler():
    """The NPU's compiler; tests that ask for it are skipped where it cannot be."""
    try:
        return libraries.find()
    except ExportError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def writer_file(tmp_path_factory):
    """A small translator, whose signatures greedy and beam have loops."""
    known = Tokenizer([f"▁w{i}" for i in range(13)])
    keras.utils.set_random_seed(7)
    writer = models.transformer("base", known.vocab_size, 7, num_layers=1, num_heads=2,
                                embed_dim=22, mlp_dim=19)
    path = tmp_path_factory.mktemp("writer") / "writer.tflite"
    edge.export(writer, path, "float32", tokenizer=known)
    return path
