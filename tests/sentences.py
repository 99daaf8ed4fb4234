"""Counts the hard sentences of docstrings and guides, and finds American spelling in them.

    python tests/sentences.py [--list | --spelling] [PATH ...]

A path is a `.py` or `.md` file, or a folder of them. A sentence with three or more commas,
semicolons or colons is hard. The rules of the count:

- A paragraph, an item of a list and an argument each begin a new sentence.
- A mark counts where a space or the end follows, thus not inside a number or an address.
- The name before an item's first colon does not count: `rate: Share of …`, `Paper: …`.
- Code does not count: text in backticks, doctests, fenced blocks.
- Tables and headings are no sentences. A phrase of fewer than eight words is none either.
"""

import argparse
import ast
import os
import pathlib
import re
import textwrap
import tokenize
import typing

ROOT = pathlib.Path(__file__).parents[1]
PACKAGE = ROOT / "keras_seqattn"
GUIDES = [ROOT / name for name in (
    "README.md", "CONTRIBUTING.md", "DECISIONS.md", "models", "tflite", "examples", "findings",
    "docs") if (ROOT / name).exists()]
LEAST_WORDS, HARD_MARKS = 8, 3
FOREIGN = {"node_modules", "dist"}  # what was installed or built there
DOCUMENTED = ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef

# What is not prose.
SPAN = re.compile(r"`[^`]+`")
BLOCK = re.compile(r"^[ \t]*>>>.*(?:\n[ \t]*\S.*)*|^[ \t]*```.*?^[ \t]*```|<!--.*?-->",
                   re.MULTILINE | re.DOTALL)
APART = re.compile(r"^[ \t]*(?:\|.*|#+ .*|\**[A-Z][\w ]*:\**)$", re.MULTILINE)

# Where a sentence begins and ends.
NAME = r"(?:[*\w.]+|`[^`]+`)"
NAMED = rf"{NAME}(?:, {NAME})*(?: \([^)]*\))?:\s+"
ITEM = re.compile(rf"\s*(?:[-*+]|\d+[.)])\s+(?:{NAMED})?|\s+{NAMED}|[A-Z]\w*(?: \w+)?:\s+")
MARK = re.compile(r"[,;:](?=[\s\"')\]*_]|$)")
END = re.compile(r"(?<!\bal)(?<!\bcf)(?<!\bvs)(?<!\be\.g)(?<!\bi\.e)[.!?][\"')*_]*$")

# The house writes -ise and -our. What others named, and what is quoted, keeps its spelling; so do
# the nouns that name Keras' classes: optimizer, tokenizer, initializer, regularizer.
NAMES = re.compile(rf'AI\s+Edge\s+Quantizer|Apache\s+License|"[^"\n]+"|^[ \t]+{NAMED}',
                   re.MULTILINE)
AMERICAN = re.compile(r"""(?<![\w.@/=#-])(?:
    (?!(?:cap|re|up|down|over|under)?siz|priz|seiz|(?:optim|token|initial|regular)izer)[a-z]+[iy]z(?:e[sdr]?|ers|ing|ations?|able)
    |[a-z]*(?:col|behavi|fav|flav|lab|hon|neighb|rum|harb|rig|vap)or(?:s|ed|ing|al|hood|able)?
    |(?:label|model|cancel|travel|signal|level|total)(?:ed|ing)
    |center(?:s|ed|ing)?|fibers?|(?:kilo|centi|milli)?meters?|gray(?:s|ish)?|licenses?
    |catalogs?|defense|fulfill?|skillful|artifacts?
    )(?![\w=(/]|\.\w)""", re.VERBOSE | re.IGNORECASE)


class Passage(typing.NamedTuple):
    """A sentence or a word, its file, and the line on which it begins."""

    path: pathlib.Path
    line: int
    text: str

    def __str__(self):
        return f"{os.path.relpath(self.path)}:{self.line}: {self.text}"


def sentences(path):
    """Returns the sentences of a file or folder: of its docstrings and its Markdown."""
    return [Passage(file, first + line, text)
            for file in _files(path) for first, prose in _prose(file)
            for line, text in _split(prose)]


def is_hard(sentence):
    """Whether a sentence has three or more marks outside its code."""
    return len(MARK.findall(SPAN.sub("code", sentence.text))) >= HARD_MARKS


def hard_share(found):
    """Returns the share of hard sentences, in `[0, 1]`."""
    return sum(map(is_hard, found)) / max(1, len(found))


def misspelt(path):
    """Returns the American words of a file or folder: of docstrings, comments and Markdown."""
    return [Passage(file, first + line, word)
            for file in _files(path) for first, text in [*_prose(file), *_comments(file)]
            for line, row in enumerate(_without_code(text).splitlines())
            for word in AMERICAN.findall(row)]


def _files(path):
    if path.is_file():
        return [path]
    return sorted(each for pattern in ("*.py", "*.md") for each in path.rglob(pattern)
                  if not FOREIGN.intersection(each.parts))


def _prose(file):
    """The docstrings of a `.py` file, or all of a `.md` file, each with its first line."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".md":
        yield 1, text
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node) is not None:
            summary, _, rest = node.body[0].value.value.partition("\n")
            yield node.body[0].lineno, f"{summary}\n{textwrap.dedent(rest)}"


def _comments(file):
    if file.suffix == ".py":
        with tokenize.open(file) as lines:
            for token in tokenize.generate_tokens(lines.readline):
                if token.type == tokenize.COMMENT:
                    yield token.start[0], token.string


def _split(prose):
    """Splits prose into its sentences, each with its line from 0."""
    for item in _items(_blank(APART, _blank(BLOCK, prose))):
        begun = []
        for line, word in item:
            begun.append((line, word))
            if END.search(word):
                yield from _sentence(begun)
                begun = []
        yield from _sentence(begun)


def _items(prose):
    """Splits prose into paragraphs and items, each a list of `(line, word)`."""
    item, indent = [], 0
    for number, line in enumerate(prose.splitlines()):
        depth = len(line) - len(line.lstrip())
        begin = ITEM.match(line) if not item or depth <= indent else None
        if begin or not line.strip():
            yield item
            item = []
        if not item:
            indent = depth
        item.extend((number, word) for word in line[begin.end() if begin else 0:].split())
    yield item


def _sentence(words):
    text = " ".join(word for _, word in words)
    if len(SPAN.sub("code", text).split()) >= LEAST_WORDS:
        yield words[0][0], text


def _without_code(text):
    return _blank(NAMES, _blank(SPAN, _blank(BLOCK, text)))


def _blank(pattern, text):
    """Removes what the pattern matches and leaves every other line where it is."""
    return pattern.sub(lambda match: "\n" * match[0].count("\n"), text)


def _print_counts(path):
    found = sentences(path)
    rooms = {os.path.relpath(path): found}
    for sentence in found:
        room, *file = sentence.path.relative_to(path).parts or [""]
        if file:
            rooms.setdefault(f"  {room}", []).append(sentence)
    for room, inside in rooms.items():
        print(f"{room:24}{len(inside):6} sentences{hard_share(inside):8.1%} hard")


def main():
    """Prints counts per room, or each hard sentence, or each American word."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("paths", nargs="*", type=pathlib.Path, metavar="PATH",
                        help="default: the package and the guides")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--list", action="store_true", help="print each hard sentence")
    form.add_argument("--spelling", action="store_true", help="print each American word")
    asked = parser.parse_args()
    for path in asked.paths or [PACKAGE, *GUIDES]:
        if not path.exists():
            parser.error(f"{path} does not exist")
        if asked.spelling:
            for word in misspelt(path):
                print(word)
        elif asked.list:
            for sentence in filter(is_hard, sentences(path)):
                print(sentence)
        else:
            _print_counts(path)


if __name__ == "__main__":
    main()
