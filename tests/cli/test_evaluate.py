"""`keras_seqattn.cli.evaluate`: of classifiers, translators and captioners, and of their files."""

import json
import shutil

import keras
import numpy as np
import pytest
from PIL import Image

from keras_seqattn import data, edge
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


@pytest.mark.parametrize(("arguments", "said"), [
    (["{folder}", "--data", "sample:eurosat"], "source='sample:eurosat'"),
    (["{file}", "--data", "pairs:nowhere.zip"], "data='pairs:nowhere.zip'"),
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


def test_a_file_of_no_pictures(seqattn, tmp_path):
    numbers = keras.Input((5,), name="numbers")
    edge.export(keras.Model(numbers, keras.layers.Dense(3)(numbers)), tmp_path / "m.tflite",
                "float32")
    code, _, err = seqattn("evaluate", tmp_path / "m.tflite", "--data", "sample:eurosat")
    assert code == 2
    assert "must take one image" in err


def test_a_model_of_other_classes(seqattn, tmp_path):
    images = keras.Input((64, 64, 3), name="images")
    keras.Model(images, keras.layers.Dense(7)(keras.layers.GlobalAveragePooling2D()(images))).save(
        tmp_path / "m.keras")
    code, _, err = seqattn("evaluate", tmp_path / "m.keras", "--data", "sample:eurosat")
    assert code == 2
    assert "source_classes=10, model_classes=7" in err


@pytest.fixture
def shades(tmp_path):
    """A classifier of dark, grey and light pictures, and a folder of seven of them.

    The model answers by the mean: dark below 85, light above 170.
    """
    shades = {"dark": (10, 30, 100), "grey": (120, 250), "light": (200, 210)}
    for name, values in shades.items():
        (tmp_path / "data" / "test" / name).mkdir(parents=True)
        for value in values:
            Image.fromarray(np.full((5, 7, 3), value, "uint8")).save(
                tmp_path / "data" / "test" / name / f"{value}.png")
    images = keras.Input((5, 7, 3), name="images")
    mean = keras.layers.GlobalAveragePooling2D()(images)
    dense = keras.layers.Dense(3, name="logits")
    model = keras.Model(images, dense(mean))
    third = np.array([-9.0, 0.0, 9.0])   # of three equal channels, in [-1, 1]
    dense.set_weights([np.tile(third, (3, 1)), np.array([-9.0, 0.0, -9.0])])
    model.save(tmp_path / "model.keras")
    (tmp_path / "labels.txt").write_text("dark\ngrey\nlight\n")
    return tmp_path


def test_what_is_taken_for_what(shades, seqattn):
    """By hand: of 3 dark pictures 1 is taken for grey, of 2 grey ones 1 for light."""
    edge.export(keras.models.load_model(shades / "model.keras"), shades / "m.tflite", "float32",
                labels=["dark", "grey", "light"], outputs="logits")
    for name in (shades / "model.keras", shades / "m.tflite"):
        code, out, _ = seqattn("evaluate", name, "--data", f"folder:{shades / 'data'}", "--json",
                               "--report", shades / "report.json")
        assert code == 0
        result = json.loads(out)
        assert result == json.loads((shades / "report.json").read_text())
        assert result["confusion"] == [[2, 1, 0], [0, 1, 1], [0, 0, 2]]
        assert result["accuracy"] == pytest.approx(5 / 7)
        assert [(each["name"], each["examples"]) for each in result["classes"]] == [
            ("dark", 3), ("grey", 2), ("light", 2)]
        assert [each["precision"] for each in result["classes"]] == [
            1, 1 / 2, pytest.approx(2 / 3)]
        assert [each["recall"] for each in result["classes"]] == [pytest.approx(2 / 3), 1 / 2, 1]
        first, second = result["worst"]
        assert first["file"].endswith("250.png")
        assert (first["class"], first["answer"]) == ("grey", "light")
        assert second["file"].endswith("100.png")
        assert first["probability"] > second["probability"] > 1 / 3


def test_the_page_shows_the_worst_pictures(shades, seqattn):
    code, out, _ = seqattn("evaluate", shades, "--data", f"folder:{shades / 'data'}", "--report",
                           shades / "report.html")
    assert code == 0
    assert "grey taken for light: 1" in out
    assert "accuracy: 0.7143" in out
    page = (shades / "report.html").read_text("utf-8")
    assert page.count("<img") == 2
    assert page.index("250.png") < page.index("100.png")
    assert "Of 7 examples" in page
    assert '<th scope="row">light</th>' in page


def test_a_class_without_examples_has_no_recall(shades, seqattn):
    shutil.rmtree(shades / "data" / "test" / "light")
    (shades / "data" / "test" / "light").mkdir()
    code, out, _ = seqattn("evaluate", shades, "--data", f"folder:{shades / 'data'}", "--json")
    assert code == 0
    light = json.loads(out)["classes"][2]
    assert (light["examples"], light["recall"], light["precision"]) == (0, None, 0)


def test_a_page_is_about_classifiers(translator, seqattn, tmp_path):
    code, _, err = seqattn("evaluate", translator.file, "--data", translator.data, "--report",
                           tmp_path / "page.html")
    assert code == 2
    assert "classifiers" in err
