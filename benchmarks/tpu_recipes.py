"""What a TPU takes of each recipe, as its own compiler says: memory, bytes, exchanges, a bound.

    python benchmarks/tpu_recipes.py [--topologies v5e:2x2 v5e:4x4] [--only NAME …]
        [--json benchmarks/figures/tpu_recipes.json] [--out docs/tpu.md]

Needs the extra `tpu`, Linux on x86-64 and no TPU: nothing is run, and no data are read. The JSON
keeps all rows. With `--only` some are compiled again and the others stay. With no topology none is,
and the tables are written from the JSON.

The recipes are those that come with the project, and one of each kind of model at its full size.
A compilation takes half a minute of two processor cores, of the largest models some minutes.
"""

import argparse
import collections.abc
import json
import os
import pathlib
import types
import typing

os.environ["KERAS_BACKEND"] = "jax"

import keras

from keras_seqattn import models, training
from keras_seqattn.training.doctor import (
    compiler,
    environment,
    figures,
    loans,
    pod,
    step,
    topologies,
)
from keras_seqattn.training.doctor.compiling import Compiling
from keras_seqattn.training.doctor.subject import subject
from keras_seqattn.training.optimizer.optimizer import AdamW
from keras_seqattn.training.recipe.reading import check
from keras_seqattn.training.tasks.scan import scan_blocks

ROOT = pathlib.Path(__file__).parents[1]
JSON = ROOT / "benchmarks" / "figures" / "tpu_recipes.json"
MIB, MB, CLASSES, WORDS = 2 ** 20, 10 ** 6, 1000, 4000
BEGIN, END = "<!-- {}:begin, written by benchmarks/tpu_recipes.py -->", "<!-- {}:end -->"
AT_224 = ("model.image_shape=[224, 224, 3]", "model.dtype=mixed_bfloat16")
LOOPS = ("greedy", "beam", "sample")


class Case(typing.NamedTuple):
    """A recipe, as the command `doctor` takes it.

    Attributes:
        recipe: Name or file of a recipe, or the fields of one.
        changes: Changes to it.
        outputs: Classes or tokens in the place of data.
        each: Examples of a device, or `None` for the recipe's own batch.
        options: Of `pod.Options`.
    """

    recipe: str | dict
    changes: tuple[str, ...] = ()
    outputs: int = CLASSES
    each: int | None = None
    options: collections.abc.Mapping = types.MappingProxyType({})


def _vit(size: str, each: int, *changes: str, **options: typing.Any) -> Case:
    """A ViT at 224 px, of the recipe `demo` but for its size."""
    patch_size = 14 if size == "huge" else 16
    own = (f"model.size={size}", f"model.patch_size={patch_size}", "model.num_layers=null",
           "model.stem=patch", *AT_224)
    return Case("demo", (*own, *changes), each=each, options=options)


LEAN = ("train.scan=true", "model.rematerialise=blocks")
BIT = {"model": {"architecture": "bit", "size": "r50x1", "image_shape": [224, 224, 3],
                 "dtype": "mixed_bfloat16"},
       "data": {"source": "sample:eurosat"}, "train": {"epochs": 1}}
SHIPPED = {
    "demo": Case("demo", ("train.batch_size=64",), 10),
    "g2p": Case("g2p", outputs=100),
    "vit_eurosat": Case("models/vit_eurosat/recipe.yaml", outputs=10),
    "vit_flowers": Case("models/vit_flowers/recipe.yaml", outputs=5),
    "captioner_emoji": Case("models/captioner_emoji/recipe.yaml", outputs=2000),
    "translate_fra_eng": Case("models/translate_fra_eng/recipe.yaml", outputs=WORDS),
    "its LSTM": Case("models/translate_fra_eng/lstm.yaml", outputs=WORDS)}
SIZES = {
    "ViT-tiny/16": _vit("tiny", 64), "ViT-small/16": _vit("small", 64),
    "ViT-base/16": _vit("base", 64), "ViT-large/16, lean": _vit("large", 32, *LEAN),
    "ViT-huge/14, lean": _vit("huge", 16, *LEAN),
    "BiT-R50x1": Case(BIT, each=32)}
LAYOUTS = {
    "ViT-huge/14, lean, parts": _vit("huge", 16, *LEAN, layout="parts"),
    "ViT-huge/14, lean, heads over 4": _vit("huge", 16, *LEAN, layout="heads", per_model=4)}
SERVING = {
    f"{name}, {loop}": SHIPPED[name]._replace(each=8, options={"serve": loop})
    for name in ("translate_fra_eng", "captioner_emoji") for loop in LOOPS}
CASES = {**SHIPPED, **SIZES, **LAYOUTS, **SERVING}
IMAGE_GPT = "Image GPT small, 1024 pixels, under one loop"


def of_recipe(case: Case, place: topologies.Topology) -> dict[str, typing.Any]:
    """Compiles the training step of a recipe, or its loop, and returns the figures."""
    changes = [*case.changes]
    if case.each is not None:
        changes.append(f"train.batch_size={case.each * place.devices}")
    if isinstance(case.recipe, dict):
        fields = {**case.recipe, "train": {**case.recipe["train"],
                                           "batch_size": case.each * place.devices}}
        recipe = check(fields)
    else:
        file = ROOT / case.recipe
        recipe = training.read(file if file.exists() else case.recipe, changes)
    options = pod.Options(outputs=case.outputs, **case.options)
    with loans.without_values():
        seen = subject(recipe, place.devices, case.outputs)
    compiling = Compiling(seen.model, place, options)
    made = compiling.step(options.serve or "training",
                          step.of_size(seen.batch, recipe.train.batch_size))
    return {"parameters": seen.model.count_params(),
            "errors": [finding.what for finding in compiling.findings],
            **(row(made) if made else {})}


def of_image_gpt(each: int, place: topologies.Topology) -> dict[str, typing.Any]:
    """Compiles the step of the model that no recipe has yet."""
    import jax

    with loans.without_values():
        policy = keras.config.dtype_policy()
        keras.config.set_dtype_policy("mixed_bfloat16")
        model = models.image_gpt("small")
        keras.config.set_dtype_policy(policy)
        scan_blocks(model)
        optimizer = AdamW(1e-3, weight_decay=0.05)
        model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        optimizer.build(model.trainable_variables)
        tokens = jax.ShapeDtypeStruct((each * place.devices, model.max_length), "int32")
        batch = {"tokens": tokens}, tokens
        lowered = step.trace(model, batch, compiler.devices(place)).lower()
    made = figures.figures(compiler.compile_lowered(lowered, place), model, batch, place)
    return {"parameters": model.count_params(), "errors": [], **row(made)}


def row(made: figures.Figures) -> dict[str, typing.Any]:
    """What the tables tell of a step."""
    return {
        "batch": made.batch_size, "peak": made.peak, "left": made.left,
        "state": made.arguments, "bytes_per_example": made.bytes_per_example,
        "exchanged": sum(sum(moved.values()) for moved in made.collectives.values()),
        "copies": made.copies, "loops": made.loops, "bound": made.examples_per_s_bound,
        "bound_by": made.bound_by, "seconds": made.compile_seconds}


def read(path: pathlib.Path) -> dict[str, dict]:
    """Returns the rows that are kept: name and topology to figures."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def table(rows: dict[str, dict], names: typing.Iterable[str]) -> str:
    """Returns the rows of some names as Markdown."""
    lines = ["| recipe | topology | batch | memory of a chip at its peak, MiB | left, MiB "
             "| MB an example | exchanged in a step, MB | bound, examples/s |",
             "|---|---|---|---|---|---|---|---|"]
    for name in names:
        for topology, found in rows.get(name, {}).items():
            told = (f"{found['batch']:,} | {found['peak'] / MIB:,.0f} | {found['left'] / MIB:,.0f} "
                    f"| {found['bytes_per_example'] / MB:,.1f}{' *' * bool(found['loops'])} "
                    f"| {found['exchanged'] / MB:,.0f} | {found['bound']:,.0f} "
                    f"({found['bound_by']})" if "batch" in found else
                    f"| does not compile: {found['errors'][0][:160]} | | | |")
            lines.append(f"| {name} | {topology} | {told} |")
    return "\n".join(lines)


def fill(page: str, name: str, text: str) -> str:
    """Replaces what stands between the marks of a name."""
    begin, end = BEGIN.format(name), END.format(name)
    before, rest = page.split(begin)
    return f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}"


def main(told: argparse.Namespace) -> None:
    """Compiles, keeps the rows and writes the tables."""
    environment.prepare()
    for name in (told.only or [*CASES, IMAGE_GPT]) if told.topologies else ():
        for topology in told.topologies:
            place = topologies.parse(topology)
            keras.utils.clear_session()
            found = (of_image_gpt(4, place) if name == IMAGE_GPT else
                     of_recipe(CASES[name], place))
            print(name, topology, found, flush=True)
            rows = read(told.json)
            rows.setdefault(name, {})[topology] = found
            told.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    if told.out is not None:
        page = told.out.read_text(encoding="utf-8")
        for mark, names in (("recipes", [*SHIPPED, *SIZES, IMAGE_GPT]), ("layouts", [
                "ViT-huge/14, lean", *LAYOUTS]), ("serving", SERVING)):
            page = fill(page, mark, table(read(told.json), names))
        told.out.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--topologies", nargs="*", default=["v5e:2x2", "v5e:4x4"])
    parser.add_argument("--only", nargs="+", metavar="NAME", help="some of the recipes alone",
                        choices=[*CASES, IMAGE_GPT])
    parser.add_argument("--json", type=pathlib.Path, default=JSON, help="where all rows are kept")
    parser.add_argument("--out", type=pathlib.Path, help="the page whose tables are replaced")
    main(parser.parse_args())
