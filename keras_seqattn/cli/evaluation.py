"""What a classifier is right and wrong about: as numbers, on the screen and as a page."""

import base64
import html
import io
import math
import pathlib
import string
import typing
from collections.abc import Callable, Mapping, Sequence

from keras_seqattn.cli.screen import screen, table
from keras_seqattn.errors import explain
from keras_seqattn.files import whole

if typing.TYPE_CHECKING:
    import numpy

    from keras_seqattn.data import LabelledImages, StoredImages

TEMPLATE = pathlib.Path(__file__).with_name("evaluation.html")
WORST = 12       # pictures that are shown
CONFUSIONS = 10  # pairs of classes that are named
MATRIX = 40      # classes of the largest matrix that a page shows
ROWS = 30        # classes of the longest table on a screen


def measure(predict: "Callable[[numpy.ndarray], numpy.ndarray]",
            examples: "LabelledImages | StoredImages") -> dict:
    """Measures a classifier.

    Args:
        predict: Function from 8-bit images to probabilities, `(n, num_classes)`.
        examples: What `data.load` returns.

    Returns:
        `"examples"` and `"accuracy"`. Where each example has one class also:

        - `"classes"`: the name, number of examples, precision and recall of each class.
        - `"confusion"`: for each right class the number of each answer.
        - `"worst"`: the surest of the wrong answers.

    Raises:
        ValueError: the classifier tells another number of classes apart.
    """
    from keras_seqattn.data import evaluate

    _check_classes(predict, examples)
    answers = evaluate.answers(predict, examples)
    right = answers.right()
    result = {"examples": len(right), "accuracy": float(right.mean())}
    if answers.labels.ndim > 1:
        return result
    confusion = answers.confusion(len(examples.classes))
    precision, recall = evaluate.precision_and_recall(confusion)
    return {
        **result,
        "classes": [
            {"name": name, "examples": int(count), "precision": _number(share),
             "recall": _number(found)}
            for name, count, share, found in zip(
                examples.classes, confusion.sum(axis=1), precision, recall, strict=True)],
        "confusion": confusion.tolist(),
        "worst": [
            {"example": int(index), "file": examples.file(index),
             "class": examples.classes[answers.labels[index]],
             "answer": examples.classes[answers.classes[index]],
             "probability": float(answers.values[index])} for index in answers.worst(WORST)]}


def _check_classes(predict: "Callable[[numpy.ndarray], numpy.ndarray]",
                   examples: "LabelledImages | StoredImages") -> None:
    import numpy as np

    told = predict(examples.read(np.arange(1))[0]).shape[-1]
    if told != len(examples.classes):
        raise ValueError(explain(
            "the source must have as many classes as the model", source_classes=len(
                examples.classes), model_classes=told,
            fix="pass the data that the model was trained for"))


def show(measured: Mapping[str, typing.Any]) -> None:
    """Prints a measurement: of many classes those that are found least."""
    classes = measured.get("classes", ())
    if classes:
        shown = table("class", "examples", "precision", "recall")
        least = sorted(classes, key=lambda each: math.inf if each["recall"] is None
                       else each["recall"])
        for each in classes if len(classes) <= ROWS else least[:ROWS]:
            shown.add_row(each["name"], str(each["examples"]), _share(each["precision"]),
                          _share(each["recall"]))
        screen.print(shown)
        if len(classes) > ROWS:
            screen.print(f"{len(classes) - ROWS} classes with a higher recall are not shown")
        for name, answer, count in confusions(measured)[:CONFUSIONS]:
            screen.print(f"{name} taken for {answer}: {count}")
    screen.print(f"examples: {measured['examples']}")
    screen.print(f"accuracy: {measured['accuracy']:.4g}")


def confusions(measured: Mapping[str, typing.Any]) -> list[tuple[str, str, int]]:
    """Pairs of a right class and a wrong answer with their number, the most frequent first.

    >>> confusions({"classes": [{"name": "cat"}, {"name": "dog"}], "confusion": [[5, 2], [0, 7]]})
    [('cat', 'dog', 2)]
    """
    names = [each["name"] for each in measured["classes"]]
    pairs = [(names[i], names[j], count) for i, row in enumerate(measured["confusion"])
             for j, count in enumerate(row) if i != j and count]
    return sorted(pairs, key=lambda pair: -pair[2])


def write_page(path: pathlib.Path, about: Mapping[str, str], measured: Mapping[str, typing.Any],
               examples: "LabelledImages | StoredImages") -> None:
    """Writes a measurement as one page that needs nothing else.

    Args:
        path: Path of the page.
        about: Name of the `model`, source of the `data` and their `split`.
        measured: What `measure` returns.
        examples: The examples.
    """
    import numpy as np

    classes, worst = measured.get("classes", ()), measured.get("worst", ())
    images = examples.read(np.array([each["example"] for each in worst], int))[0] if worst else ()
    page = string.Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        model=_text(about["model"]), summary=_text(
            f"Of {measured['examples']:,} examples of {about['data']}, split "
            f"{about['split']}, "
            f"{measured['accuracy']:.1%} are told right."),
        classes=_rows([each["name"], f"{each['examples']:,}", _share(each["precision"]),
                       _share(each["recall"])] for each in classes),
        confusions=_rows([name, answer, f"{count:,}"] for name, answer, count in
                         (confusions(measured)[:CONFUSIONS] if classes else ())),
        matrix=_matrix([each["name"] for each in classes], measured.get("confusion", ())),
        worst="\n".join(map(_picture, worst, images)) or "<p>No answer is wrong.</p>")
    with whole(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _text(value: object) -> str:
    return html.escape(str(value))


def _rows(rows: typing.Iterable[Sequence[str]]) -> str:
    return "\n".join("<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>"
                     for row in rows)


def _matrix(names: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """The confusion matrix as a table, each row shaded by the share of its examples."""
    if not 0 < len(names) <= MATRIX:
        return f"<p>It is shown for up to {MATRIX} classes; there are {len(names)}.</p>"
    head = "".join(f"<th scope=\"col\"><span>{_text(name)}</span></th>" for name in names)
    rows = []
    for i, (name, row) in enumerate(zip(names, counts, strict=True)):
        cells = "".join(
            f'<td class="{"right" if i == j else "wrong"}" style="--share:'
            f'{100 * count / max(sum(row), 1):.0f}%">{count or "·"}</td>'
            for j, count in enumerate(row))
        rows.append(f'<tr><th scope="row">{_text(name)}</th>{cells}</tr>')
    return (f'<div class="scroll" tabindex="0" role="region" aria-label="Confusion matrix">'
            f'<table class="matrix"><tr><td></td>{head}</tr>\n' + "\n".join(rows)
            + "</table></div>")


def _picture(said: Mapping[str, typing.Any], image: "numpy.ndarray") -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image.squeeze()).save(buffer, format="png")
    place = said["file"] or f"example {said['example']}"
    return (f'<figure><img width="{image.shape[1]}" height="{image.shape[0]}" '
            f'alt="{_text(said["class"])}" src="data:image/png;base64,'
            f'{base64.b64encode(buffer.getvalue()).decode()}">'
            f'<figcaption><b>{_text(said["class"])}</b><br>taken for {_text(said["answer"])}, '
            f'{said["probability"]:.1%}<br><small>{_text(place)}</small></figcaption></figure>')
