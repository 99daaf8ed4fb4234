"""The smallest file that keeps a promised accuracy."""

import inspect
import os
import pathlib
import shutil
import tempfile
import typing

from keras_seqattn.edge import exporter, formats
from keras_seqattn.edge.check.report import Report
from keras_seqattn.edge.precisions import PRECISIONS
from keras_seqattn.errors import ExportError, explain

if typing.TYPE_CHECKING:
    import keras


def smallest(model: "keras.Model", path: os.PathLike | str, inputs: typing.Any,
             targets: typing.Any, *, max_drop: float = 0.5, calibration: typing.Any,
             **options: typing.Any) -> tuple[Report, list[dict]]:
    """Exports a model in every precision and keeps the smallest file that is accurate enough.

    Choose on examples that are in neither the calibration nor any test split. A file that was
    chosen on a test split looks better there than it is.

    Args:
        model: Built `keras.Model`, as for `export`.
        path: Path of the file.
        inputs: Examples to choose on, `(n, …)`.
        targets: Their integer classes, `(n,)`.
        max_drop: Largest loss of accuracy against the Keras model, in points of a hundred.
        calibration: As for `export`.
        **options: Further arguments of `export`.

    Returns:
        `Report` of the file that was kept, and rows `{"precision", "bytes", "drop",
        "top1_agreement", "latency_ms", "holds", "chosen"}` of all that were tried.

    Raises:
        ValueError: `max_drop` below 0, or no precision is accurate enough. Another file lies where
            the contract goes.
    """
    if not max_drop >= 0:
        raise ValueError(explain("`max_drop` must not be negative", max_drop=max_drop,
                                 fix="pass points of a hundred, such as 0.5"))
    path, rows = pathlib.Path(path), []
    known = formats.of(path).precisions
    precisions = [name for name in PRECISIONS if name in known]
    bound = inspect.signature(exporter.export).bind(
        model, path, calibration=calibration, inputs=inputs, targets=targets,
        **{**options, "advise": False})
    bound.apply_defaults()
    del bound.arguments["precision"]
    order = exporter.order(precisions=precisions, **bound.arguments)
    kept: Report | None = None
    with tempfile.TemporaryDirectory() as folder:
        for precision in precisions:
            file = pathlib.Path(folder) / precision / path.name
            try:
                report = order.write(file, precision, last=precision == precisions[-1])
            except ExportError:
                rows.append({"precision": precision, "holds": False, "chosen": False})
                continue
            accuracy, latency = typing.cast(dict, report.accuracy), typing.cast(
                dict, report.latency)
            drop = 100 * (accuracy["keras"] - accuracy["edge"])
            rows.append({"precision": precision, "bytes": report.bytes, "drop": round(drop, 3),
                         "top1_agreement": report.top1_agreement, "holds": drop <= max_drop,
                         "latency_ms": latency["median_ms"], "chosen": False})
            if drop <= max_drop and (kept is None or report.bytes < kept.bytes):
                kept = report
        if kept is None:
            raise ValueError(explain(
                "a precision must keep the promised accuracy", max_drop=max_drop,
                drops={row["precision"]: row.get("drop") for row in rows},
                fix="allow a larger drop, or calibrate on more examples"))
        path.parent.mkdir(parents=True, exist_ok=True)
        for file in pathlib.Path(kept.file).parent.iterdir():
            shutil.move(file, path.with_name(file.name))
    next(row for row in rows if row["precision"] == kept.precision)["chosen"] = True
    kept.file = str(path)
    return kept, rows
