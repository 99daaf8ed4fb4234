"""How a project lays out a Vision Transformer in a file: under which keys, with which axes.

A `Layout` is read in both directions. `Layout.links` pairs the arrays of a file with the weights of
a model. Each pair, a `Link`, fills its weights from the file or reads its arrays from the model.
"""

import dataclasses
import math
import typing

import keras
import numpy as np
from keras import ops

from keras_seqattn.checkpoints.weights.filling import hand_over
from keras_seqattn.checkpoints.weights.state import State


@dataclasses.dataclass(frozen=True)
class Link:
    """An array of a file, and the weights that have the same numbers.

    Attributes:
        keys: Keys of the array. It has several if it is in pieces, which lie side by side on
            axis 1.
        shape: Shape of each piece.
        weights: Weights of the model. Several share the first axis of the array evenly.
        axes: Order in which a weight has the axes of its share. `None` is the order of the file.
    """

    keys: tuple[str, ...]
    shape: tuple[int, ...]
    weights: tuple[keras.Variable, ...]
    axes: tuple[int, ...] | None = None

    def fill(self, state: State) -> None:
        """Sets the weights from the arrays of a `State`.

        Raises:
            ValueError: as for `State.take`.
        """
        pieces = [state.take(key, *self.shape, layer=self.weights[0].path) for key in self.keys]
        whole = pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=1)
        for weight, share in zip(self.weights, np.split(whole, len(self.weights)), strict=True):
            share = share if self.axes is None else share.transpose(self.axes)
            hand_over(weight, np.reshape(share, weight.shape))

    def read(self) -> dict[str, np.ndarray]:
        """Returns the arrays as the file has them: dictionary from keys to NumPy float32."""
        rows = self.shape[0] // len(self.weights)
        share = (rows, self.shape[1] * len(self.keys), *self.shape[2:]) if self.shape[1:] else (
            rows,)
        axes = self.axes or tuple(range(len(share)))
        turned = [share[axis] for axis in axes]
        whole = np.concatenate([
            ops.convert_to_numpy(weight).astype("float32", copy=False).reshape(turned)
            .transpose(np.argsort(axes)) for weight in self.weights])
        pieces = [whole] if len(self.keys) == 1 else np.split(whole, len(self.keys), axis=1)
        return {key: np.ascontiguousarray(piece)
                for key, piece in zip(self.keys, pieces, strict=True)}


@dataclasses.dataclass(frozen=True)
class Parts:
    """Keys inside a block, or inside a head that pools by attention.

    Attributes:
        attention: Pairs of a key and of the projections that it holds on top of each other. A
            projection is `"query"`, `"key"`, `"value"` or `"output"`.
        hidden: Key of the first layer of the feed-forward network.
        output: Key of its second.
        norms: Dictionary from the names of the norms here to their keys.
        scales: The same of the factors of LayerScale.
    """

    attention: tuple[tuple[str, tuple[str, ...]], ...]
    hidden: str
    output: str
    norms: dict[str, str]
    scales: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Layout:
    """Keys of a Vision Transformer in a file.

    The key of a layer goes up to the name of its weight: `norm.` stands before `weight`.

    Attributes:
        kernel: Name of a kernel, behind the key of its layer.
        scale: Name of the factors of a norm.
        transposed: Whether kernels are `(outputs, inputs)`, as PyTorch has them.
        patches: Key of the map from patches to tokens.
        positions: Key of the table of positions.
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
    """

    kernel: str
    scale: str
    transposed: bool
    patches: str
    positions: str
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

    @property
    def stacked(self) -> bool:
        """Whether all blocks lie in one array."""
        return "{}" not in self.block

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
        kernel, bias = layers["patches"].weights
        yield (Link((self.patches + self.kernel,),
                    tuple(kernel.shape[axis] for axis in (3, 2, 0, 1)), (kernel,), (2, 3, 1, 0))
               if self.transposed else _same(self.patches + self.kernel, kernel))
        yield _same(self.patches + "bias", bias)
        if "class_token" in layers:
            token = layers["class_token"].token
            keys = self.class_token[:token.shape[1]]
            yield Link(keys, (1, 1, token.shape[2]), (token,))
        if self.registers is not None and "registers" in layers:
            yield _same(self.registers, layers["registers"].token)
        table = layers["positions"].embeddings
        yield Link((self.positions,), (1, *table.shape), (table,))

        blocks: list[keras.Layer] = []
        while f"block_{len(blocks)}" in layers:
            blocks.append(layers[f"block_{len(blocks)}"])
        if self.stacked:
            yield from self._part_links(self.block, self.parts, blocks, stacked=True)
        else:
            for i, block in enumerate(blocks):
                yield from self._part_links(self.block.format(i), self.parts, [block])
        yield from self._norm(self.norm, [layers["norm"]])
        if self.probe is not None and self.pool is not None and hasattr(
                layers.get("pool"), "probe"):
            yield _same(self.probe, layers["pool"].probe)
            yield from self._part_links(self.pool_prefix, self.pool, [layers["pool"]])
        for name in ("pre_logits", "logits", "distillation_logits"):
            if name in layers:
                yield from self._dense(getattr(self, name), [layers[name]])

    def _part_links(self, prefix: str, parts: Parts, layers: list[keras.Layer],
                    stacked: bool = False) -> typing.Iterator[Link]:
        for key, names in parts.attention:
            yield from self._dense(prefix + key, [
                getattr(layer.attention, f"{name}_dense") for layer in layers for name in names],
                stacked)
        for key, name in ((parts.hidden, "hidden_dense"), (parts.output, "output_dense")):
            yield from self._dense(
                prefix + key, [getattr(layer.feed_forward, name) for layer in layers], stacked)
        for name, key in parts.norms.items():
            yield from self._norm(
                prefix + key, [getattr(layer, name) for layer in layers], stacked)
        for name, key in parts.scales.items():
            scales = [getattr(layer, name) for layer in layers]
            if scales[0] is not None:
                yield _same(prefix + key, *(scale.gamma for scale in scales), stacked=stacked)

    def _dense(self, key: str, layers: list[keras.Layer],
               stacked: bool = False) -> typing.Iterator[Link]:
        kernels, biases = ([getattr(layer, name) for layer in layers]
                           for name in ("kernel", "bias"))
        if self.transposed:
            # Inputs are the first axis of (D, N, H) and the first two of (N, H, D).
            inputs = math.prod(kernels[0].shape[:-1 if layers[0].name == "attention_output"
                                                else 1])
            outputs = math.prod(kernels[0].shape) // inputs
            yield Link((key + self.kernel,), (len(layers) * outputs, inputs), tuple(kernels),
                       (1, 0))
            if biases[0] is not None:
                yield Link((key + "bias",), (len(layers) * outputs,), tuple(biases))
        else:
            yield _same(key + self.kernel, *kernels, stacked=stacked)
            if biases[0] is not None:
                yield _same(key + "bias", *biases, stacked=stacked)

    def _norm(self, key: str, norms: list[keras.Layer],
              stacked: bool = False) -> typing.Iterator[Link]:
        yield _same(key + self.scale, *(norm.gamma for norm in norms), stacked=stacked)
        yield _same(key + "bias", *(norm.beta for norm in norms), stacked=stacked)


def _same(key: str, *weights: keras.Variable, stacked: bool = False) -> Link:
    """A weight that has the shape of its array, or one of each block on top of each other."""
    shape = tuple(weights[0].shape)
    return Link((key,), (len(weights), *shape) if stacked else shape, weights)


def unused(computed: str) -> str:
    """Returns the pattern of the keys whose arrays may be left over.

    Args:
        computed: Pattern of the beginnings of all other keys. Their arrays change the numbers of
            a model, so that one without a place here is an error.

    >>> unused("block")
    '(?!block).*'
    """
    return f"(?!{computed}).*"
