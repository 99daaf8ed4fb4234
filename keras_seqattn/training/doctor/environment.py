"""What libtpu needs around it: the environment of a process, and the version that JAX takes."""

import fnmatch
import importlib.metadata
import importlib.util
import os
import re
import sys

import keras

from keras_seqattn.errors import explain

# No TPU is looked for on this machine nor on the network, and several processes may compile.
ENVIRONMENT = {
    "JAX_PLATFORMS": "cpu", "TPU_SKIP_MDS_QUERY": "1", "TPU_ACCELERATOR_TYPE": "v5litepod-4",
    "TPU_WORKER_HOSTNAMES": "localhost", "TPU_WORKER_ID": "0", "ALLOW_MULTIPLE_LIBTPU_LOAD": "1"}
INSTALL = "pip install 'keras_seqattn[tpu]' in an environment of its own"


def prepare() -> None:
    """Sets what JAX and libtpu read of the environment: no device is looked for but the CPU."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    os.environ["JAX_PLATFORMS"] = ENVIRONMENT["JAX_PLATFORMS"]
    if "jax" in sys.modules:   # which has read the environment already
        sys.modules["jax"].config.update("jax_platforms", ENVIRONMENT["JAX_PLATFORMS"])


def is_there() -> bool:
    """Whether libtpu is installed, and Keras runs on JAX."""
    return (keras.backend.backend() == "jax"
            and importlib.util.find_spec("libtpu") is not None)


def check_versions() -> None:
    """Refuses where libtpu is not installed, or not the one that this JAX takes.

    Raises:
        ValueError: one of both is the case.
    """
    versions = {}
    for name in ("jax", "libtpu"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            raise ValueError(explain(
                f"compiling for a TPU needs {name}", missing=name, fix=INSTALL)) from None
    wanted = _wanted_libtpu()
    if wanted is not None and not fnmatch.fnmatch(versions["libtpu"], wanted):
        raise ValueError(explain("JAX takes another libtpu than the one that is installed",
                                 **versions, wanted=wanted, fix=f"pip install libtpu=={wanted}"))


def _wanted_libtpu() -> str | None:
    """The version of libtpu that the extra `tpu` of the installed JAX names."""
    for requirement in importlib.metadata.requires("jax") or ():
        found = re.match(r"libtpu==([\w.*]+); extra == .tpu.", requirement)
        if found:
            return found[1]
    return None
