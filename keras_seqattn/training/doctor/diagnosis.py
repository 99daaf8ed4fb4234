"""What would keep a recipe from a TPU, found on a CPU: ops that do not compile, or recompile.

XLA makes one program for each shape, and TPUs run nothing else. So shapes must not depend on
values, and no op may run on the host. TensorFlow's CPU kernels for XLA stand in for the TPU's, and
JAX lowers for a TPU itself. Not looked at are memory, speed and the exchange between replicas.

Source: Google, "Cloud TPU performance guide": arrays lie in tiles of 8×128 numbers.
"""

import collections.abc
import math
import re

import keras
import numpy as np

from keras_seqattn.data.stored import StoredImages
from keras_seqattn.errors import explain
from keras_seqattn.training.doctor import traced
from keras_seqattn.training.doctor.finding import Finding
from keras_seqattn.training.recipe.kinds import task_of
from keras_seqattn.training.recipe.recipe import AnyRecipe

TILE = (8, 128)
PADDING = 0.05  # share of the matrices that may be padding before a note is made
LOOKED_AT = 16  # batches of an epoch whose shapes are looked at, the last one among them
NAMED = 3       # places that one finding names
NODE = re.compile(r"\{\{node (\S+?)\}\}")


def examine(recipe: AnyRecipe, replicas: int = 8) -> list[Finding]:
    """Builds a recipe as `fit` does, compiles its steps with XLA, and lists what a TPU would not.

    Nothing is trained or written.

    Cost: the data are loaded, and two steps are compiled for the share of the batch that one
    replica gets. That takes seconds for nano models and minutes for large ones.

    Args:
        recipe: `Recipe`.
        replicas: Number of TPU cores that share each batch.

    Returns:
        List of `Finding`, errors first; empty if there is nothing to say.

    Raises:
        ValueError: one of these:

            - The data or the recipe are not as they must be.
            - The batches of this kind of training have many shapes.
            - The backend is PyTorch.
    """
    _check_backend()
    task = task_of(recipe)
    if not task.one_shape:
        raise ValueError(explain(
            "only recipes whose batches all have one shape can be examined",
            architecture=recipe.model.architecture, fix="pass a recipe of an image classifier"))
    keras.utils.set_random_seed(recipe.train.seed)
    training, validation = task.load(recipe)
    findings, batch_size = check_size(recipe.train.batch_size, replicas)
    settings = recipe.train.model_copy(update={"batch_size": batch_size})
    recipe = recipe.model_copy(update={"train": settings})
    if isinstance(training, StoredImages):
        findings.append(Finding(
            "the images are decoded by the hosts whenever they are read", "data.source",
            "watch examples_per_s; a set that fits in memory is decoded once", "note"))
    share = (0, replicas)
    batches = task.batches(recipe, training, share=share)
    model = task.build(recipe, training)
    task.compile_model(model, settings, batches.steps_per_epoch * settings.epochs)
    task.build_state(model, batches[0])
    findings += check_batches(batches)
    findings += check_step(model, batches[0])
    findings += check_padding(model)
    if validation is not None:
        batches = task.batches(recipe, validation, training=False, share=share)
        known = {finding.what for finding in findings}
        findings += [
            finding for finding in check_batches(batches, "validation batch")
            + check_step(model, batches[0], training=False) if finding.what not in known]
    return sorted(findings, key=lambda finding: finding.severity != "error")


def check_size(batch_size: int, replicas: int) -> tuple[list[Finding], int]:
    """Looks at the batch size of a recipe.

    Args:
        batch_size: Examples of all replicas together.
        replicas: Number of replicas that share each batch.

    Returns:
        List of `Finding`, and the nearest batch size that the replicas divide.
    """
    fitting = max(round(batch_size / replicas), 1) * replicas
    if fitting != batch_size:
        return [Finding(f"{replicas} replicas do not divide a batch of {batch_size}",
                        "train.batch_size", f"use train.batch_size={fitting}")], fitting
    own = batch_size // replicas
    if own % TILE[0]:
        return [Finding(
            f"each replica gets {own} examples, padded to a multiple of {TILE[0]}",
            "train.batch_size",
            f"use train.batch_size={-(-own // TILE[0]) * TILE[0] * replicas}", "note")], fitting
    return [], fitting


def check_batches(batches: keras.utils.PyDataset, name: str = "batch") -> list[Finding]:
    """Compares shapes and dtypes of batches over an epoch with those of the first.

    Args:
        batches: As of `Task.batches`. Up to `LOOKED_AT` are made, spread evenly, the last among
            them.
        name: What to call one in the findings.

    Returns:
        List of `Finding`, of one item at most.
    """
    count = batches.steps_per_epoch
    first, *others = np.unique(np.linspace(0, count - 1, LOOKED_AT).astype(int)).tolist()
    wanted = _signature(batches[first])
    for index in others:
        found = _signature(batches[index])
        if found != wanted:
            return [Finding(
                f"the step would be compiled again: {found} in place of {wanted}",
                f"{name} {index} of {count}",
                "give every batch one shape and dtype; fill the last one up with weight 0")]
    return []


def check_padding(model: keras.Model) -> list[Finding]:
    """Notes the share of the matrices of a model that a TPU fills with zeros.

    Args:
        model: `keras.Model`, built.

    Returns:
        List of `Finding`, of one note at most.
    """
    own = {weight.path: math.prod(weight.shape)
           for weight in model.trainable_weights if len(weight.shape) >= 2}
    tiled = {weight.path: _tiled(weight.shape)
             for weight in model.trainable_weights if weight.path in own}
    padding = {path: tiled[path] - own[path] for path in own if tiled[path] > own[path]}
    share = sum(padding.values()) / max(sum(tiled.values()), 1)
    if share < PADDING:
        return []
    return [Finding(
        f"{share:.0%} of the matrices are padding up to tiles of {TILE[0]}×{TILE[1]}",
        _some(sorted(padding, key=padding.__getitem__, reverse=True)),
        "prefer widths that are multiples of 128", "note")]


def check_step(model: keras.Model, batch: tuple, training: bool = True) -> list[Finding]:
    """Compiles one step of a model with XLA, and looks at every op in it.

    Args:
        model: `keras.Model`, compiled and built, optimizer included.
        batch: What one replica gets: inputs, targets and weights as NumPy arrays.
        training: Whether it is the training step, else the validation step.

    Returns:
        List of `Finding`.

    Raises:
        ValueError: the backend is PyTorch.
    """
    _check_backend()
    nodes, compile_step = traced.trace(model, batch, training)
    findings = check_ops(nodes)
    if not findings:  # else XLA would say the same once more
        error = compile_step()
        if error:
            findings.append(Finding(
                f"XLA does not compile the step: {' '.join(error.split())[:300]}",
                _some(dict.fromkeys(NODE.findall(error))) or "the whole step",
                "replace what is named by ops whose shapes and indices are known beforehand"))
    return findings


def check_ops(nodes: list[traced.Node]) -> list[Finding]:
    """Names the operations of a traced step that a TPU would not take.

    Args:
        nodes: As of `traced.trace`.

    Returns:
        List of `Finding`.
    """
    return [*_ops(nodes), *_dtypes(nodes)]


def _check_backend() -> None:
    backend = keras.backend.backend()
    if backend not in ("tensorflow", "jax"):
        raise ValueError(explain("steps are compiled with XLA on TensorFlow or JAX",
                                 backend=backend, fix="pass --backend tensorflow or --backend jax"))


def _tiled(shape: collections.abc.Sequence[int]) -> int:
    """Numbers that an array takes as a matrix in tiles, in the arrangement that takes fewest."""
    cuts = [(math.prod(shape[:cut]), math.prod(shape[cut:])) for cut in range(1, len(shape))]
    return min(math.prod(-(-side // tile) * tile for side, tile in zip(sides, tiles, strict=True))
               for sides in cuts for tiles in (TILE, TILE[::-1]))


def _signature(batch: tuple) -> str:
    return ", ".join(f"{array.dtype}{list(array.shape)}" for array in batch)


def _ops(nodes: list[traced.Node]) -> collections.abc.Iterator[Finding]:
    for kind in dict.fromkeys(node.kind for node in nodes if not node.compiles):
        yield Finding(
            f"{kind} runs on the host and does not compile with XLA",
            _some([node.place for node in nodes if node.kind == kind]),
            "write it with keras.ops, or do it to the data, before the step")
    for kind in dict.fromkeys(node.kind for node in nodes if not node.static):
        yield Finding(
            f"the shape of what {kind} makes depends on values",
            _some([node.place for node in nodes if node.kind == kind and not node.static]),
            "keep every position and mask it, with keras.ops.where(mask, x, 0.0)")


def _dtypes(nodes: list[traced.Node]) -> collections.abc.Iterator[Finding]:
    for dtype, why, fix in (
            ("float64", "which TPUs imitate slowly or refuse", "cast to float32"),
            ("float16", "where TPUs multiply bfloat16", "use model.dtype=mixed_bfloat16")):
        places = [node.place for node in nodes if dtype in node.makes - node.takes]
        if places:
            yield Finding(f"numbers are {dtype}, {why}", _some(places), fix)


def _some(places: collections.abc.Iterable[str]) -> str:
    """The first few of many places."""
    places = list(dict.fromkeys(places))
    more = f" and {len(places) - NAMED} more" if len(places) > NAMED else ""
    return ", ".join(places[:NAMED]) + more
