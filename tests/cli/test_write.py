"""`keras_seqattn.cli.write`: what the commands print about pictures and texts."""

import io
import json
import pathlib
import subprocess
import sys

import pytest

from keras_seqattn import edge

pytestmark = pytest.mark.edge


@pytest.mark.filterwarnings("default")
def test_classify_says_that_it_converted(folder, seqattn):
    code, out, err = seqattn("classify", folder / "model.tflite", folder / "grey.png",
                             "--top", 2, "--json")
    assert code == 0
    ranked = json.loads(out)[str(folder / "grey.png")]
    assert len(ranked) == 2
    assert ranked[0][1] >= ranked[1][1]
    assert "note: a picture stored as L was converted to 8-bit RGB" in err


def test_one_line_for_each_text_and_picture(translator, describer, seqattn):
    writer, texts = edge.load(translator.file), ["we are here", "the cat sat there?"]
    code, out, err = seqattn("translate", translator.file, *texts, "--beam", 3)
    assert (code, err) == (0, "")
    assert out.splitlines() == [writer.translate(text, beam=3) for text in texts]
    code, out, err = seqattn("caption", describer.file, *describer.pictures)
    assert (code, err) == (0, "")
    assert out.splitlines() == [edge.load(describer.file).caption(each)
                                for each in describer.pictures]


def test_json_says_what_belongs_to_what(translator, describer, seqattn):
    writer = edge.load(translator.file)
    _, out, _ = seqattn("translate", translator.file, "we are here", "--json")
    assert json.loads(out) == [
        {"text": "we are here", "translation": writer.translate("we are here")}]
    _, out, _ = seqattn("caption", describer.file, describer.pictures[1], "--json", "--beam", 3)
    assert json.loads(out) == [{"image": str(describer.pictures[1]), "caption": edge.load(
        describer.file).caption(describer.pictures[1], beam=3)}]


def test_a_minus_reads_lines(translator, seqattn, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("we are here\n\nthe cat"))
    code, out, err = seqattn("translate", translator.file, "low mats", "-")
    writer = edge.load(translator.file)
    assert code == 0
    assert out.split("\n") == [*map(writer.translate, ["low mats", "we are here", "", "the cat"]),
                               ""]
    assert err == "note: an empty text has an empty translation\n"


def test_input_that_is_no_text(translator, seqattn, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\n"), "utf-8"))
    code, _, err = seqattn("translate", translator.file, "-")
    assert code == 2
    assert "standard input must be text" in err


def test_every_text_has_its_notes(translator, seqattn):
    code, out, err = seqattn("translate", translator.file, "the [X]", "we [X]", "here " * 15)
    assert code == 0
    assert len(out.splitlines()) == 3
    assert err.count("note: the model never saw '[', 'X', ']'\n") == 2
    assert "note: the text has 3 tokens more than the 12 that the model reads" in err


@pytest.mark.parametrize(("arguments", "said"), [
    (["translate", "{file}"], "Missing argument"),
    (["caption", "{pictures}"], "Missing argument"),
    (["translate", "{file}", "we", "--beam", "0"], "--beam"),
    (["translate", "{file}", "we", "--beam", "2"], "beam_width=3"),
    (["translate", "{pictures}", "we"], "source='image'"),
    (["caption", "{file}", "{picture}"], "source='tokens'"),
    (["caption", "{pictures}", "{file}"], "readable picture"),
    (["caption", "{pictures}", "nowhere.png"], "image='nowhere.png'"),
    (["classify", "{folder}", "{picture}"], "seqattn export {folder} --out"),
    (["translate", "{folder}/model.keras", "we"], "seqattn export {folder}/model.keras"),
    (["translate", "{folder}", "we"], "seqattn export {folder} --out"),
    (["translate", "nowhere.tflite", "we"], "file='nowhere.tflite'"),
    (["classify", "{pictures}", "{picture}"], "`caption` for pictures"),
])
def test_mistakes_are_one_line(translator, describer, seqattn, arguments, said):
    names = {"file": translator.file, "folder": translator.folder, "pictures": describer.file,
             "picture": describer.pictures[0]}
    code, out, err = seqattn(*(each.format(**names) for each in arguments))
    assert (code, out) == (2, "")
    line, = err.splitlines()
    assert line.startswith("seqattn: ")
    assert said.format(**names) in line


def test_neither_keras_nor_tensorflow_is_needed(translator, describer, folder):
    code = ("import sys; sys.modules |= dict.fromkeys(['keras', 'tensorflow', 'jax', 'torch']); "
            "from keras_seqattn.cli import main\n"
            "for arguments in {0!r}:\n"
            "    try:\n        main(arguments)\n"
            "    except SystemExit as stop:\n        assert stop.code == 0")
    commands = [["classify", str(folder / "model.tflite"), str(describer.pictures[0])],
                ["caption", str(describer.file), str(describer.pictures[0]), "--beam", "3"],
                ["translate", str(translator.file), "we are here"]]
    result = subprocess.run([sys.executable, "-c", code.format(commands)], text=True, check=False,
                            capture_output=True, cwd=pathlib.Path(__file__).parents[2])
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-2:] == [
        edge.load(describer.file).caption(describer.pictures[0], beam=3),
        edge.load(translator.file).translate("we are here")]
