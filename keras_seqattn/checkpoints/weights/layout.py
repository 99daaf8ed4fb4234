"""How a project lays out a Vision Transformer in a file: under which keys, with which axes.

A `Layout` is read in both directions. `Layout.links` pairs the arrays of a file with the weights of
a model, each pair a `Link`.
"""

import dataclasses
import math
import typing

import keras

from keras_seqattn.checkpoints.weights.link import Link, same
from keras_seqattn.checkpoints.weights.parts import Parts
from keras_seqattn.checkpoints.weights.state import State


@dataclasses.dataclass(frozen=True)
class Layout:
    """Keys of a Vision Transformer in a file.

    The key of a layer goes up to the name of its weight: `norm.` stands before `weight`.

    Attributes:
        kernel: Name of a kernel, behind the key of its layer.
        scale: Name of the factors of a norm.
        transposed: Whether kernels are `(outputs, inputs)`, as PyTorch has them.
        patches: Key of the map from patches to tokens.
        positions: Key of the table of positions, `None` for models that have none.
        block: Key of a block, with `{}` for its number. Without `{}`, all blocks lie in one array.
        parts: `Parts` of a block.
        norm: Key of the last norm.
        logits: Key of the head, `None` for models that have none.
        class_token: Keys of the class token and the distillation token.
        registers: Key of the register tokens.
        pooled_norm: Key of the last norm in files of models that have it behind the pooling.
        probe: Key of the query of a head that pools by attention.
        pool_prefix: Key of that head.
        pool: `Parts` of that head.
        pre_logits: Key of the dense layer before the head.
        distillation_logits: Key of the head of the distillation token.
        patch_norms: Keys of the norms before and behind the map from patches to tokens.
        first_norm: Key of a norm before the blocks.
        relative: Key of a table of relative positions that all blocks share.
        token_rank: Number of axes of the array of a class token.
        position_rank: Number of axes of the array of positions.
        bias: Name of a bias, behind the key of its layer.
        first_block: Key of the first block, if it has no number.
    """

    kernel: str
    scale: str
    transposed: bool
    patches: str
    positions: str | None
    block: str
    parts: Parts
    norm: str
    logits: str | None
    class_token: tuple[str, ...] = ()
    registers: str | None = None
    pooled_norm: str | None = None
    probe: str | None = None
    pool_prefix: str = ""
    pool: Parts | None = None
    pre_logits: str | None = None
    distillation_logits: str | None = None
    patch_norms: tuple[str, ...] = ()
    first_norm: str | None = None
    relative: str | None = None
    token_rank: int = 3
    position_rank: int = 3
    bias: str = "bias"
    first_block: str | None = None

    @property
    def stacked(self) -> bool:
        """Whether all blocks lie in one array."""
        return "{}" not in self.block

    def block_key(self, number: int) -> str:
        """Key of a block."""
        unnumbered = number == 0 and self.first_block is not None
        return str(self.first_block) if unnumbered else self.block.format(number)

    def has_pooled_norm(self, state: State) -> bool:
        """Whether the last norm of a file stands behind the pooling."""
        return self.pooled_norm is not None and self.pooled_norm + self.scale in state

    def of(self, state: State) -> "Layout":
        """Returns the layout with the last norm that a file has."""
        if self.pooled_norm is not None and self.has_pooled_norm(state):
            return dataclasses.replace(self, norm=self.pooled_norm)
        return self

    def links(self, model: keras.Model) -> typing.Iterator[Link]:
        """Pairs the arrays of a file with the weights of a Vision Transformer.

        Args:
            model: As `models.vit` builds it, with these parts only.

        Yields:
            `Link`.
        """
        layers = {layer.name: layer for layer in model.layers}
        yield from self._patch_links(layers["patches"])
        if "class_token" in layers:
            token = layers["class_token"].token
            shape = (1,) * (self.token_rank - 1) + (token.shape[2],)
            yield Link(self.class_token[:token.shape[1]], shape, (token,))
        if self.registers is not None and "registers" in layers:
            yield same(self.registers, layers["registers"].token)
        if self.positions is not None:
            table = layers["positions"].embeddings
            lead = (1,) * (self.position_rank - 2)
            yield Link((self.positions,), (*lead, *table.shape), (table,))
        if self.first_norm is not None and "first_norm" in layers:
            yield from self._norm(self.first_norm, [layers["first_norm"]])

        blocks: list[keras.Layer] = []
        while f"block_{len(blocks)}" in layers:
            blocks.append(layers[f"block_{len(blocks)}"])
        if self.stacked:
            yield from self._part_links(self.block, self.parts, blocks, stacked=True)
        else:
            for i, block in enumerate(blocks):
                yield from self._part_links(self.block_key(i), self.parts, [block])
        if layers["norm"].weights:
            yield from self._norm(self.norm, [layers["norm"]])
        if self.probe is not None and self.pool is not None and hasattr(
                layers.get("pool"), "probe"):
            yield same(self.probe, layers["pool"].probe)
            yield from self._part_links(self.pool_prefix, self.pool, [layers["pool"]])
        for name in ("pre_logits", "logits", "distillation_logits"):
            if name in layers:
                yield from self._dense(getattr(self, name), [layers[name]])

    def _patch_links(self, stem: keras.Layer) -> typing.Iterator[Link]:
        """The map from patches to tokens, a convolution or a dense layer between norms."""
        if self.patch_norms:
            yield from self._norm(self.patch_norms[0], [stem.pixel_norm])
            yield from self._dense(self.patches, [stem.projection])
            yield from self._norm(self.patch_norms[1], [stem.token_norm])
            return
        kernel, *biases = stem.weights
        yield (Link((self.patches + self.kernel,),
                    tuple(kernel.shape[axis] for axis in (3, 2, 0, 1)), (kernel,), (2, 3, 1, 0))
               if self.transposed else same(self.patches + self.kernel, kernel))
        for bias in biases:
            yield same(self.patches + self.bias, bias)

    def _part_links(self, prefix: str, parts: Parts, layers: list[keras.Layer],
                    stacked: bool = False) -> typing.Iterator[Link]:
        for key, names in parts.attention:
            yield from self._dense(prefix + key, [
                getattr(layer.attention, f"{name}_dense") for layer in layers for name in names],
                stacked, biased=not set(names) & set(parts.unbiased))
        for name, key in parts.qk_norms.items():
            if hasattr(layers[0].attention, name):
                yield from self._norm(
                    prefix + key, [getattr(layer.attention, name) for layer in layers], stacked)
        if hasattr(layers[0].attention, "relative_positions"):
            table = self.relative or f"{prefix}{parts.relative}"
            yield same(table, layers[0].attention.relative_positions)
        for key, names in self._network(parts, layers[0]):
            yield from self._dense(prefix + key, [
                getattr(layer.feed_forward, f"{name}_dense") for layer in layers
                for name in names], stacked)
        for name, key in parts.norms.items():
            yield from self._norm(
                prefix + key, [getattr(layer, name) for layer in layers], stacked)
        for name, key in parts.scales.items():
            scales = [getattr(layer, name) for layer in layers]
            if scales[0] is not None:
                yield same(prefix + key, *(scale.gamma for scale in scales), stacked=stacked)

    @staticmethod
    def _network(parts: Parts, layer: keras.Layer) -> list[tuple[str, tuple[str, ...]]]:
        """Keys of a feed-forward network, each with the layers that it holds."""
        pairs: list[tuple[str, tuple[str, ...]]] = [
            (parts.hidden, ("hidden",)), (parts.output, ("output",))]
        if parts.linear is not None and hasattr(layer.feed_forward, "linear_dense"):
            if parts.linear == parts.hidden:
                pairs[0] = (parts.hidden, ("hidden", "linear"))
            else:
                pairs.append((parts.linear, ("linear",)))
        return pairs

    def _dense(self, key: str, layers: list[keras.Layer], stacked: bool = False,
               biased: bool = True) -> typing.Iterator[Link]:
        kernels, biases = ([getattr(layer, name) for layer in layers]
                           for name in ("kernel", "bias"))
        if self.transposed:
            # Inputs are the first axis of (D, N, H) and the first two of (N, H, D).
            inputs = math.prod(kernels[0].shape[:-1 if layers[0].name == "attention_output"
                                                else 1])
            outputs = math.prod(kernels[0].shape) // inputs
            yield Link((key + self.kernel,), (len(layers) * outputs, inputs), tuple(kernels),
                       (1, 0))
            if biased and biases[0] is not None:
                yield Link((key + self.bias,), (len(layers) * outputs,), tuple(biases))
        elif len(layers) > 1 and not stacked:
            inputs, outputs = kernels[0].shape
            yield Link((key + self.kernel,), (inputs, len(layers) * outputs), tuple(kernels),
                       shared=1)
            if biased and biases[0] is not None:
                yield Link((key + self.bias,), (len(layers) * outputs,), tuple(biases))
        else:
            yield same(key + self.kernel, *kernels, stacked=stacked)
            if biased and biases[0] is not None:
                yield same(key + self.bias, *biases, stacked=stacked)

    def _norm(self, key: str, norms: list[keras.Layer],
              stacked: bool = False) -> typing.Iterator[Link]:
        yield same(key + self.scale, *(norm.gamma for norm in norms), stacked=stacked)
        yield same(key + self.bias, *(norm.beta for norm in norms), stacked=stacked)


def unused(computed: str) -> str:
    """Returns the pattern of the keys whose arrays may be left over.

    Args:
        computed: Pattern of the beginnings of all other keys. Their arrays change the numbers of
            a model, so that one without a place here is an error.

    >>> unused("block")
    '(?!block).*'
    """
    return f"(?!{computed}).*"
