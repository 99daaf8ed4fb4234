"""Files of text: what a line is, and where a byte order mark goes."""

import pathlib


def decode(data: bytes) -> str:
    """Turns UTF-8 into text, without the byte order mark that some editors put in front."""
    return data.decode("utf-8-sig")


def read(path: pathlib.Path) -> str:
    """Reads a file of UTF-8 text, as `decode` does."""
    return decode(path.read_bytes())


def lines(text: str) -> list[str]:
    r"""Cuts a text where `\n` or `\r\n` ends a line, and nowhere else.

    `str.splitlines` also cuts at form feeds and at separators of Unicode, which may stand within a
    sentence.

    >>> lines("One\u2028two.\r\nThree.\n")
    ['One\u2028two.', 'Three.']
    """
    found = text.replace("\r\n", "\n").split("\n")
    return found[:-1] if found[-1] == "" else found
