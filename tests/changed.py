"""Prints what to test before a commit: the tests of the files that differ from the last commit.

    python tests/changed.py

A module of the package stands for its own doctests and for the test file that bears its name, or
for the tests of its folder where there is no such file. A test file stands for itself. What holds
the whole house is always there.
"""

import pathlib
import subprocess

ROOT = pathlib.Path(__file__).parents[1]
ALWAYS = ("tests/test_layout.py", "tests/test_readme.py::test_the_paths_exist",
          "tests/test_sentences.py", "tests/test_types.py")
# What tests a file that has no test of its name.
OTHERS = {
    "README.md": ["tests/test_readme.py"],
    "tests/edge/keras_models.py": ["tests/edge/lower/test_trace.py",
                                   "tests/edge/fold/test_fold.py"],
}


def changed():
    """Returns the files that differ from the last commit, new ones included."""
    commands = (["diff", "--name-only", "--diff-filter=d", "HEAD"],
                ["ls-files", "--others", "--exclude-standard"])
    lines = (subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True,  # noqa: S607
                            check=True).stdout.split("\n") for command in commands)
    return [pathlib.PurePosixPath(line) for each in lines for line in each if line]


def targets(path, exists=lambda path: (ROOT / path).exists()):
    """Returns what tests one file, as arguments of pytest.

    >>> targets(pathlib.PurePosixPath("keras_seqattn/layers/patch.py"), lambda path: True)
    ['keras_seqattn/layers/patch.py', 'tests/layers/test_patch.py']
    >>> targets(pathlib.PurePosixPath("LICENSE"))
    []
    """
    if str(path) in OTHERS:
        return OTHERS[str(path)]
    if path.suffix != ".py":
        return []
    if path.parts[0] == "tests":
        return [str(path)] if path.name.startswith("test_") else []
    if path.parts[0] != "keras_seqattn":
        return []
    folder = pathlib.PurePosixPath("tests", *path.parts[1:-1])
    own = folder / f"test_{path.name}"
    found = next((each for each in (own, folder)
                  if exists(each) and each.parts != ("tests",)), None)
    return [str(path), *([] if found is None else [str(found)])]


if __name__ == "__main__":
    print(*dict.fromkeys([*ALWAYS, *(test for path in changed() for test in targets(path))]))
