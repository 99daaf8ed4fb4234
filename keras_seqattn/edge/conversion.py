"""From a Keras model to a file that is not verified yet.

`prepare` lowers and folds a model once. `write` then writes it in a format and a precision, as
often as is asked. What the house knows it writes itself. A model with other operations takes the
road through its format's converter, which needs TensorFlow.
"""

from __future__ import annotations

import collections.abc
import pathlib
import re
import typing

import numpy as np

from keras_seqattn.edge import float32, sizes, structures
from keras_seqattn.edge.contract.outputs import of_graph
from keras_seqattn.edge.float32 import in_float32
from keras_seqattn.edge.formats import Format
from keras_seqattn.edge.precisions import ALL_PRECISIONS
from keras_seqattn.edge.tflite.converter import process
from keras_seqattn.errors import ExportError, explain

if typing.TYPE_CHECKING:
    import keras

    from keras_seqattn.edge.graph.graph import Graph
    from keras_seqattn.models.generator import Generator

RECURRENT = ("lstm", "scan", "while")   # kinds of nodes
EXAMPLES = "examples.npz"  # calibration examples beside what the converter reads


class Prepared(typing.NamedTuple):
    """A model as graphs that are ready to be written.

    Attributes:
        model: The Keras model.
        graphs: Folded `Graph` by signature. Its `specs` tell what it takes.
        examples: Array `(n, …)` by input name to calibrate on, or `None`.
        meant: What `contract.describe` takes of inputs, outputs and signatures.
    """

    model: keras.Model
    graphs: dict[str, Graph]
    examples: dict[str, np.ndarray] | None
    meant: dict[str, typing.Any]

    @property
    def notes(self) -> list[str]:
        """What was lowered and folded, and what was left alone; one sentence each."""
        return list(dict.fromkeys(note for graph in self.graphs.values() for note in graph.notes))

    @property
    def num_bytes(self) -> int:
        """Bytes of the weights in float32, those that several signatures share once."""
        return max(graph.num_bytes() for graph in self.graphs.values())


def prepare(model: keras.Model, form: Format, examples: dict[str, np.ndarray] | None = None, *,
            fold: bool | str = True, attention: bool = False, image_input: str = "float32",
            mean: typing.Any = 127.5, std: typing.Any = 127.5,
            shapes: sizes.Signatures | None = None,
            told: typing.Any = None, labels: typing.Any = None) -> Prepared:
    """Lowers a model for each signature, and folds it.

    Args:
        model: Built `keras.Model`.
        form: Format of the file.
        examples: Examples to calibrate on, as `calibration.choose` gives them.
        fold: As for `export`.
        attention: As for `export`.
        image_input: As for `export`.
        mean: Subtracted from 8-bit pixels.
        std: Divides what remains.
        shapes: What `sizes.signatures` returned. By default the model's own sizes.
        told: What the user says of outputs, as for `export`.
        labels: As for `export`.

    Returns:
        `Prepared`.

    Raises:
        ValueError: an argument does not fit the model.
    """
    from keras_seqattn.edge.fold import fold as folding
    from keras_seqattn.edge.fold import smooth_quant
    from keras_seqattn.edge.graph import ports
    from keras_seqattn.edge.lower.trace import lower
    from keras_seqattn.edge.tflite.write.writer import SIGNATURE

    if examples is not None:
        examples = entering(model, examples)
    graphs: dict[str, Graph] = {}
    meant: dict[str, typing.Any] = {}
    ranges: dict[str, np.ndarray] = {}
    for name in shapes or [SIGNATURE]:
        with in_float32(model):
            graph = graphs[name] = lower(model, shapes[name] if shapes else None, fuse=form.fuses)
        sizes.check_outputs(graph)
        if not form.shares_names:
            _name_apart(graph)
        meant = meant or {"inputs": list(graph.inputs), "outputs": of_graph(graph, told, labels)}
        if attention:
            ports.attention_map(graph)
        if fold:
            folding.fold(graph, rotate=fold == "rotate")
        if fold == "balance":
            ranges = ranges or smooth_quant.feature_ranges(graph, examples or {})
            smooth_quant.balance_norms(graph, ranges)
        if image_input == "uint8":
            ports.check_image(model)
            ports.take_pixels(graph, mean, std)
    if image_input == "uint8" and examples is not None:
        examples = ports.as_pixels(examples, mean, std)
    first = next(iter(graphs.values()))
    first.notes += [*structures.renamed(model), *float32.notes(model)]
    return Prepared(model, graphs, examples, {**meant, "signatures": list(graphs)})


def _name_apart(graph):
    """Puts `_output` behind the name of an output that an input has too."""
    for kind in ("outputs", "made"):
        setattr(graph, kind, {
            f"{name}_output" if name in graph.inputs else name: each
            for name, each in getattr(graph, kind).items()})


def entering(model: keras.Model, examples: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns examples by the names, and in the dtypes, with which they enter the file.

    Args:
        model: The Keras model.
        examples: Array `(n, …)` by the input's own name.
    """
    return {name: examples[tensor.name].astype(float32.leaving(tensor.dtype))
            for name, tensor in structures.inputs_by_name(model).items()}


def prepare_writer(model: Generator, beam_width: int) -> Prepared:
    """Lowers the signatures of a model that writes sequences, for a batch of one.

    Args:
        model: `models.Generator`.
        beam_width: Width of the signature `beam`.
    """
    from keras_seqattn.edge import generator

    with in_float32(model):
        return Prepared(model, generator.lower(model, beam_width), None, {})


def write(prepared: Prepared, out: pathlib.Path, form: Format, precision: str, folder: str,
          keep_float: collections.abc.Collection[str] = ()) -> int:
    """Writes a file without a contract.

    Args:
        prepared: What `prepare` returned.
        out: Path of the file.
        form: Format of the file.
        precision: A key of `PRECISIONS`.
        folder: Folder for what is made on the way.
        keep_float: As for `export`, names alone.

    Returns:
        Bytes that the weights in the file take in float32.

    Raises:
        ValueError: the weights do not fit into a file. A name fits no layer.
        ExportError: an operation has no form in the format, or a layer none in the precision.
    """
    _check_recurrent(prepared, precision)
    left = sorted({name for graph in prepared.graphs.values() for name in form.unknown(graph)})
    if not left and form.write_graphs is not None:
        return form.write_graphs(prepared.graphs, out, precision, prepared.examples, folder,
                                 keep_float)
    if prepared.num_bytes > form.largest:
        raise ValueError(explain(
            f"the weights must fit into one {form.suffix} file, {form.largest:,} bytes in float32",
            num_bytes=prepared.num_bytes,
            fix="split the model in two, such as encoder and decoder, and export each, or use a "
                "smaller size of it"))
    _check_converter(prepared, left, form)
    from keras_seqattn.edge.tflite.converter import saved_model

    graph, = prepared.graphs.values()
    try:
        saved_model.write(graph, folder)
    except Exception as error:  # whatever Keras or TensorFlow says of the layers that are left
        lines = re.sub(r"\x1b\[\d*m", "", str(error)).splitlines()
        said = next((line for line in lines if line and not line.startswith("Exception enc")), "")
        raise ExportError(explain(
            "TensorFlow must be able to trace the layers that only its converter knows",
            layers=left[:5], count=len(left), error=type(error).__name__, said=said,
            fix="express these layers with other ops")) from error
    if prepared.examples is not None:
        np.savez(pathlib.Path(folder) / EXAMPLES, allow_pickle=False, **prepared.examples)
    convert(graph, folder, out, form, precision, keep_float)
    return prepared.num_bytes


def convert(graph: Graph, folder: str, out: pathlib.Path, form: Format, precision: str,
            keep_float: collections.abc.Collection[str] = ()) -> None:
    """Converts a graph's SavedModel in a process of its own; names what cannot be converted."""
    process.give_back()  # the graph's weights; the converter needs several times as much
    examples = pathlib.Path(folder) / EXAMPLES
    given = [examples] if examples.exists() else [""] if keep_float else []
    result = process.run(form.converter, folder, out, precision, *given, *keep_float)
    if result.returncode or not out.exists():
        from keras_seqattn.edge.tflite.converter import culprit

        found = culprit.find(graph, result.stderr)
        last = [] if found else [
            line for line in result.stderr.splitlines() if line.strip()][-3:]
        raise ExportError(explain(
            f"the converter must be able to express the model in {form.suffix} ops",
            **{"cannot": culprit.describe(found)} if found else {"last_lines": last},
            exit_code=result.returncode,
            fix=culprit.advice(found) if found else "see the last lines"))


def _check_converter(prepared, left, form):
    """Refuses what only TensorFlow's converter knows, where it cannot help."""
    import keras

    if len(prepared.graphs) > 1:
        raise ExportError(explain(
            "a file of several signatures must consist of what the house writes itself",
            unknown=left[:5], fix="export one shape, or express these layers with keras.ops"))
    if keras.backend.backend() != "tensorflow":
        raise ExportError(explain(
            "these operations leave through TensorFlow's converter alone, which needs Keras on "
            f"TensorFlow for a {form.suffix} file", layers=left[:5] or None, count=len(left),
            backend=keras.backend.backend(),
            fix="express these layers with keras.ops; or save the model as .keras and export it "
                "with KERAS_BACKEND=tensorflow"))


def _check_recurrent(prepared, precision):
    """Refuses recurrent layers in a precision that has no kernels for them."""
    if ALL_PRECISIONS[precision].recurrent:
        return
    found = [node.name for graph in prepared.graphs.values() for node in graph.nodes
             if node.kind in RECURRENT]
    if found:
        raise ExportError(explain(
            f"LiteRT has no kernels for recurrent layers in {precision}",
            layers=list(dict.fromkeys(found))[:5],
            fix="use static_wi8_ai8, or dynamic_wi8_afp32, which needs no calibration"))
