"""`keras_seqattn.cli.screen`: what is printed, and what is kept from the screen."""

import json
import logging
import subprocess
import sys

from keras_seqattn.cli import screen


def test_numbers_that_json_lacks_are_null(capsys, tmp_path):
    given = {"a": float("nan"), "b": [1.5, float("-inf")], "c": {"d": (float("inf"), 2)}}
    screen.finish(given, tmp_path / "report.json", True)
    expected = {"a": None, "b": [1.5, None], "c": {"d": [None, 2]}}
    assert json.loads(capsys.readouterr().out) == expected
    assert json.loads((tmp_path / "report.json").read_text()) == expected


def test_what_is_logged_in_c_and_in_python_is_kept_away():
    code = ("import logging, os, sys\n"
            "from keras_seqattn.cli.screen import notes, quiet\n"
            "with quiet({0}):\n"
            "    os.write(2, b'from C')\n"
            "    logging.getLogger('other').error('from Python')\n"
            "    notes.print('ours')\n"
            "    print('also ours', file=sys.stderr)\n"
            "os.write(2, b'afterwards')\n")
    quiet, loud = (subprocess.run([sys.executable, "-c", code.format(each)], check=True, text=True,
                                  capture_output=True).stderr for each in (True, False))
    assert quiet == "ours\nalso ours\nafterwards"
    assert loud == "from Cfrom Python\nours\nalso ours\nafterwards"


def test_a_crash_still_says_where():
    code = ("import os\nfrom keras_seqattn.cli.screen import quiet\n"
            "with quiet():\n    os.abort()\n")
    result = subprocess.run([sys.executable, "-c", code], check=False, text=True,
                            capture_output=True)
    assert result.returncode < 0
    assert "Fatal Python error: Aborted" in result.stderr


def test_logs_come_back_afterwards():
    with screen.quiet():
        assert not logging.getLogger("other").isEnabledFor(logging.ERROR)
    assert logging.getLogger("other").isEnabledFor(logging.ERROR)
