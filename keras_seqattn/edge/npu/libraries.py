"""Where the NPU's compiler and its libraries lie on this machine, and whether they fit together.

LiteRT's compiler and its plugin for Qualcomm come with ai-edge-litert. Qualcomm's own libraries for
Linux come with onnxruntime-qnn, which also runs the NPU's programs in Qualcomm's emulator.
"""

import importlib.metadata
import importlib.util
import os
import pathlib
import platform
import sys
import typing

from keras_seqattn.errors import ExportError, explain

# The pair that was tried: the plugin of one is linked against the libraries of the other.
VERSIONS = {"ai-edge-litert": "2.3.0", "onnxruntime-qnn": "2.7.0"}
INSTALL = "pip install 'keras_seqattn[npu]'"
COMPILER = pathlib.Path("tools", "apply_plugin_main")
PLUGIN = pathlib.Path("vendors", "qualcomm", "compiler")
PROCESSOR = "libQnnHtp.so"
OTHER_SDK = "ai_edge_litert_sdk_qualcomm"   # brings libraries of its own


class Libraries(typing.NamedTuple):
    """What compiling needs.

    Attributes:
        compiler: LiteRT's program that applies a plugin to a file.
        plugin: Folder of the plugin.
        qualcomm: Folder of Qualcomm's libraries.
        folders: Folders of all libraries, in the order of search.
    """

    compiler: pathlib.Path
    plugin: pathlib.Path
    qualcomm: pathlib.Path
    folders: tuple[pathlib.Path, ...]


def find() -> Libraries:
    """Finds compiler, plugin and libraries.

    Returns:
        `Libraries`.

    Raises:
        ExportError: this machine cannot compile. A package is missing or of another version.
            There are two copies of Qualcomm's libraries.
    """
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise ExportError(explain(
            "files for NPUs are compiled on Linux on x86-64", system=sys.platform,
            machine=platform.machine(),
            fix="compile the .tflite file there; the portable file runs everywhere"))
    found = {name: _version(name) for name in VERSIONS}
    if found != VERSIONS:
        raise ExportError(explain(
            "the NPU's compiler and Qualcomm's libraries must be the pair that was tried",
            installed=found, needed=VERSIONS, fix=f"{INSTALL}, with Python 3.11 or later"))
    litert, qualcomm = _folder("ai_edge_litert"), _folder("onnxruntime_qnn")
    made = Libraries(
        litert / COMPILER, litert / PLUGIN, qualcomm,
        (qualcomm, qualcomm.with_name(f"{qualcomm.name}.libs"), litert))
    absent = [str(each) for each in (made.compiler, made.plugin, qualcomm / PROCESSOR)
              if not each.exists()]
    if absent:
        raise ExportError(explain("the packages must hold compiler, plugin and libraries",
                                  absent=absent, fix=f"install them anew: {INSTALL}"))
    _check_alone(qualcomm)
    return made


def _check_alone(qualcomm):
    """Refuses a second copy of Qualcomm's libraries, since nobody could tell which was used."""
    searched = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    others = [each for each in searched if each and (pathlib.Path(each) / PROCESSOR).exists()
              and pathlib.Path(each).resolve() != qualcomm.resolve()]
    if importlib.util.find_spec(OTHER_SDK) is not None:
        others.append(OTHER_SDK)
    if others:
        raise ExportError(explain(
            "there must be one copy of Qualcomm's libraries", used=str(qualcomm), others=others,
            fix=f"uninstall {OTHER_SDK.replace('_', '-')}, and take other copies out of "
                "LD_LIBRARY_PATH"))


def _version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _folder(package):
    """Folder of a package, which is not imported."""
    spec = importlib.util.find_spec(package)
    places = None if spec is None else spec.submodule_search_locations
    if not places:
        raise ExportError(explain("the package must be importable", package=package, fix=INSTALL))
    return pathlib.Path(next(iter(places)))
