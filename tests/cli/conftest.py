"""Run folders of a classifier and a captioner with their exports; the command as a function."""

import numpy as np
import pytest

from keras_seqattn import cli, data, edge, models
from keras_seqattn.data.tokenizer import Tokenizer


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


@pytest.fixture(scope="session")
def captioner(tmp_path_factory):
    """A captioner's run folder, its export, and three pictures captioned as it captions them."""
    from PIL import Image

    folder, pictures = (tmp_path_factory.mktemp(name) for name in ("captioner", "flickr8k"))
    known = Tokenizer([f"▁w{i}" for i in range(23)])
    model = models.captioner("conv", known.vocab_size, 11, (16, 24, 3), embed_dim=5, units=7)
    rng = np.random.default_rng(7)
    for weight in model.weights:
        if "normalization" not in weight.path:
            scale = 4.0 if weight.path.startswith("writer") else 0.2
            weight.assign(rng.normal(scale=scale, size=weight.shape))
    model.save(folder / "model.keras")
    (folder / "tokenizer.json").write_text(known.to_json(), encoding="utf-8")
    file = edge.export(model, folder / "model.tflite", "float32", tokenizer=known).file
    names = [f"{name}.png" for name in ("one", "two", "three")]
    (pictures / "Images").mkdir()
    for name in names:
        Image.fromarray(rng.integers(0, 256, (16, 24, 3), "uint8")).save(pictures / "Images" / name)
    (pictures / "Flickr_8k.testImages.txt").write_text("\n".join(names))
    runner = edge.load(file)
    captions = [runner.caption(pictures / "Images" / name) for name in names]
    assert len(set(captions)) > 1
    (pictures / "captions.txt").write_text("image,caption\n" + "".join(
        f"{name},{caption}\n{name},w1 w2\n" for name, caption in zip(
            names, [*captions[:2], "w99"], strict=True)))
    return folder, file, f"flickr8k:{pictures}"


@pytest.fixture
def seqattn(capsys):
    """Function from arguments to exit code, output and errors of the command."""
    def run(*arguments):
        with pytest.raises(SystemExit) as stop:
            cli.main([str(argument) for argument in arguments])
        return stop.value.code, *capsys.readouterr()

    return run
