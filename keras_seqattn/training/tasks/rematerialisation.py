"""Less memory for more time: activations that are computed again in place of being kept."""

import collections.abc
import typing

import keras

from keras_seqattn.errors import explain
from keras_seqattn.layers import MultiHeadAttention
from keras_seqattn.layers.block import TransformerBlock
from keras_seqattn.shapes import Tensor
from keras_seqattn.training.tasks.stateless import Call, keep_state, stateless, values_of

What: typing.TypeAlias = typing.Literal["blocks", "products", "attention"]


def rematerialise(model: keras.Model, what: What = "blocks") -> None:
    """Computes activations of the blocks again for the gradient in place of keeping them.

    `keras.RematScope` cannot: on TensorFlow its layers take no keyword, such as `training`. On JAX
    dropout draws the same masks again.

    Args:
        model: `keras.Model` with Transformer blocks; changes in place.
        what: What is computed again.

            - `"blocks"`: all but the input of each block.
            - `"products"`: all but what the dense layers make. On JAX alone.
            - `"attention"`: what stands between the projections of attention.

    Raises:
        ValueError: the model has no Transformer block. Keras is not on JAX and a block has dropout,
            or the products are to be kept.
    """
    on_jax = keras.backend.backend() == "jax"
    if what == "products" and not on_jax:
        raise ValueError(explain(
            "only JAX can keep the products of a block and compute the rest again",
            rematerialise=what, backend=keras.backend.backend(),
            fix="use blocks or attention, or KERAS_BACKEND=jax"))
    blocks = [layer for layer in model.layers if isinstance(layer, TransformerBlock)]
    if not blocks:
        raise ValueError(explain("`rematerialise` needs a model with Transformer blocks",
                                 model=model.name, fix="set it to false"))
    for block in blocks if not on_jax else ():
        shares = (block.dropout, block.attention_dropout, block.drop_path)
        if any(shares):
            raise ValueError(explain(
                "`rematerialise` needs blocks without dropout, which would be drawn anew",
                block=block.name, shares=shares,
                fix="set the dropouts and drop_path to 0, or KERAS_BACKEND=jax"))
    again = _again_on_jax if on_jax else _again
    for block in blocks:
        if what == "attention":
            for attention in _attentions(block):
                attention._attend = _unless_scores(
                    attention._attend, again(attention, attention._attend, what))
        else:
            block.call = again(block, block.call, what)


def _attentions(block):
    return [each for each in vars(block).values() if isinstance(each, MultiHeadAttention)]


def _unless_scores(call, call_again):
    """Attention that is computed again, but where scores are asked for."""
    def attend(*given: typing.Any) -> typing.Any:
        return (call if given[-1] else call_again)(*given)
    return attend


def _again(layer, call, what):
    def call_again(*given: typing.Any, **named: typing.Any) -> typing.Any:
        # Gradients reach what is an argument of the recomputed function, and nothing else.
        leaves = keras.tree.flatten((given, named))
        places = [i for i, leaf in enumerate(leaves) if keras.ops.is_tensor(leaf)
                  and keras.backend.is_float_dtype(keras.backend.standardize_dtype(leaf.dtype))]

        def compute(*tensors):
            filled = dict(enumerate(leaves)) | dict(zip(places, tensors, strict=True))
            given_again, named_again = keras.tree.pack_sequence_as(
                (given, named), list(filled.values()))
            made = call(*given_again, **named_again)
            return made[0] if what == "attention" else made

        made = keras.remat(compute)(*(leaves[i] for i in places))
        return (made, None) if what == "attention" else made
    return call_again


def _again_on_jax(layer: keras.layers.Layer, call: Call, what: What
                  ) -> collections.abc.Callable[..., typing.Any]:
    """The same for layers with dropout: the seeds are arguments of what is computed again."""
    import jax

    run, policy = stateless(layer, call), None
    if what == "products":
        policy = jax.checkpoint_policies.dots_with_no_batch_dims_saveable

    def call_again(inputs: Tensor, *given: typing.Any, **named: typing.Any) -> typing.Any:
        outputs, state = jax.checkpoint(
            lambda values, x: run(values, x, *given, **named), policy=policy)(
                values_of(layer), inputs)
        keep_state(layer, state)
        return outputs
    return call_again
