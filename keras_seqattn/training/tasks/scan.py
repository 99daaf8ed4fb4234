"""Equal blocks under one loop: a program that is compiled as fast as that of a single block."""

import typing

import keras
from keras import ops

from keras_seqattn.errors import explain
from keras_seqattn.layers.block import TransformerBlock
from keras_seqattn.training.tasks.stateless import keep_state, stateless, values_of

OWN = ("name", "seed")   # what equal blocks may differ in


def scan_blocks(model: keras.Model) -> None:
    """Lets the blocks of a model, where they follow each other, train as turns of one loop.

    The first block of a row computes them all, over their weights one upon the other, and the
    others pass on what they are given. Weights, checkpoints and inference stay as they are, and so
    do the numbers: each block draws the masks of its dropout by its own seed.

    Args:
        model: Built `keras.Model`, whose functional graph has the blocks; changes in place.

    Raises:
        ValueError: Keras is not on JAX. There are no two blocks in a row. Blocks of a row differ,
            for example in `drop_path`. What a block makes is also read by another layer.
    """
    if keras.backend.backend() != "jax":
        raise ValueError(explain(
            "blocks train as one loop on JAX only", backend=keras.backend.backend(),
            fix="set train.scan to false, or KERAS_BACKEND=jax"))
    rows = [row for row in _rows(model) if len(row) > 1]
    if not rows:
        raise ValueError(explain(
            "a loop needs two Transformer blocks in a row", model=model.name,
            fix="set train.scan to false"))
    for row in rows:
        for block in row[1:]:
            _check_equal(row[0], block)
    for row in rows:
        _loop(row)


def _rows(model):
    """Blocks that follow each other: each reads what the one before made, and the same else."""
    rows: list[list[TransformerBlock]] = []
    for block in (each for each in model.layers if isinstance(each, TransformerBlock)):
        first, *others = map(id, keras.tree.flatten(block.input))
        for row in rows:
            read = [id(each) for each in keras.tree.flatten(row[-1].input)[1:]]
            if first == id(row[-1].output) and others == read:
                _check_read_once(model, row[-1])
                row.append(block)
                break
        else:
            rows.append([block])
    return rows


def _check_read_once(model, block):
    readers = [each.name for each in model.operations
               if not isinstance(each, keras.layers.InputLayer)
               and any(tensor is block.output for tensor in keras.tree.flatten(each.input))]
    if len(readers) > 1 or any(each is block.output for each in model.outputs):
        raise ValueError(explain(
            "a loop gives what its last block makes, and nothing from within", block=block.name,
            read_by=readers, fix="set train.scan to false"))


def _check_equal(first, other):
    differing = {name: (mine, theirs) for name, mine, theirs in _settings(first, other)
                 if mine != theirs}
    if differing:
        raise ValueError(explain(
            "blocks under one loop must be equal", blocks=(first.name, other.name), **differing,
            fix="make them equal (drop_path=0), or set train.scan to false"))


def _settings(first, other):
    yield "layer", type(first).__name__, type(other).__name__
    one, two = first.get_config(), other.get_config()
    for name in sorted({*one, *two} - {*OWN}):
        yield name, one.get(name), two.get(name)
    yield "weights", *([(tuple(each.shape), each.trainable) for each in block.variables]
                       for block in (first, other))


def _loop(row):
    first, others = row[0], row[1:]
    call = first.call
    turn = stateless(first, call)
    kept = _products_alone if "call" not in vars(first) else None  # which rematerialise decides

    def call_all(inputs: typing.Any, *given: typing.Any, training: bool | None = None,
                 **named: typing.Any) -> typing.Any:
        if not training:
            return call(inputs, *given, training=training, **named)

        def body(x, values):
            return turn(values, x, *given, training=training, **named)

        stacked = [ops.stack(each) for each in zip(*map(values_of, row), strict=True)]
        outputs, states = ops.scan(kept(body) if kept else body, inputs, stacked)
        for i, block in enumerate(row):
            keep_state(block, [None if state is None else state[i] for state in states])
        return outputs

    first.call = call_all
    for block in others:
        block.call = _passed_on(block.call)


def _passed_on(call):
    """A block's call that gives back its input in training, where the first has computed all."""
    def pass_on(inputs: typing.Any, *given: typing.Any, training: bool | None = None,
                **named: typing.Any) -> typing.Any:
        return inputs if training else call(inputs, *given, training=training, **named)
    return pass_on


def _products_alone(body):
    """A turn whose products alone are kept, as XLA does without a loop: it fuses the rest."""
    import jax

    return jax.checkpoint(
        body, policy=jax.checkpoint_policies.dots_saveable, prevent_cse=False)
