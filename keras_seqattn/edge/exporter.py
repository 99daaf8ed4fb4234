"""From a Keras model to a verified file: the road on one page.

`export` is the road. What is particular to a file format is its row in `formats`; what is
particular to a model that writes sequences is in `generator` and `check.generator`.
"""

from __future__ import annotations

import collections.abc
import functools
import os
import pathlib
import typing

from keras_seqattn.edge import conversion, formats, releases, sizes
from keras_seqattn.edge import keep_float as keeping
from keras_seqattn.edge.calibration import choose, few
from keras_seqattn.edge.check.generator import writes
from keras_seqattn.edge.check.report import Report
from keras_seqattn.edge.contract.contract import check_beside
from keras_seqattn.edge.contract.pixels import check_scale
from keras_seqattn.edge.examples import take
from keras_seqattn.edge.order import KeepFloat, Order
from keras_seqattn.edge.precisions import PRECISIONS, WRITER_PRECISIONS
from keras_seqattn.errors import ExportError, explain, nearest

if typing.TYPE_CHECKING:
    import keras

    from keras_seqattn.data.tokenizer import Tokenizer

Progress: typing.TypeAlias = collections.abc.Callable[[str], None]
IMAGE_INPUTS = ("float32", "uint8")
FOLDS = (True, False, "rotate", "balance")


def export(model: keras.Model, path: os.PathLike | str, precision: str = "dynamic_wi8_afp32", *,
           calibration: typing.Any = None, labels: typing.Any = None,
           outputs: str | collections.abc.Mapping[str, str] | None = None,
           inputs: typing.Any = None, targets: typing.Any = None, mean: typing.Any = 127.5,
           std: typing.Any = 127.5, image_input: str = "float32", attention: bool = False,
           licence: str | None = None, fold: bool | str = True, force: bool = False,
           tokenizer: Tokenizer | None = None, beam_width: int = 4,
           runtime: str | None = None, input_shapes: typing.Any = None,
           batch_size: int | collections.abc.Iterable[int] = 1, keep_float: KeepFloat = (),
           max_error: float | None = None, advise: bool = True,
           progress: Progress | None = None) -> Report:
    """Writes a Keras model as a file that is verified before it gets its name.

    The model is folded exactly (`fold`): less is computed, and quantisation loses less. The file
    has

    - static shapes, with a batch of 1 unless `batch_size` tells another;
    - named inputs and outputs, and builtin ops only;
    - a contract with its labels and normalisation, which also lies beside it as `FILE.json`.

    A model under mixed precision leaves in float32.

    Args:
        model: Built `keras.Model`.
        path: Path of the file; `.tflite`, or `.onnx` for ONNX Runtime.
        precision: A key of `PRECISIONS`; `.onnx` files have float32 and dynamic_wi8_afp32.
        calibration: 32 to 512 examples as the model takes them, `(n, …)` or a dictionary of them,
            or a SOURCE whose training images are used. Precisions with fixed ranges of activations
            need it. The other quantised precisions of a `.tflite` file round their weights better
            with it.
        labels: Names of the classes, as `contract.labels.read` takes them; written into the file.
        outputs: What an output is where the graph does not tell, such as `"probabilities"`. It is
            one of `contract.content.CONTENTS`, or a dictionary of them by name of the output.
        inputs: Examples to verify with, `(n, …)`. Defaults to 16 of the calibration examples, or
            to 8 random ones.
        targets: Integer classes of `inputs`, `(n,)`, to measure accuracy.
        mean: Subtracted from 8-bit pixels before they enter the model; written into the file.
        std: Divides what remains; written into the file.
        image_input: `"uint8"` for a file that takes pixels 0 to 255 and scales them itself.
        attention: Whether the file has a second output `attention`, `(1, GH, GW)`: the share of
            the last block's attention that each patch of the image receives.
        licence: Text on the licence of model and data, written into the file.
        fold: Whether to fold the model. `"rotate"` also rotates its residual stream. `"balance"`
            also evens out the features between norms and dense layers by the calibration examples;
            it is for models whose features differ by orders of magnitude.
        force: Whether to keep a file that fails verification, as `path` + `.rejected`.
        tokenizer: `data.tokenizer.Tokenizer` of a `models.Generator`. Such a model leaves in a
            precision of `precisions.WRITER_PRECISIONS`, with the signatures that
            `edge.generator` tells. Of the other arguments it takes `inputs`, `mean`, `std`,
            `licence` and `force`.
        beam_width: Width of the signature `beam` of such a model.
        runtime: Release of TensorFlow Lite, or of ONNX Runtime, that must compute the file.
        input_shapes: Shape of one example, for a model of unknown input sizes. It is a tuple for
            the only input, or a dictionary of tuples by name of the input. A list of such makes a
            `.tflite` file of several signatures, which share the weights. `calibration` and
            `inputs` have the first one's shape.
        batch_size: Examples that one run of the file takes; several make several signatures.
        keep_float: Layers of a `.tflite` file that stay in float. Names, parts of the paths of
            nodes and patterns such as `"*/attention/*"` do. `"auto"` keeps few layers that bring
            the error within `max_error`.
        max_error: With `keep_float="auto"` the largest error against the float32 file, as a share
            of the root mean square of an output. Defaults to the precision's tolerance.
        advise: Whether to search, for up to half a minute, which layers must stay in float where a
            model does not bear a precision.
        progress: Function that is told each stage as it begins, such as `print`.

    Returns:
        `Report` on the file.

    Raises:
        ValueError: an argument is unknown or does not fit the model. The model has input sizes that
            `input_shapes` does not tell. The path cannot be written.
        ExportError: conversion failed, the file differs from the model, or `runtime` lacks an op.
    """
    made = order(
        model, path, [precision], calibration=calibration, labels=labels, outputs=outputs,
        inputs=inputs, targets=targets, mean=mean, std=std, image_input=image_input,
        attention=attention, licence=licence, fold=fold, force=force, tokenizer=tokenizer,
        beam_width=beam_width, runtime=runtime, input_shapes=input_shapes, batch_size=batch_size,
        keep_float=keep_float, max_error=max_error, advise=advise, progress=progress)
    return made.write(pathlib.Path(path), precision)


def order(model: keras.Model, path: os.PathLike | str, precisions: collections.abc.Sequence[str],
          *, calibration: typing.Any, labels: typing.Any, outputs: typing.Any, inputs: typing.Any,
          targets: typing.Any, mean: typing.Any, std: typing.Any, image_input: str,
          attention: bool, fold: bool | str, tokenizer: Tokenizer | None, beam_width: int,
          runtime: str | None, input_shapes: typing.Any, batch_size: typing.Any,
          keep_float: KeepFloat, max_error: float | None, progress: Progress | None,
          **kept: typing.Any) -> Order:
    """Checks the arguments of `export`, and what they ask of files in some precisions.

    Args:
        model: As for `export`, as are all arguments but these.
        path: Path of a file.
        precisions: Keys of `PRECISIONS`.
        **kept: What `Order` holds as it is.

    Returns:
        `Order`.

    Raises:
        ValueError: as of `export`.
    """
    form, writing = formats.of(path), writes(model)
    beside: tuple[str, ...] = ()
    complete: collections.abc.Callable = dict
    for precision in precisions:
        _check_precision(precision, form, writing)
    _check_texts(kept["licence"], inputs, targets)
    check_scale(mean, std, _channels(model))
    check_beside(pathlib.Path(path))
    releases.check(runtime)
    keeping.check(form, writing, keep_float, max_error)
    if writing:
        from keras_seqattn.edge import generator

        beside = (generator.check(model, form, tokenizer, beam_width).to_json(),)
        complete = functools.partial(generator.complete, model=model, beam_width=beam_width)
        prepare = functools.partial(conversion.prepare_writer, model, beam_width)
    else:
        from keras_seqattn.edge.lower.limits import check_layers, check_weights

        _check(image_input, fold, calibration)
        shapes = sizes.signatures(model, form, input_shapes, batch_size)
        check_layers(model)
        check_weights(model)
        ports = sizes.examples_of(model, shapes)
        for precision in precisions:
            _check_ranges(shapes, precision)
            chosen = choose(ports, None, precision) if calibration is None else None
        if calibration is not None:
            chosen = choose(ports, calibration, precisions[0], mean, std)
        inputs = few(chosen) if inputs is None else take(ports, inputs, mean, std, targets)
        prepare = functools.partial(
            conversion.prepare, model, form, chosen, fold=fold, attention=attention,
            image_input=image_input, mean=mean, std=std, told=outputs, labels=labels,
            shapes=shapes)
    return Order(model, form, prepare, complete, beside, inputs, targets, mean, std,
                 runtime=runtime, keep_float=keep_float, max_error=max_error,
                 advise=kept.pop("advise") and form.keeps_float and not writing,
                 progress=progress or (lambda stage: None), **kept)


def _check_precision(precision, form, writing):
    known = [name for name in (WRITER_PRECISIONS if writing else PRECISIONS)
             if name in form.precisions]
    if precision not in known:
        raise ValueError(explain("`precision` must be one of the format and of the kind of model",
                                 precision=precision, fix=nearest(precision, known)))


def _check_texts(licence, inputs, targets):
    """Refuses a licence that is no text, and targets of no inputs."""
    if not isinstance(licence, str | None):
        raise ValueError(explain("`licence` must be a text", licence=licence,
                                 fix='pass one such as "Apache-2.0"'))
    if targets is not None and inputs is None:
        raise ValueError(explain("`targets` are the classes of `inputs`", inputs=None,
                                 targets=type(targets).__name__, fix="pass both"))


def _channels(model):
    """Channels of the image that enters a model, if one does."""
    shapes = [tensor.shape for tensor in getattr(model, "inputs", None) or ()]
    return next((shape[-1] for shape in shapes if len(shape) == 4), None)


def _check_ranges(shapes, precision):
    """Refuses to find ranges of activations for several shapes by examples of one."""
    if len(shapes) > 1 and PRECISIONS[precision].needs_calibration:
        raise ExportError(explain(
            "ranges of activations are those of one shape and one batch size", precision=precision,
            signatures=list(shapes), fix="export a file for each, or use dynamic_wi8_afp32"))


def _check(image_input, fold, calibration):
    """Refuses arguments that do not fit a model that computes its outputs in one pass."""
    if image_input not in IMAGE_INPUTS:
        raise ValueError(explain("`image_input` is not known", image_input=image_input,
                                 fix=nearest(image_input, IMAGE_INPUTS)))
    if fold not in FOLDS or (fold == "balance" and calibration is None):
        raise ValueError(explain(
            "`fold` must be True, False, 'rotate', or 'balance' with calibration", fold=fold,
            calibration=None if calibration is None else "given", fix="leave fold=True"))
