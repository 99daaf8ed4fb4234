"""The commands that tell about models: `list` and `summary`."""

import json
from typing import Annotated

import typer

from keras_seqattn.cli.screen import AsJson, ReportFile, busy, finish, screen, table


def list_models(report: ReportFile = None, as_json: AsJson = False) -> None:
    """List the trained models that come with the project.

    Example: `seqattn list`
    """
    from keras_seqattn.models import pretrained

    shipped = json.loads(pretrained.LISTING.read_text(encoding="utf-8"))["models"]
    result = {name: {"bytes": files[pretrained.WEIGHTS]["bytes"], "files": sorted(files),
                     "writes": pretrained.TOKENIZER in files}
              for name, files in sorted(shipped.items())}
    if not as_json:
        shown = table("model", "bytes", "does")
        for name, facts in result.items():
            shown.add_row(name, f"{facts['bytes']:,}",
                          "writes sequences" if facts["writes"] else "tells classes apart")
        screen.print(shown)
    finish(result, report, as_json, shown=True)


def summary(model: Annotated[str, typer.Argument(
                help="Model name, URL, run folder or .keras file.")],
            report: ReportFile = None, as_json: AsJson = False) -> None:
    """Show what a model reads, returns and costs, and its layers.

    Multiply-adds are those of one example. The example of a model that writes is a source with a
    target of the largest length, read at once.

    Example: `seqattn summary vit_eurosat`
    """
    from keras_seqattn import models
    from keras_seqattn.models import pretrained

    with busy(f"loading {model}"):
        loaded = models.load(model)
        labels = models.labels(model)
        result = {
            "model": model, "bytes": pretrained.locate(model).stat().st_size,
            "parameters": loaded.count_params(), "multiply_adds": models.multiply_adds(loaded),
            "inputs": {each.name: list(each.shape[1:]) for each in loaded.inputs},
            "outputs": [list(each.shape[1:]) for each in loaded.outputs],
            "classes": labels,
            "layers": [{"name": layer.name, "kind": type(layer).__name__,
                        "parameters": layer.count_params()} for layer in loaded.layers]}
    if not as_json:
        for name in ("bytes", "parameters", "multiply_adds"):
            screen.print(f"{name}: {result[name]:,}")
        for name in ("inputs", "outputs"):
            screen.print(f"{name}: {result[name]}")
        if labels:
            screen.print(f"classes: {', '.join(labels)}", soft_wrap=True)
        shown = table("layer", "kind", "parameters")
        for layer in result["layers"]:
            shown.add_row(layer["name"], layer["kind"], f"{layer['parameters']:,}")
        screen.print(shown)
    finish(result, report, as_json, shown=True)
