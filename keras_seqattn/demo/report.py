"""The demo's report as one HTML file that needs nothing else."""

import base64
import html
import io
import pathlib
import string

import numpy as np

from keras_seqattn import inspection
from keras_seqattn.data.batches import scale
from keras_seqattn.files import whole
from keras_seqattn.training.run_folder import journal

TEMPLATE = pathlib.Path(__file__).with_name("report.html")


def write_html(path, report, model, test, logits, classified):
    """Writes the report page.

    Args:
        path: Path of the page.
        report: The report as `demo.run` returns it.
        model: The trained Vision Transformer.
        test: `LabelledImages` of the test split.
        logits: What the model says of them, `(n, num_classes)`.
        classified: `(file name, class, ranked (label, probability))` of images from the device.
    """
    shown = [int(np.flatnonzero(test.labels == label)[0]) for label in range(len(classified))]
    images, predicted = test.images[shown], logits.argmax(-1)
    titles = [f"{test.classes[test.labels[i]]}, taken for {test.classes[predicted[i]]}"
              if predicted[i] != test.labels[i] else test.classes[predicted[i]] for i in shown]
    maps = inspection.attention_maps(model, scale(images))
    train, threads = report["train"], report["edge"][0]["latency"]["threads"]
    page = string.Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        summary=_text(
            f"A Vision Transformer of {train['parameters']:,} parameters, trained for "
            f"{train['epochs']} epochs in {train['seconds']:.0f} s on {report['data']['source']}; "
            f"Keras' accuracy on {report['data']['test_examples']} test images is "
            f"{report['keras']['accuracy']:.3f}."),
        rows="\n".join(_row(each, report["edge"][0]["bytes"]) for each in report["edge"]),
        files_note=_text(
            f"Latency of one image on {threads} threads, median of "
            f"{report['edge'][0]['latency']['runs']} runs after a warm-up, the files in turn. "
            "Agreement is the share of test images with the same first class as Keras, error the "
            "largest difference of a logit, partitions the pieces that run on XNNPACK."),
        classified="\n".join(
            f"<tr><td>{_text(name)}</td><td>{_text(truth)}</td><td>" + ", ".join(
                f"{_text(label)} {share:.1%}" for label, share in ranked) + "</td></tr>"
            for name, truth, ranked in classified),
        training_note=_text(
            f"{train['examples_per_s']:.0f} images per second. Validation images are cut from the "
            "train split; the weights kept are those of the lowest validation loss."),
        curves=_embed(journal.curves(train["history"])),
        confusion=_embed(_confusion(test.labels, predicted, test.classes)),
        attention=_embed(inspection.attention_figure(images, maps, titles)))
    with whole(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _row(each, float_bytes):
    holds = not each["failures"]
    cells = [
        _text(each["precision"]), f"{each['bytes']:,}", f"{each['bytes'] / float_bytes:.3f}",
        f"{each['accuracy']['edge']:.3f}", f"{each['top1_agreement']:.3f}",
        f"{each['max_abs_error']:.2g}", f"{each['latency']['median_ms']:.2f} ms",
        f"{each['latency']['p90_ms']:.2f} ms", f"{each['partitions']}",
        f'<span class="{"good" if holds else "bad"}">{"yes" if holds else "no"}</span>']
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _confusion(labels, predicted, classes):
    from matplotlib.figure import Figure

    counts = np.zeros((len(classes), len(classes)), int)
    np.add.at(counts, (labels, predicted), 1)
    figure = Figure(figsize=(7.5, 6.5), layout="constrained")
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


def _embed(figure):
    """A figure as a data URL, so that the page stands alone."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _text(text):
    return html.escape(str(text))
