"""All figures of a model on one page that needs nothing else."""

import html
import os
import pathlib
import string
from collections.abc import Mapping, Sequence

from keras_seqattn.files import whole
from keras_seqattn.inspection.canvas import data_url
from keras_seqattn.inspection.gallery import Drawn

TEMPLATE = pathlib.Path(__file__).with_name("report.html")
DPI, CSS_DPI = 160, 96


def write_report(path: os.PathLike[str] | str, model: str, pictures: Sequence[str],
                 drawn: Mapping[str, Drawn], missing: Mapping[str, str]) -> None:
    """Writes the page.

    Args:
        path: Path of the page.
        model: Name of the model.
        pictures: Names of the pictures.
        drawn: The figures by name.
        missing: Why the other figures could not be drawn, by name.
    """
    page = string.Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        model=html.escape(model),
        summary=html.escape("Pictures: " + ", ".join(pictures) if pictures else "No pictures."),
        contents=" · ".join(f'<a href="#{name}">{html.escape(each.title)}</a>'
                            for name, each in drawn.items()),
        figures="\n".join(_section(name, each) for name, each in drawn.items()),
        missing="\n".join(f"<p class=\"note\">No figure <code>{name}</code>: "
                          f"{html.escape(reason)}</p>" for name, reason in missing.items()))
    with whole(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _section(name: str, drawn: Drawn) -> str:
    """A figure at its own size, in a frame that scrolls where the screen is narrower."""
    title = html.escape(drawn.title)
    width, height = (round(inches * CSS_DPI) for inches in drawn.figure.get_size_inches())
    return (
        f'<h2 id="{name}">{title}</h2>\n'
        f'<figure><div class="scroll" tabindex="0" role="region" aria-label="{title}">'
        f'<img width="{width}" height="{height}" alt="{title}. {html.escape(drawn.caption)}" '
        f'src="{data_url(drawn.figure, DPI)}"></div>\n'
        f"<figcaption>{html.escape(drawn.caption)}</figcaption></figure>")
