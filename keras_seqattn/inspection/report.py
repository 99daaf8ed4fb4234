"""All figures of a model on one page that needs nothing else."""

import base64
import html
import io
import pathlib
import string

from keras_seqattn.files import whole

TEMPLATE = pathlib.Path(__file__).with_name("report.html")
DPI, CSS_DPI = 160, 96


def write_report(path, model, pictures, drawn, missing):
    """Writes the page.

    Args:
        path: Path of the page.
        model: Name of the model.
        pictures: Names of the pictures.
        drawn: `gallery.Drawn` of each figure by its name.
        missing: Why others could not be drawn, by their names.
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


def _section(name, drawn):
    """A figure at its own size, with what scrolls it where the screen is narrower."""
    title, buffer = html.escape(drawn.title), io.BytesIO()
    drawn.figure.savefig(buffer, format="png", dpi=DPI)
    width, height = (round(inches * CSS_DPI) for inches in drawn.figure.get_size_inches())
    data = base64.b64encode(buffer.getvalue()).decode()
    return (
        f'<h2 id="{name}">{title}</h2>\n'
        f'<figure><div class="scroll" tabindex="0" role="region" aria-label="{title}">'
        f'<img width="{width}" height="{height}" alt="{title}. {html.escape(drawn.caption)}" '
        f'src="data:image/png;base64,{data}"></div>\n'
        f"<figcaption>{html.escape(drawn.caption)}</figcaption></figure>")
