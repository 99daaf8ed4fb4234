"""`keras_seqattn.cli`: the help, the mistakes and the `--debug` of all commands."""

import pytest
import typer

from keras_seqattn import cli, edge

pytestmark = pytest.mark.edge


@pytest.mark.parametrize("arguments", [
    ["doctor", "demo", "--strategy", "mirrored"],
    ["doctor", "demo", "--replicas", "0"],
    ["train", "nowhere.yaml"],
    ["train", "demo", "train.epoch=3"],
    ["train", "demo", "--nonsense"],
    ["nonsense"],
    ["evaluate", "nowhere", "--data", "sample:eurosat"],
    ["evaluate", "{folder}", "--data", "smaple:eurosat"],
    ["evaluate", "{folder}", "--data", "sample:eurosat", "--split", "valid"],
    ["evaluate", "{folder}/nowhere.tflite", "--data", "sample:eurosat"],
    ["export", "{folder}", "--out", "{folder}/x.tflite", "--precision", "int7"],
    ["export", "{folder}", "--out", "{folder}/labels.txt/x.tflite"],
    ["verify", "{folder}/labels.txt", "--against", "{folder}"],
    ["benchmark", "{folder}/model.tflite", "--runs", "0"],
    ["benchmark", "{folder}/labels.txt"],
    ["classify", "{folder}/model.tflite", "{folder}/labels.txt"],
    ["classify", "{folder}/model.keras", "{folder}/grey.png"],
    ["evaluate", "{folder}", "--data", "sample:eurosat", "--beam", "2"],
    ["evaluate", "{folder}", "--data", "pairs:{folder}/labels.txt"],
    ["export", "{folder}", "--out", "{folder}/x.tflite", "--beam-width", "3"],
    ["caption", "{folder}/model.tflite", "{folder}/grey.png"],
    ["translate", "{folder}/model.tflite", "we are here"],
    ["demo", "--out", "{folder}/labels.txt"],
])
def test_a_mistake_is_one_line_and_exit_code_2(folder, seqattn, arguments):
    before = sorted(folder.iterdir())
    code, out, err = seqattn(*(each.format(folder=folder) for each in arguments))
    assert code == 2
    mistakes = [line for line in err.splitlines() if line.startswith("seqattn: ")]
    assert len(mistakes) == 1
    assert "Traceback" not in out + err
    assert sorted(folder.iterdir()) == before


def test_debug_shows_the_traceback(folder):
    with pytest.raises(ValueError, match="To fix"):
        cli.main(["--debug", "classify", str(folder / "labels.txt"), "x.png"])
    with pytest.raises(ValueError, match="To fix"):
        cli.main(["classify", str(folder / "labels.txt"), "x.png", "--debug"])


def test_a_bug_is_no_mistake_of_the_user(monkeypatch, folder):
    monkeypatch.setattr(edge, "load", lambda file: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main(["classify", str(folder / "model.tflite"), "x.png"])


def test_without_a_command_there_is_help(seqattn):
    code, out, err = seqattn()
    assert (code, err) == (2, "")
    assert "classify" in out


COMMANDS = typer.main.get_command(cli.app).commands


def test_the_commands_are_those_of_the_design():
    assert set(COMMANDS) == {
        "demo", "train", "doctor", "evaluate", "export", "verify", "benchmark", "classify",
        "caption", "translate", "inspect", "list", "summary", "convert", "reproduce"}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(seqattn, command):
    code, out, _ = seqattn(command, "--help")
    assert code == 0
    assert f"seqattn {command}" in out.split("Example:")[1].replace("\n", " ")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_flag_says_what_it_does_and_no_two_the_same(command):
    told = [parameter.help for parameter in COMMANDS[command].params]
    assert all(text.endswith(".") and len(text.split()) > 1 for text in told)
    assert len(set(told)) == len(told)
