"""The commands that tell about models: `list` and `summary`."""

import typing
from typing import Annotated

import typer

from keras_seqattn import trained
from keras_seqattn.cli import given, shapes
from keras_seqattn.cli.screen import AsJson, ReportFile, busy, finish, notes, screen, table
from keras_seqattn.errors import explain

if typing.TYPE_CHECKING:
    import keras

Shape = Annotated[str | None, typer.Option(
    shapes.OPTION, callback=lambda text: text and shapes.parse([text]) and text,
    help="Shape of one example, for a model of unknown input sizes: 128, 160x160x3, or "
         "NAME=SHAPE,NAME=SHAPE for several inputs.")]


def list_models(report: ReportFile = None, as_json: AsJson = False) -> None:
    """List the trained models that come with the project.

    Example: `seqattn list`
    """
    result = {name: {"bytes": files[trained.WEIGHTS]["bytes"], "files": sorted(files),
                     "writes": trained.TOKENIZER in files}
              for name, files in sorted(trained.shipped().items()) if files}
    if not as_json:
        shown = table("model", "bytes", "does")
        for name, facts in result.items():
            shown.add_row(name, f"{facts['bytes']:,}",
                          "writes sequences" if facts["writes"] else "tells classes apart")
        screen.print(shown)
    finish(result, report, as_json, shown=True)


def summary(model: given.KerasModel, input_shape: Shape = None, report: ReportFile = None,
            as_json: AsJson = False) -> None:
    """Show what a model reads, returns and costs, and its layers.

    Multiply-adds are those of one example. The example of a model that writes is a source with a
    target of the largest length, read at once. Of a model of unknown sizes pass --input-shape.

    Example: `seqattn summary vit_eurosat`
    """
    from keras_seqattn import models

    with busy(f"loading {model}"):
        loaded = models.load(model)
        _check_built(model, loaded)
        labels = models.labels(model)
        multiply_adds = _multiply_adds(loaded, shapes.parse([input_shape] if input_shape else None))
        result = {
            "model": model, "bytes": trained.locate(model).stat().st_size,
            "parameters": loaded.count_params(), "multiply_adds": multiply_adds,
            "inputs": {each.name: list(each.shape[1:]) for each in loaded.inputs},
            "outputs": [list(each.shape[1:]) for each in loaded.outputs],
            "classes": labels,
            "layers": [{"name": layer.name, "kind": type(layer).__name__,
                        "parameters": layer.count_params()} for layer in loaded.layers]}
    if not as_json:
        _show(result)
    finish(result, report, as_json, shown=True)


def _check_built(name: str, model: "keras.Model") -> None:
    if not (model.built and getattr(model, "inputs", None)):
        raise ValueError(explain(
            "the model must know its inputs", model=name, kind=type(model).__name__,
            fix="begin it with keras.Input(shape), and save it again"))


def _multiply_adds(model: "keras.Model", given_shapes: list[shapes.Shape] | None) -> int | None:
    """Multiply-adds of one example; `None`, with a note, where they cannot be counted."""
    from keras_seqattn import models

    if not (given_shapes or hasattr(model, "max_length") or shapes.are_known(model)):
        notes.print(f"note: without {shapes.OPTION}, such as {shapes.OPTION} "
                    f"{shapes.example(model)}, multiply-adds are not counted", soft_wrap=True)
        return None
    try:
        return models.multiply_adds(
            model, _in_order(model, given_shapes[0]) if given_shapes else None)
    except ValueError as reason:
        if "not_counted=" not in str(reason):
            raise
        notes.print(f"note: multiply-adds are not counted: {reason}", soft_wrap=True)
        return None


def _in_order(model: "keras.Model", shape: shapes.Shape) -> list[tuple[int, ...]]:
    """The shape of each input, in the order of the inputs."""
    named = shape if isinstance(shape, dict) else {model.inputs[0].name: shape}
    names = [each.name for each in model.inputs]
    if sorted(named) != sorted(names) or any(
            len(named[each.name]) != len(each.shape) - 1 for each in model.inputs):
        raise ValueError(explain(
            f"{shapes.OPTION} must have a size for each axis of each input but the batch",
            input_shape=shape, inputs={each.name: tuple(each.shape) for each in model.inputs},
            fix=f"pass such as {shapes.OPTION} {shapes.example(model)}"))
    return [named[name] for name in names]


def _show(result: dict) -> None:
    for name in ("bytes", "parameters", "multiply_adds"):
        count = result[name]
        screen.print(f"{name}: {'unknown' if count is None else f'{count:,}'}")
    for name in ("inputs", "outputs"):
        screen.print(f"{name}: {result[name]}")
    if result["classes"]:
        screen.print(f"classes: {', '.join(result['classes'])}", soft_wrap=True)
    shown = table("layer", "kind", "parameters")
    for layer in result["layers"]:
        shown.add_row(layer["name"], layer["kind"], f"{layer['parameters']:,}")
    screen.print(shown)
