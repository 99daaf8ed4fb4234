"""Converters in a process of their own: what they leak or end is not the user's program."""

import contextlib
import ctypes
import gc
import os
import pathlib
import re
import subprocess
import sys

# The last line of a process that ended for want of a library.
MISSING = re.compile(r"^ModuleNotFoundError: (No module named '([\w.]+)')\s*\Z", re.MULTILINE)


def run(module: str, *arguments: str | os.PathLike) -> subprocess.CompletedProcess:
    """Runs a module of this package as `python -m` does, on the CPU and without a word.

    Args:
        module: Dotted name.
        *arguments: Texts or paths.

    Returns:
        `subprocess.CompletedProcess` with `returncode` and the text `stderr`.

    Raises:
        ModuleNotFoundError: the module needs a library that is not installed.
    """
    package_parent = str(pathlib.Path(__file__).parents[4])
    paths = [package_parent, *filter(None, [os.environ.get("PYTHONPATH")])]
    result = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)], capture_output=True, text=True,
        check=False, env={
            **os.environ, "PYTHONPATH": os.pathsep.join(paths), "TF_CPP_MIN_LOG_LEVEL": "3",
            "CUDA_VISIBLE_DEVICES": "-1"})
    missing = MISSING.search(result.stderr)
    if result.returncode and missing:
        raise ModuleNotFoundError(missing[1], name=missing[2])
    return result


def give_back() -> None:
    """Returns what this process has freed to the system, for the next process.

    Without this call glibc keeps the pieces of a large model's weights.
    """
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL("libc.so.6").malloc_trim(0)
