"""Numbers of releases of a runtime, such as `"2.16"` or `"2.16.1"`."""

import re

from keras_seqattn.errors import explain


def numbers(release: str) -> tuple[int, ...]:
    """Returns a release as numbers, which compare as releases do.

    Args:
        release: Two or three numbers with dots between them.

    Raises:
        ValueError: it is nothing of the kind.

    >>> numbers("2.9.0") < numbers("2.17")
    True
    """
    if not isinstance(release, str) or not re.fullmatch(r"\d+\.\d+(\.\d+)?", release):
        raise ValueError(explain("a release must be two or three numbers with dots between them",
                                 release=release, fix='pass one such as "2.16"'))
    return tuple(map(int, release.split(".")))


def check(release: str | None) -> None:
    """Checks that a release is one, or that none was named.

    Raises:
        ValueError: it is nothing of the kind.
    """
    if release is not None:
        numbers(release)


def has(runtime: str, first: str | None) -> bool:
    """Whether a runtime has what came with a release.

    Args:
        runtime: Its release. Of two numbers it stands for the last of these, so `"2.16"` has what
            came with `"2.16.1"`.
        first: The release, or `None` if it is unknown.

    >>> has("2.16", "2.16.1"), has("2.16", "2.17.0"), has("2.16", None)
    (True, False, False)
    """
    wanted = numbers(runtime)
    return first is not None and numbers(first)[:len(wanted)] <= wanted
