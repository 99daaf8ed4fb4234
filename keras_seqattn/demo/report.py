"""The demo's report as one HTML file that needs nothing else."""

import html
import os
import pathlib
import string
import typing
from collections.abc import Sequence

import numpy as np

from keras_seqattn import inspection
from keras_seqattn.data.batches import scale
from keras_seqattn.files import whole
from keras_seqattn.inspection.canvas import canvas, data_url
from keras_seqattn.training.run_folder import journal

if typing.TYPE_CHECKING:
    import keras
    from matplotlib.figure import Figure

    from keras_seqattn.data import LabelledImages
    from keras_seqattn.demo import Classified

TEMPLATE = pathlib.Path(__file__).with_name("report.html")
DPI = 110


def write_html(path: os.PathLike[str] | str, report: dict[str, typing.Any], model: "keras.Model",
               test: "LabelledImages", logits: np.ndarray,
               classified: Sequence["Classified"]) -> None:
    """Writes the report page.

    Args:
        path: Path of the page.
        report: The report as `demo.run` returns it.
        model: The trained Vision Transformer.
        test: The test split.
        logits: What the model says of the test split, `(n, num_classes)`.
        classified: File name and class of each picture that a file classified, and the classes
            that the file named with their probabilities.
    """
    shown = [int(np.flatnonzero(test.labels == label)[0]) for label in range(len(classified))]
    images, predicted = test.images[shown], logits.argmax(-1)
    titles = [f"{test.classes[test.labels[i]]}, taken for {test.classes[predicted[i]]}"
              if predicted[i] != test.labels[i] else test.classes[predicted[i]] for i in shown]
    maps = inspection.attention_maps(model, scale(images))
    train, threads = report["train"], report["edge"][0]["latency"]["threads"]
    page = string.Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        summary=_text(
            f"A Vision Transformer of {train['parameters']:,} parameters was trained for "
            f"{train['epochs']} epochs in {train['seconds']:.0f} s on {report['data']['source']}. "
            f"Its accuracy in Keras on {report['data']['test_examples']} test images is "
            f"{report['keras']['accuracy']:.3f}."),
        rows="\n".join(_row(each, report["edge"][0]["bytes"]) for each in report["edge"]),
        files_note=_text(
            f"Latency is that of one image on {threads} threads. The median is over "
            f"{report['edge'][0]['latency']['runs']} runs after a warm-up, the files in turn. "
            "Agreement is the share of test images with the same first class as in Keras. Error is "
            "the largest difference of a logit. Partitions are the pieces that run on XNNPACK."),
        classified="\n".join(
            f"<tr><td>{_text(name)}</td><td>{_text(truth)}</td><td>" + ", ".join(
                f"{_text(label)} {share:.1%}" for label, share in ranked) + "</td></tr>"
            for name, truth, ranked in classified),
        training_note=_text(
            f"{train['examples_per_s']:.0f} images per second. Validation images are cut from the "
            "train split. The weights kept are those of the lowest validation loss."),
        curves=data_url(journal.curves(train["history"]), DPI),
        confusion=data_url(_confusion(test.labels, predicted, test.classes), DPI),
        attention=data_url(inspection.attention_figure(images, maps, titles), DPI))
    with whole(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _row(each: dict[str, typing.Any], float_bytes: int) -> str:
    holds = not each["failures"]
    cells = [
        _text(each["precision"]), f"{each['bytes']:,}", f"{each['bytes'] / float_bytes:.3f}",
        f"{each['accuracy']['edge']:.3f}", f"{each['top1_agreement']:.3f}",
        f"{each['max_abs_error']:.2g}", f"{each['latency']['median_ms']:.2f} ms",
        f"{each['latency']['p90_ms']:.2f} ms", f"{each['partitions']}",
        f'<span class="{"good" if holds else "bad"}">{"yes" if holds else "no"}</span>']
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _confusion(labels: np.ndarray, predicted: np.ndarray, classes: Sequence[str]) -> "Figure":
    counts = np.zeros((len(classes), len(classes)), int)
    np.add.at(counts, (labels, predicted), 1)
    figure = canvas(7.5, 6.5)
    axis = figure.subplots()
    axis.imshow(counts, cmap="Blues")
    for (row, column), count in np.ndenumerate(counts):
        if count:
            axis.text(column, row, str(count), ha="center", va="center", fontsize=8,
                      color="white" if count > counts.max() / 2 else "black")
    axis.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
    axis.set_yticks(range(len(classes)), classes)
    axis.set_xlabel("said")
    axis.set_ylabel("true")
    return figure


def _text(text: object) -> str:
    return html.escape(str(text))
