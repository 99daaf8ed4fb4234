"""`sentences`: each rule on a text that counts beside one that does not; the bars of the house."""

import pytest
import sentences
from sentences import GUIDES, PACKAGE, ROOT

HARD = "One, two, three, four five six seven eight."
EASY = "One, two, three four five six seven eight."


def write(folder, text, name="guide.md"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def count(path):
    """The lines on which sentences begin, and those of the hard ones among them."""
    found = sentences.sentences(path)
    return [one.line for one in found], [one.line for one in found if sentences.is_hard(one)]


@pytest.mark.parametrize(("hard", "easy"), [
    pytest.param(HARD, EASY, id="commas"),
    pytest.param("One; two: three, four five six seven eight.",
                 "One – two (three); four: five six seven eight.", id="semicolon and colon"),
    pytest.param("One, two, three, `four` five six seven eight.",
                 "One, two, `three, four` five six seven eight nine.", id="code"),
    pytest.param("One, two, 3, 000 four five six seven.",
                 "One, two, 3,000 or 3:4 four five six.", id="numbers"),
    pytest.param("See http://a.org/b, two, three, four five six seven.",
                 "See http://a.org/b,c: two, three four five six seven.", id="addresses"),
    pytest.param("One, two, e.g. three, four five six seven.",
                 "Cao et al. 2021, section 3.1, table 1 has.", id="abbreviations"),
    pytest.param("- The rate: one, two, three four five six.",
                 "- `rate`, `shape`: one, two, three four five six seven eight.",
                 id="names of an item"),
    pytest.param("As of papers: one, two, three four five six.",
                 "Paper: one, two, three four five six seven eight.", id="label"),
])
def test_a_hard_sentence_beside_an_easy_one(tmp_path, hard, easy):
    assert count(write(tmp_path, f"{hard}\n\n{easy}\n")) == ([1, 3], [1])


@pytest.mark.parametrize(("text", "begins"), [
    pytest.param(f"{HARD} {HARD}\n{HARD}", [1, 1, 2], id="full stops"),
    pytest.param(f"{HARD[:-1]}\n\n{HARD[:-1]}", [1, 3], id="paragraphs"),
    pytest.param(f"{HARD[:-1]}\n{HARD[:-1]}", [1], id="lines of one sentence"),
    pytest.param(f"- {HARD[:-1]}\n  {HARD[:-1]}\n- {HARD[:-1]}\n1) {HARD}", [1, 3, 4], id="list"),
    pytest.param("One, two, three, four five six seven.", [], id="phrase of seven words"),
    pytest.param(f"# {HARD}\n\n{HARD}", [3], id="heading"),
    pytest.param(f"| {HARD} | b |\n|---|---|\n\n{HARD}", [4], id="table"),
    pytest.param(f"```\n{HARD}\n```\n{HARD}", [4], id="fenced block"),
    pytest.param(f"<!-- {HARD} -->\n{HARD}", [2], id="comment"),
])
def test_where_sentences_begin(tmp_path, text, begins):
    assert count(write(tmp_path, text)) == (begins, begins)


def test_docstrings(tmp_path):
    """By hand: three marks in the sentences of lines 5, 7 and 11, two in those of 1 and 13."""
    path = write(tmp_path, f'''"""{EASY}"""


def build(rate, shape):
    """{HARD}

    The rate has one of three
    values: a half, a third, or none.

    Args:
        rate: Share of what is dropped: in percent, per
            step: not per epoch.
        shape: Sizes of height, width and channels, in pixels.

    >>> {HARD}
    {HARD}
    """
    # {HARD}
    return "{HARD}"
''', "module.py")
    assert count(path) == ([1, 5, 7, 11, 13], [5, 7, 11])


def test_shares(tmp_path):
    write(tmp_path, f"{HARD} {EASY} {EASY}")
    write(tmp_path, f'"""{EASY}"""', "module.py")
    assert sentences.hard_share(sentences.sentences(tmp_path)) == 1 / 4


@pytest.mark.parametrize("word", [
    "color", "behaviors", "neighboring", "Normalize", "quantized", "quantizer", "analyzing",
    "optimization", "center", "gray", "license", "labeled"])
def test_american_words(tmp_path, word):
    text = f"A size of\none {word} here.\n"
    path = write(tmp_path, f'"""{text}"""\nx = 1  # {word}\n', "module.py")
    assert [(found.line, found.text) for found in sentences.misspelt(path)] == [
        (2, word), (4, word)]
    assert [found.line for found in sentences.misspelt(write(tmp_path, text))] == [2]


@pytest.mark.parametrize("text", [
    "colour normalise initializers Optimizer centre grey licence labelled",
    "size resized seize prize parameters",
    "`color`, ``the license``", "kernel_initializer", "keras.optimizers", "optimizer=3", "center()",
    "https://a.org/color", '"Optimization as a Model"', "AI Edge\nQuantizer", "```\ncolor\n```",
    "    optimizer: A name."])
def test_british_words_and_names(tmp_path, text):
    assert not sentences.misspelt(write(tmp_path, text))


def test_at_most_8_percent_of_the_package_is_hard():
    share = sentences.hard_share(sentences.sentences(PACKAGE))
    assert share <= 0.08, "`python tests/sentences.py --list keras_seqattn` shows the sentences"


@pytest.mark.parametrize(
    "path", [PACKAGE, *GUIDES, ROOT / "CHANGELOG.md", ROOT / "tests", ROOT / "benchmarks"],
    ids=lambda path: path.name)
def test_spelling_is_british(path):
    assert not [str(word) for word in sentences.misspelt(path)]
