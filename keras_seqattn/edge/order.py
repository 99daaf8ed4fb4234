"""A model that is to leave: lowered and folded once, written in as many precisions as are asked."""

from __future__ import annotations

import collections.abc
import contextlib
import dataclasses
import os
import pathlib
import tempfile
import typing

from keras_seqattn.edge import conversion, formats
from keras_seqattn.edge import keep_float as keeping
from keras_seqattn.edge.check.report import Report
from keras_seqattn.edge.check.verify import verify
from keras_seqattn.edge.contract.contract import check_beside, describe, write_beside
from keras_seqattn.edge.tflite.converter import process
from keras_seqattn.errors import ExportError, explain
from keras_seqattn.files import whole

if typing.TYPE_CHECKING:
    import keras

    from keras_seqattn.edge.conversion import Prepared
    from keras_seqattn.edge.formats import Format

KeepFloat: typing.TypeAlias = typing.Literal["auto"] | collections.abc.Collection[str]
LARGE = 1 << 26     # bytes of weights worth a second of collecting


@dataclasses.dataclass
class Order:
    """A model on its way to files; the arguments of `export` that no precision changes.

    Attributes:
        model: The Keras model.
        form: Format of the files.
        prepare: Function that lowers and folds the model.
        complete: Function of a contract that adds what is particular to the model.
        beside: What a file holds beside its contract.
        inputs: Examples to verify with, or `None`.
        targets: As for `export`, and so are all that follow.
        progress: Function that is told each stage as it begins.
        tried: What the model gave on these examples, once it was asked.
    """

    model: keras.Model
    form: Format
    prepare: collections.abc.Callable[[], Prepared]
    complete: collections.abc.Callable[[dict], dict]
    beside: tuple[str, ...]
    inputs: typing.Any
    targets: typing.Any
    mean: typing.Any
    std: typing.Any
    licence: str | None
    force: bool
    runtime: str | None
    keep_float: KeepFloat
    max_error: float | None
    advise: bool
    progress: collections.abc.Callable[[str], None]
    tried: dict[str, typing.Any] = dataclasses.field(default_factory=dict)
    _prepared: Prepared | None = None

    def write(self, path: pathlib.Path, precision: str, last: bool = True) -> Report:
        """Writes a file in a precision, and verifies it before it gets its name.

        Args:
            path: Path of the file.
            precision: A key of `PRECISIONS`.
            last: Whether no other file will be asked for, so that the graph's weights can go.

        Returns:
            `Report` on the file.

        Raises:
            ExportError: as of `export`.
        """
        check_beside(path)
        with _enough_disk(path), tempfile.TemporaryDirectory() as folder, whole(path) as temporary:
            prepared = self._lowered()
            notes, meant = prepared.notes, prepared.meant
            keep_float = self.keep_float
            if keep_float == keeping.AUTO:
                self.progress("searching what stays in float")
                choice = keeping.choose(self.model, prepared, precision, self.inputs,
                                        self.max_error, self.mean, self.std)
                keep_float, notes = choice.names, [*notes, *choice.notes]
            self.progress("writing")
            weight_bytes = conversion.write(
                prepared, temporary, self.form, precision, folder, keep_float)
            del prepared
            if last:
                self._prepared = None
            if last and weight_bytes > LARGE:
                process.give_back()     # the graph's weights, before verification needs as much
            contract = self.complete(describe(
                self.form.session(temporary), name=path.stem, precision=precision, **meant,
                mean=self.mean, std=self.std, licence=self.licence,
                minimum_runtime=self.form.minimum(temporary),
                processors=self.form.processors(temporary)))
            self.form.write(temporary, contract, *self.beside)
            self.progress("verifying")
            report = verify(temporary, self.model, self.inputs, self.targets, mean=self.mean,
                            std=self.std, weight_bytes=weight_bytes, tried=self.tried)
            report.file = str(path)
            report.notes = [*notes, *self.form.remaining(temporary, precision), *report.notes]
            report.failures += self.form.lacking(temporary, self.runtime)
            if not report.holds:
                self._reject(report, temporary, path)
        write_beside(path, contract)
        return report

    def _lowered(self):
        """The model's graphs, lowered when they are first asked for."""
        if self._prepared is None:
            self.progress("lowering")
            self._prepared = self.prepare()
        return self._prepared

    def _reject(self, report, temporary, path):
        """Refuses a file that failed; with `force` it stays under a name that says so."""
        kept, choice = "no file was written", None
        if self.force:
            rejected = path.with_name(f"{path.name}{formats.REJECTED}")
            os.replace(temporary, rejected)
            kept = f"the file lies at {rejected}"
        if self.advise:
            self.progress("searching what would hold")
            choice = keeping.advise(self.model, self._lowered(), report.precision, self.inputs,
                                    self.mean, self.std)
        costs = {} if choice is None else {"costs": choice.shown}
        raise ExportError(explain(
            "the exported file must do what the model does", file=str(path),
            precision=report.precision, failures=report.failures, **costs,
            fix=f"{'see the failures' if choice is None else choice.remedy}; {kept}"))


@contextlib.contextmanager
def _enough_disk(path):
    """Says of an error of the operating system what to do about it."""
    try:
        yield
    except OSError as error:
        raise ExportError(explain(
            "the file, and what is made on the way, must fit on the disk", file=str(path),
            scratch=tempfile.gettempdir(), error=str(error),
            fix="free space, or name another folder in TMPDIR")) from error
