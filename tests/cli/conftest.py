"""A run folder of a classifier with its export, and the command as a function."""

import numpy as np
import pytest

from keras_seqattn import cli, data, edge, models


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A run folder with a model of the EuroSAT sample's shape, its export and a picture."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("cli")
    model = models.vit("nano", 16, (64, 64, 3), 10, num_layers=1, embed_dim=32, num_heads=2,
                       mlp_dim=48, pooling="mean")
    rng = np.random.default_rng(3)
    model.set_weights([rng.normal(scale=0.2, size=w.shape) for w in model.weights])
    model.save(folder / "model.keras")
    labels = data.load("sample:eurosat", "test").classes
    (folder / "labels.txt").write_text("\n".join(labels))
    edge.export(model, folder / "model.tflite", "float32", labels=labels)
    Image.fromarray(rng.integers(0, 256, size=(64, 64), dtype="uint8")).save(folder / "grey.png")
    return folder


@pytest.fixture
def seqattn(capsys):
    """Function from arguments to exit code, output and errors of the command."""
    def run(*arguments):
        with pytest.raises(SystemExit) as stop:
            cli.main([str(argument) for argument in arguments])
        return stop.value.code, *capsys.readouterr()

    return run
