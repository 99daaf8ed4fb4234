"""The contract inside an exported file: labels, normalisation and precision.

TFLite files may end in a ZIP archive (the place that TFLite's own metadata uses for label files):
runtimes ignore it, any ZIP tool lists it, and the runner needs nothing but the file.
"""

import json
import zipfile

NAME = "contract.json"


def write(path, contract):
    """Appends a contract to a `.tflite` file.

    Args:
        path: File; it must not have a contract yet.
        contract: Dictionary for JSON.
    """
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(NAME), json.dumps(contract, indent=1))


def read(path):
    """Returns the contract of a `.tflite` file; empty if it has none."""
    if not zipfile.is_zipfile(path):
        return {}
    with zipfile.ZipFile(path) as archive:
        if NAME not in archive.namelist():
            return {}
        return json.loads(archive.read(NAME))
