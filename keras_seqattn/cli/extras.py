"""Libraries that a command needs and that are not installed: which they are, what brings them."""

import importlib.metadata
import os
import re

from keras_seqattn.errors import explain, nearest

PACKAGE = "keras_seqattn"
# Import names of distributions that are called otherwise.
IMPORTED = {"pillow": "PIL", "pyyaml": "yaml"}
OF_ONE_COMMAND = {"tpu"}   # extras whose libraries serve elsewhere too, in builds for other devices
BACKENDS = ("tensorflow", "jax", "torch")
OF_KERAS = (*BACKENDS, "numpy", "openvino")   # the last two cannot train


def check_backend() -> None:
    """Refuses a `KERAS_BACKEND` that Keras does not have."""
    backend = os.environ.get("KERAS_BACKEND")
    if backend and backend not in OF_KERAS:
        raise ValueError(explain("`KERAS_BACKEND` must be a backend of Keras",
                                 KERAS_BACKEND=backend, fix=nearest(backend, OF_KERAS)))


def needed(error: BaseException | None) -> str | None:
    """Says how to install the library whose absence an error tells of.

    Args:
        error: The error, or what it was raised from.

    Returns:
        One sentence for each of rule, values and remedy. `None` if the error, and what led to it,
        tell of no library that this package knows.
    """
    seen: list[BaseException] = []
    while error is not None and error not in seen:  # an error may be in its own context
        seen.append(error)
        library = (getattr(error, "name", None) or "").partition(".")[0]
        if isinstance(error, ModuleNotFoundError) and (fix := _remedy(library)):
            return explain(f"the command needs {library}", missing=library, fix=fix)
        error = error.__cause__ or error.__context__
    return None


def _remedy(library: str) -> str | None:
    extra = extras().get(library)
    if extra is None and library not in (*BACKENDS, "keras", "numpy"):
        return None
    install = f"pip install {library if extra is None else f'{PACKAGE}[{extra}]'!r}"
    if library in BACKENDS:
        return f"{install}, or set KERAS_BACKEND to a backend that is installed"
    return install


def extras() -> dict[str, str]:
    """Each library that an extra brings, by the name that it is imported by, with that extra.

    Of several extras the one that brings the fewest libraries is named.
    """
    brings: dict[str, list[str]] = {}
    for requirement in importlib.metadata.requires(PACKAGE) or ():
        distribution = re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower()
        extra = re.search(r"extra == ['\"](\w+)['\"]", requirement)
        if extra is not None and extra[1] not in OF_ONE_COMMAND:
            name = IMPORTED.get(distribution, distribution.replace("-", "_"))
            brings.setdefault(extra[1], []).append(name)
    smallest_last = sorted(brings, key=lambda extra: -len(brings[extra]))
    return {name: extra for extra in smallest_last for name in brings[extra]}
