"""Which layers stay in float, such that the error of a quantised file stays within bounds."""

from __future__ import annotations

import collections.abc
import pathlib
import tempfile
import time
import typing

import numpy as np

from keras_seqattn.edge.check.judge import relative_error
from keras_seqattn.edge.check.reference import Reference
from keras_seqattn.edge.choice import SHOWN, Choice
from keras_seqattn.edge.precisions import ALL_PRECISIONS
from keras_seqattn.edge.run.load import load
from keras_seqattn.edge.tflite.quantize.stages import Source
from keras_seqattn.errors import ExportError, explain

if typing.TYPE_CHECKING:
    import keras

    from keras_seqattn.edge.conversion import Prepared
    from keras_seqattn.edge.formats import Format

AUTO = "auto"
FEW = 8             # examples that errors are measured on
PATIENCE = 120.0    # seconds of a search
SHORT = 30.0        # seconds of one that only tells what would hold
CAREFUL = 0.8       # of the bound, where single errors together made a larger one


def check(form: Format, writing: bool, keep_float: typing.Any, max_error: float | None) -> None:
    """Refuses arguments of `export` that do not fit each other.

    Args:
        form: Format of the file.
        writing: Whether the model writes sequences.
        keep_float: As for `export`.
        max_error: As for `export`.

    Raises:
        ValueError: an argument does not fit.
    """
    if isinstance(keep_float, str) and keep_float != AUTO:
        raise ValueError(explain("`keep_float` must be a list of names, or 'auto'",
                                 keep_float=keep_float, fix=f"pass [{keep_float!r}]"))
    if keep_float and not form.keeps_float:
        raise ValueError(explain(f"layers of {form.suffix} files cannot be told to stay in float",
                                 keep_float=keep_float, fix="export a .tflite file"))
    if keep_float == AUTO and writing:
        raise ValueError(explain(
            "of a model that writes sequences `keep_float` must be a list of names",
            keep_float=keep_float, fix="name the layers"))
    if max_error is not None and not (keep_float == AUTO and max_error > 0):
        raise ValueError(explain(
            "`max_error` goes with keep_float='auto', and must be above 0", max_error=max_error,
            keep_float=keep_float, fix="pass a share such as max_error=0.03 with 'auto'"))


def advise(model: keras.Model, prepared: Prepared, precision: str, inputs: typing.Any,
           mean: typing.Any, std: typing.Any) -> Choice | None:
    """Searches for what would hold, as `choose` does within half a minute.

    Returns:
        `Choice`, or `None` where rounding is not what is wrong with the file.
    """
    if not isinstance(ALL_PRECISIONS[precision].weights, int) or _unknown(prepared):
        return None
    choice = choose(model, prepared, precision, inputs, mean=mean, std=std, patience=SHORT)
    return choice if choice.names else None


def choose(model: keras.Model, prepared: Prepared, precision: str, inputs: typing.Any,
           max_error: float | None = None, mean: typing.Any = 127.5, std: typing.Any = 127.5,
           patience: float = PATIENCE) -> Choice:
    """Chooses the layers of a model that stay in float, by files that are written and run.

    Args:
        model: The Keras model.
        prepared: What `conversion.prepare` returned of it.
        precision: A key of `PRECISIONS` other than float32.
        inputs: Examples to measure errors on, as for `export`; `None` to draw some.
        max_error: Largest error against the float32 file, as a share of the root mean square of an
            output. Defaults to the precision's tolerance.
        mean: As for `export`.
        std: As for `export`.
        patience: Seconds of the search.

    Returns:
        `Choice`.

    Raises:
        ExportError: the model needs the converter.

    Cost: a file is written and run on 8 examples some ten times for each layer that costs much.
    """
    from keras_seqattn.edge.tflite.write import writer

    bound = ALL_PRECISIONS[precision].tolerance if max_error is None else max_error
    if ALL_PRECISIONS[precision].weights is None:
        return Choice([], 0.0, 0.0, {}, 0)
    if unknown := _unknown(prepared):
        raise ExportError(explain(
            "keep_float='auto' needs a file of what the house writes itself",
            unknown=unknown[:SHOWN], fix="name the layers, or express these with keras.ops"))
    name, graph = next(iter(prepared.graphs.items()))
    with tempfile.TemporaryDirectory() as folder:
        exact = pathlib.Path(folder) / "float32.tflite"
        writer.write({name: graph}, exact)
        runner = load(exact)
        reference = Reference(model, runner, mean, std)
        arrays = reference.drawn() if inputs is None else reference.taken(inputs, FEW)
        expected = _outputs(runner, arrays)
        source = Source(exact, precision, prepared.examples)
        out = pathlib.Path(folder) / "tried.tflite"

        def measure(kept: collections.abc.Collection[str]) -> float:
            source.write(out, kept)
            actual = _outputs(load(out), arrays)
            return max(relative_error(*_numbers(array, actual[key]))
                       for key, array in expected.items())

        return search(measure, source.nodes, bound, patience)


def search(measure: collections.abc.Callable[[collections.abc.Collection[str]], float],
           names: collections.abc.Sequence[str], bound: float,
           patience: float = PATIENCE) -> Choice:
    """Finds few names that must be left out for an error to stay within a bound.

    Groups of names are measured alone and halved where they cost most, until what must be left out
    is single names. Errors are taken to add up as variances do. What was found is measured as a
    whole, and its cheapest names are given back as far as the bound allows.

    Args:
        measure: Function from the names that are left out to the error that the others make.
        names: All names.
        bound: Largest error.
        patience: Seconds, after which whole groups are left out.

    Returns:
        `Choice`.
    """
    start, everything = time.monotonic(), set(names)
    whole = measure(())
    parts = {tuple(names): whole}
    target = bound

    def alone(group):
        return measure(everything - set(group))

    checked = 0         # single names that did not suffice
    while whole > bound and target:
        left_out = _fewest(parts, target)
        wide = [part for part in left_out if len(part) > 1]
        single = [part[0] for part in left_out if len(part) == 1]
        if wide and len(single) > checked:
            checked, error = len(single), measure(single)
            if error <= bound:
                kept, error = _shortest(measure, single, error, bound)
                return Choice(kept, error, whole, _costs(parts), len(names))
        if wide and time.monotonic() - start < patience:
            part = max(wide, key=lambda each: parts[each])
            del parts[part]
            middle = len(part) // 2
            parts |= {half: alone(half) for half in (part[:middle], part[middle:])}
            continue
        chosen = [name for part in left_out for name in part]
        error = measure(chosen)
        if error <= bound:
            fewer, less = (chosen, error) if wide else _shortest(measure, chosen, error, bound)
            return Choice(fewer, less, whole, _costs(parts), len(names))
        target = target * CAREFUL if time.monotonic() - start < patience else 0.0
    return Choice([], whole, whole, _costs(parts), len(names))


def _unknown(prepared):
    from keras_seqattn.edge.tflite.write import writer

    return [name for graph in prepared.graphs.values() for name in writer.unknown(graph)]


def _fewest(parts, bound):
    """The groups that cost most for each name, such that the others stay within a bound."""
    order = sorted(parts, key=lambda part: parts[part] ** 2 / len(part))
    total, within = 0.0, 0
    for part in order:
        total += parts[part] ** 2
        if not total <= bound ** 2:
            break
        within += 1
    return order[within:][::-1]


def _shortest(measure, chosen, error, bound):
    """The shortest beginning of a list that suffices, and its error."""
    low, high, best = 1, len(chosen), error
    while low < high:
        middle = (low + high) // 2
        found = measure(chosen[:middle])
        if found <= bound:
            high, best = middle, found
        else:
            low = middle + 1
    return chosen[:high], best


def _costs(parts):
    costs = {part[0]: cost for part, cost in parts.items() if len(part) == 1}
    return dict(sorted(costs.items(), key=lambda item: -item[1]))


def _numbers(expected, actual):
    """Two arrays without the values that are no numbers in float either, as behind padding."""
    if expected.dtype.kind != "f":
        return expected, actual
    numbers = np.isfinite(expected)
    return expected[numbers], actual[numbers]


def _outputs(runner, arrays):
    made = runner(arrays)
    return made if isinstance(made, dict) else dict(zip(runner.outputs, [made], strict=True))
