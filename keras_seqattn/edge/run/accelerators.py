"""Where a Vulkan driver is, which LiteRT's GPU accelerator needs.

A graphics card has one. Without a card SwiftShader computes the same on the CPU: Chromium brings
it along. Mesa's llvmpipe is no help, since the accelerator finds no adapter in it.
"""

import ctypes.util
import glob
import os
import pathlib
import shutil
import typing

from keras_seqattn.errors import explain

CHOSEN = ("VK_DRIVER_FILES", "VK_ICD_FILENAMES")   # the loader reads the first before the second
CARDS = ("/dev/dri/renderD*", "/dev/nvidia[0-9]*")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FOLDERS = ("/usr/lib/chromium", "/usr/lib/chromium-browser", "/opt/google/chrome",
           "/usr/lib64/chromium-browser")
MANIFEST, LOADER = "vk_swiftshader_icd.json", "libvulkan.so.1"


class Driver(typing.NamedTuple):
    """What a process needs to find a Vulkan driver.

    Attributes:
        loader: Path or name of Vulkan's loader, a shared library.
        manifest: Path of the file that names the driver; `None` for the loader's own choice.
    """

    loader: str
    manifest: str | None

    @property
    def environment(self) -> dict[str, str]:
        """Variables of the environment of a process that uses the driver."""
        return {} if self.manifest is None else dict.fromkeys(CHOSEN, self.manifest)


def driver() -> Driver:
    """Finds a Vulkan driver: the one that the environment names, a card's, or SwiftShader.

    Returns:
        `Driver`.

    Raises:
        ValueError: there is none.
    """
    system = ctypes.util.find_library("vulkan")
    software = _swiftshader()
    loader = system or (software.loader if software else None)
    if loader and any(os.environ.get(name) for name in CHOSEN):
        return Driver(loader, None)
    if system and any(glob.glob(pattern) for pattern in CARDS):
        return Driver(system, None)
    if software:
        return software
    raise ValueError(explain(
        "LiteRT's GPU accelerator needs a Vulkan driver", loader=system,
        environment=os.environ.get(CHOSEN[0]), swiftshader=None,
        fix="install one; without a graphics card Chromium brings SwiftShader along, as in "
            "`apt-get install chromium`"))


def _swiftshader() -> Driver | None:
    """SwiftShader of a browser, which lies beside the browser's program."""
    beside = [pathlib.Path(os.path.realpath(path)).parent
              for path in map(shutil.which, BROWSERS) if path]
    for folder in (*beside, *map(pathlib.Path, FOLDERS)):
        loader, manifest = folder / LOADER, folder / MANIFEST
        if loader.exists() and manifest.exists():
            return Driver(str(loader), str(manifest))
    return None
