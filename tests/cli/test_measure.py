"""`keras_seqattn.cli.measure`: results and exit codes."""

import json
import re
import shutil

import keras
import numpy as np
import pytest
from PIL import Image

from keras_seqattn import data, edge, models
from keras_seqattn.cli import sources
from keras_seqattn.data import pairs
from keras_seqattn.data.tokenizer import Tokenizer

pytestmark = pytest.mark.edge


def test_evaluate_both_ways_gives_the_same_accuracy(folder, seqattn, tmp_path):
    accuracies = []
    for model in (folder, folder / "model.tflite"):
        code, out, _ = seqattn("evaluate", model, "--data", "sample:eurosat", "--json",
                               "--report", tmp_path / "report.json")
        assert code == 0
        assert json.loads(out) == json.loads((tmp_path / "report.json").read_text())
        assert json.loads(out)["examples"] == 500
        accuracies.append(json.loads(out)["accuracy"])
    assert accuracies[0] == accuracies[1] > 0


@pytest.mark.parametrize("activation", ["sigmoid", None])
def test_one_output_of_yes_is_measured_at_one_half(seqattn, tmp_path, activation):
    """Of pictures in two folders, three of four are on the side of one half where they belong."""
    grey = {"cat": (10, 200, 30, 40), "dog": (220, 190, 180, 50)}
    for name, values in grey.items():
        (tmp_path / "data" / "test" / name).mkdir(parents=True)
        for value in values:
            picture = Image.fromarray(np.full((5, 7, 3), value, "uint8"))
            picture.save(tmp_path / "data" / "test" / name / f"{value}.png")
    images = keras.Input((5, 7, 3), name="images")
    x = keras.layers.GlobalAveragePooling2D()(images)
    model = keras.Model(images, keras.layers.Dense(
        1, activation=activation, kernel_initializer="ones", name="dog")(x))
    model.save(tmp_path / "m.keras")
    for labels in (["cat", "dog"], ["dog"], None):
        edge.export(model, tmp_path / "m.tflite", "float32", labels=labels, **(
            {} if activation or labels else {"outputs": "logits"}))
        for file in ("m.keras", "m.tflite"):
            code, out, _ = seqattn("evaluate", tmp_path / file, "--data",
                                   f"folder:{tmp_path / 'data'}", "--json")
            assert code == 0
            assert json.loads(out)["accuracy"] == 0.75


def test_of_several_outputs_the_file_says_which_is_measured(seqattn, tmp_path):
    images = keras.Input((64, 64, 3), name="images")
    x = keras.layers.GlobalAveragePooling2D()(images)
    model = keras.Model(images, [keras.layers.Dense(7, name="other")(x),
                                 keras.layers.Dense(10, name="classes")(x)])
    model.save(tmp_path / "m.keras")
    edge.export(model, tmp_path / "m.tflite", "float32", labels={
        "classes": data.load("sample:eurosat", "test", (64, 64, 3)).classes})
    code, _, err = seqattn("evaluate", tmp_path / "m.keras", "--data", "sample:eurosat")
    assert code == 2
    assert "outputs=['other', 'classes']" in err
    code, out, _ = seqattn("evaluate", tmp_path / "m.tflite", "--data", "sample:eurosat", "--json")
    assert (code, json.loads(out)["examples"]) == (0, 500)


def test_verify_exits_with_1_when_it_does_not_hold(folder, seqattn, tmp_path):
    model = models.load(folder)
    weights = model.get_weights()
    weights[-1] = weights[-1] + np.arange(10)
    model.set_weights(weights)
    model.save(tmp_path / "other.keras")
    code, out, err = seqattn("verify", folder / "model.tflite", "--against",
                             tmp_path / "other.keras", "--data", "sample:eurosat", "--json")
    assert code == 1
    assert json.loads(out)["failures"]
    assert "largest error" in err


def test_benchmark_many(folder, seqattn):
    code, out, _ = seqattn("benchmark", folder / "model.tflite", "--runs", 3, "--threads", 1,
                           "--json")
    assert code == 0
    assert json.loads(out)[str(folder / "model.tflite")]["runs"] == 3


def test_keras_model_without_image_input(seqattn, tmp_path):
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save(tmp_path / "m.keras")
    code, _, err = seqattn("evaluate", tmp_path / "m.keras", "--data", "sample:eurosat")
    assert code == 2
    assert "image" in err


def test_translations_of_a_model_and_of_its_file_are_scored_alike(translator, seqattn, tmp_path):
    """The first target of each sentence is what the model writes; every other has a second."""
    examples = pairs.load(translator.data, "train")
    results = []
    for model in (translator.folder, translator.file):
        code, out, _ = seqattn("evaluate", model, "--data", translator.data, "--split", "train",
                               "--json", "--report", tmp_path / "report.json")
        assert code == 0
        results.append(json.loads(out))
        assert results[-1] == json.loads((tmp_path / "report.json").read_text())
    for result in results:
        assert result["sentences"] == len(examples.references())
        assert result["pairs"] == len(examples) > result["sentences"]
        assert result["bleu_all_references"] == pytest.approx(100)
        assert result["exact_match"] == 1
        assert 10 < result["bleu"] < 90
        assert result["tokens_per_s"] == pytest.approx(result["tokens"] / result["seconds"])
    same = [{name: result[name] for name in ("bleu", "signature", "tokens", "skipped", "beam")}
            for result in results]
    assert same[0] == same[1]


def test_a_limit_takes_sentences_from_all_over_the_split(translator, seqattn):
    code, out, _ = seqattn("evaluate", translator.file, "--data", translator.data, "--split",
                           "train", "--limit", 5, "--beam", 3)
    assert code == 0
    assert "sentences: 5\n" in out
    assert "beam: 3\n" in out
    assert "bleu_all_references: 100\n" not in out    # the targets are those of greedy decoding
    known = list(pairs.load(translator.data, "train").references())
    chosen = sources.sentence_pairs(translator.data, "train", 5, False)
    assert list(chosen.references()) == [known[place] for place in (
        0, *((len(known) - 1) * i // 4 for i in (1, 2, 3)), len(known) - 1)]


def test_verify_a_file_that_writes(translator, seqattn, tmp_path):
    code, _, err = seqattn("verify", translator.file, "--against", translator.folder, "--data",
                           translator.data)
    assert code == 0
    assert "100.0% are written alike by greedy decoding" in err
    model = models.load(translator.folder)
    model.set_weights([-weight for weight in model.get_weights()])
    model.save(tmp_path / "model.keras")
    code, _, err = seqattn("verify", translator.file, "--against", tmp_path)
    assert code == 1
    assert "greedy writes other tokens" in err


def test_benchmark_tells_tokens_where_a_file_writes(folder, translator, seqattn):
    code, out, _ = seqattn("benchmark", folder / "model.tflite", translator.file, "--runs", 2)
    assert code == 0
    assert "tokens/s" in out
    assert len(re.findall(r"\d+\.\d+ *$", out, re.MULTILINE)) == 1
    _, out, _ = seqattn("benchmark", folder / "model.tflite", "--runs", 2)
    assert "tokens/s" not in out


@pytest.fixture(scope="module")
def captioner(tmp_path_factory):
    """A captioner's run folder, its export, and three pictures captioned as it captions them."""
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


def test_captions_of_a_model_and_of_its_file_are_scored_alike(captioner, seqattn):
    folder, file, source = captioner
    results = []
    for model in (folder, file):
        code, out, _ = seqattn("evaluate", model, "--data", source, "--json")
        assert code == 0
        results.append(json.loads(out))
    for result in results:
        assert result.pop("model") in (str(folder), str(file))
        assert result["pictures"] == 3
        assert result["exact_match"] == pytest.approx(2 / 3)
        assert 0 < result["bleu_4"] <= result["bleu_1"] < 1
        assert result.pop("tokens_per_s") == pytest.approx(result["tokens"] / result.pop("seconds"))
    assert results[0] == results[1]
    code, out, _ = seqattn("evaluate", file, "--data", source, "--limit", 1, "--json")
    assert json.loads(out)["pictures"] == 1
    assert json.loads(out)["exact_match"] == 1


def test_files_that_caption_are_verified_on_captioned_pictures(captioner, seqattn, tmp_path):
    folder, file, source = captioner
    code, _, err = seqattn("verify", file, "--against", folder, "--data", source)
    assert code == 0
    assert "of 3 sources, 100.0% are written alike" in err
    code, _, err = seqattn("export", folder, "--out", tmp_path / "x.tflite", "--data",
                           "flickr8k:nowhere")
    assert code == 2
    assert "source='flickr8k:nowhere'" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("arguments", "said"), [
    (["{folder}", "--data", "sample:eurosat"], "source='sample:eurosat'"),
    (["{file}", "--data", "pairs:nowhere.zip"], "file='nowhere.zip'"),
    (["{file}", "--data", "{data}", "--beam", "2"], "beam_width=3"),
    (["{pictures}", "--data", "{data}"], "source='pairs:"),
    (["{bare}", "--data", "{data}"], "tokenizer=None"),
    (["{other}", "--data", "{data}"], "tokenizer=5"),
])
def test_mistakes_about_translations(translator, describer, seqattn, tmp_path, arguments, said):
    names = {"file": translator.file, "folder": translator.folder, "data": translator.data,
             "pictures": describer.file, "bare": tmp_path / "bare", "other": tmp_path / "other"}
    for name in ("bare", "other"):
        names[name].mkdir()
        shutil.copy(translator.folder / "model.keras", names[name])
    (names["other"] / "tokenizer.json").write_text(Tokenizer(["a"]).to_json())
    code, out, err = seqattn("evaluate", *(each.format(**names) for each in arguments))
    assert (code, out) == (2, "")
    assert said in err
