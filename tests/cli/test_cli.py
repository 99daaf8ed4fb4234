"""`keras_seqattn.cli`: the help, the mistakes and the `--debug` of all commands."""

import os
import pathlib
import subprocess
import sys

import pytest

import keras_seqattn
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
    ["classify", "{folder}", "{folder}/grey.png", "--output", "logits"],
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
        cli.main(["classify", str(folder / "model.tflite"), str(folder / "grey.png")])


def test_without_a_command_there_is_help(seqattn):
    code, out, err = seqattn()
    assert (code, err) == (2, "")
    assert "classify" in out


COMMANDS = {name: cli.verb(name) for name in cli.VERBS}


def test_the_commands_are_those_of_the_design():
    assert set(COMMANDS) == {
        "demo", "new", "train", "doctor", "evaluate", "export", "npu", "verify", "benchmark",
        "classify", "caption", "translate", "inspect", "list", "summary", "convert", "reproduce"}


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


def test_the_version(seqattn):
    assert seqattn("--version") == (0, f"keras_seqattn {keras_seqattn.__version__}\n", "")


@pytest.mark.parametrize("arguments", [["-h"], ["list", "-h"]])
def test_help_has_a_short_name(seqattn, arguments):
    code, out, _ = seqattn(*arguments)
    assert code == 0
    assert "Usage" in out


def in_a_process(*arguments, **variables):
    """Result of the command in a process of its own, and which slow libraries it imported."""
    code = ("import atexit, sys\n"
            "slow = {'keras', 'tensorflow', 'jax', 'torch', 'matplotlib'}\n"
            "atexit.register(lambda: print('imported:', *sorted(slow & set(sys.modules)),\n"
            "                              file=sys.stderr))\n"
            f"sys.argv = ['seqattn', *{list(map(str, arguments))!r}]\n"
            "from keras_seqattn.cli import main\nmain()")
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        cwd=pathlib.Path(__file__).parents[2], env={**os.environ, **variables})
    *errors, imported = result.stderr.splitlines()
    return result.returncode, result.stdout, errors, imported.split()[1:]


@pytest.mark.parametrize(("arguments", "code"), [
    (["list"], 0), (["--version"], 0), (["--help"], 0), (["expotr"], 2), (["list", "--jsno"], 2),
    (["evaluate", "vit_eurosta", "--data", "sample:eurosat"], 2),
    (["evaluate", "vit_eurosat", "--data", "sample:eurosta"], 2),
    (["evaluate", "vit_eurosat", "--data", "folder:examples/dta"], 2),
    (["export", "vit_eurosat", "--out", "x.tflit"], 2),
    (["export", "vit_eurosat", "--out", "x.tflite", "--precision", "int8"], 2),
    (["verify", "nowhere.tflite", "--against", "vit_eurosat"], 2),
    (["benchmark", "nowhere.tflite"], 2), (["classify", "vit_eurosat", "nowhere.png"], 2),
    (["inspect", "vit_eurosat", "--out", "x.jpg"], 2), (["summary", "runs/nowhere"], 2),
    (["inspect", "vit_eurosat", "--figure", "atention", "--out", "x.png"], 2),
    (["convert", "nowhere.safetensors", "x.keras"], 2),
    (["convert", "models/vit_eurosat", "x.keras", "--source", "tim"], 2),
    (["convert", "models/vit_eurosat", "x.keras", "--image-size", "8xx"], 2),
    (["train", "dmeo"], 2),
    (["train", "nowhere/own.yaml"], 2), (["train", "demo", "train.epoch=3"], 2),
    (["train", "demo", "model.size=tyni", "train.epochs=none"], 2),
    (["train", "demo", "data.source=folder:nowhere"], 2),
    (["train", "demo", "data.validation=split"], 2),
    (["train", "demo", "train.start=vit_eurosta"], 2),
    (["train", "demo", "--strategy", "mirorred"], 2),
    (["train", "demo", "--out", "models/vit_eurosat"], 2),
    (["train", "demo", "--out", "README.md/run"], 2),
    (["demo", "train.epoch=3"], 2), (["demo", "--out", "models/vit_eurosat"], 2),
    (["doctor", "demo", "train.epoch=3"], 2), (["doctor", "dmeo"], 2),
    (["doctor", "demo", "--strategy", "mirrored"], 2),
    (["evaluate", "vit_eurosat", "--data", "smaple:eurosat"], 2),
    (["train", "demo", "data.source=pairs:README.md"], 2),
    (["evaluate", "vit_eurosat", "--split", "validation", "--data", "sample:eurosat"], 2),
    (["evaluate", "vit_eurosat", "--data", "folder:examples"], 2)])
def test_an_answer_needs_no_slow_library(arguments, code):
    """What takes seconds to import is imported when there is something to compute."""
    result, _, errors, imported = in_a_process(*arguments)
    assert (result, imported) == (code, [])
    assert len(errors) == (code == 2)


def test_other_libraries_say_nothing(folder, tmp_path):
    """TensorFlow and XNNPACK log to the standard error of the process, which no test replaces."""
    for arguments in (["summary", folder, "--json"],
                      ["classify", folder / "model.tflite", folder / "grey.png", "--json"]):
        code, out, errors, _ = in_a_process(*arguments)
        assert (code, out[0], out[-2]) == (0, "{", "}")
        assert [line for line in errors if not line.startswith("note: a picture")] == []
    _, _, errors, _ = in_a_process("summary", folder, "--json", "--debug",
                                   TF_CPP_MIN_LOG_LEVEL="0")
    assert errors


def test_a_misspelt_backend(seqattn, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "tesnorflow")
    code, _, err = seqattn("list")
    assert code == 2
    assert "did you mean 'tensorflow'?" in err


@pytest.mark.parametrize(("words", "expected"), [
    ("seqattn ex", "export"), ("seqattn summary vit_eu", "vit_eurosat"),
    ("seqattn export x --prec", "--precision")])
def test_the_shell_completes(words, expected):
    code = ("import sys; sys.argv = ['seqattn']; "
            "from keras_seqattn.cli import main; main()")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                            check=False, cwd=pathlib.Path(__file__).parents[2], env={
        **os.environ, "_SEQATTN_COMPLETE": "complete_bash", "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1)})
    assert result.stdout.split() == [expected]
