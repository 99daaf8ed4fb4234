"""A model as a list of arithmetic nodes with NumPy weights: what folding reads and rewrites.

`lower.trace` makes a graph of a Keras model, and the rules in `fold` change its weights.
`Graph.run` computes a graph with Keras' ops: to trace it for a converter, or in float64 to prove a
rule exact.
"""

from __future__ import annotations

import collections.abc
import contextlib
import dataclasses
import math
import typing

import keras
import numpy as np

from keras_seqattn.edge.graph.kinds import KINDS, Kind
from keras_seqattn.errors import explain, nearest
from keras_seqattn.shapes import Tensor


@dataclasses.dataclass(eq=False)
class Node:
    """One step of a graph.

    Attributes:
        kind: What it computes, a key of `KINDS`.
        name: Path of the layer it comes from.
        inputs: Numbers of the values it reads.
        outputs: Numbers of the values it makes.
        weights: NumPy arrays by name.
        settings: What else its kind needs, by name.
    """

    kind: str
    name: str
    inputs: list[int]
    outputs: list[int]
    weights: dict[str, np.ndarray]
    settings: dict[str, typing.Any]

    @property
    def row(self) -> Kind:
        """What its kind computes, and what rules may assume of it."""
        return KINDS[self.kind]


def _own(node, key):
    return node.weights[key]


class Graph:
    """Nodes in an order in which they can be computed, and the names of what goes in and out.

    Attributes:
        nodes: List of `Node`.
        inputs: Number of the value of each input, by its name.
        outputs: Number of the value of each output, by its name.
        specs: Shape and dtype of each input, by its name.
        made: Shape and dtype of each output, by its name.
        notes: What was lowered or folded and what was left alone, one sentence each.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.inputs: dict[str, int] = {}
        self.outputs: dict[str, int] = {}
        self.specs: dict[str, tuple[tuple[int, ...], str]] = {}
        self.made: dict[str, tuple[tuple[int, ...], str]] = {}
        self.notes: list[str] = []
        self._count = 0

    def new_value(self) -> int:
        """Returns the number of a value that no node makes yet."""
        self._count += 1
        return self._count - 1

    def inner(self) -> Graph:
        """Returns an empty graph whose values have numbers that this graph has not given."""
        graph = Graph()
        graph.skip(self)
        return graph

    def skip(self, other: Graph) -> None:
        """Gives no number from here on that another graph has given."""
        self._count = max(self._count, other._count)

    def add(self, kind: str, name: str, inputs: collections.abc.Iterable[int],
            weights: dict[str, typing.Any] | None = None, **settings: typing.Any) -> int:
        """Appends a node that makes one value.

        Args:
            kind: A key of `KINDS`.
            name: Path of the layer it comes from.
            inputs: Numbers of the values it reads.
            weights: NumPy arrays by name; those that are `None` are left out.
            **settings: What else its kind needs.

        Returns:
            Number of the value.

        Raises:
            ValueError: `kind` has no row in `KINDS`.
        """
        return self.add_many(1, kind, name, inputs, weights, **settings)[0]

    def add_many(self, num_outputs: int, kind: str, name: str,
                 inputs: collections.abc.Iterable[int],
                 weights: dict[str, typing.Any] | None = None,
                 **settings: typing.Any) -> list[int]:
        """Appends a node that makes several values, as `add` does; returns their numbers."""
        if kind not in KINDS:
            raise ValueError(explain(
                "`kind` must be a kind of node", kind=kind, name=name,
                fix=f"{nearest(kind, KINDS)}; or add a row to edge/graph/kinds.py"))
        outputs = [self.new_value() for _ in range(num_outputs)]
        kept = {key: array for key, array in (weights or {}).items() if array is not None}
        self.nodes.append(Node(kind, name, list(inputs), outputs, kept, settings))
        return outputs

    def is_output(self, value: int) -> bool:
        """Whether a value leaves the graph."""
        return value in self.outputs.values()

    def run(self, inputs: dict[str, Tensor],
            weight: collections.abc.Callable[[Node, str], Tensor] = _own,
            scope: collections.abc.Callable[
                [str], contextlib.AbstractContextManager] = contextlib.nullcontext,
            ) -> dict[str, Tensor]:
        """Computes the outputs.

        Args:
            inputs: Tensor or array by input name.
            weight: Function of a node and the name of a weight; by default the node's array.
            scope: Function from a node's name to the context in which the node is computed, for
                example a name scope of the backend that traces the graph.

        Returns:
            Tensors by output name, in the dtype of inputs and weights.
        """
        values = {number: inputs[name] for name, number in self.inputs.items()}
        for node in self.nodes:
            weights = {key: weight(node, key) for key in node.weights}
            with scope(node.name):
                made = node.row.compute(
                    *(values[each] for each in node.inputs), **weights, **node.settings)
            values.update(zip(
                node.outputs, made if isinstance(made, (list, tuple)) else [made], strict=True))
        return {name: values[number] for name, number in self.outputs.items()}

    def run_all(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Computes examples one run after the other, as many in each as the graph's sizes say.

        The last run is filled up with copies of the last example.

        Args:
            inputs: Array `(n, …)` by input name.

        Returns:
            Arrays `(n, …)` by output name.
        """
        count = len(next(iter(inputs.values())))
        size = next(iter(self.specs.values()), ((1,), ""))[0][0]
        places = np.minimum(np.arange(-(-count // size) * size), count - 1).reshape(-1, size)
        made = [self.run({name: array[rows] for name, array in inputs.items()})
                for rows in places]
        joined = {name: np.concatenate([keras.ops.convert_to_numpy(each[name]) for each in made])
                  for name in self.outputs}
        return joined if size == 1 else {name: each[:count] for name, each in joined.items()}

    def drop_unread(self) -> None:
        """Removes the nodes that no output needs."""
        needed, kept = set(self.outputs.values()), []
        for node in reversed(self.nodes):
            if needed & set(node.outputs):
                kept.append(node)
                needed.update(node.inputs)
        self.nodes = kept[::-1]

    def called_layers(self) -> list[keras.layers.Layer]:
        """Returns the layers that were not lowered, each once."""
        operations = [node.settings["call"].operation for node in self.nodes
                      if node.kind == "call"]
        return list({id(each): each for each in operations
                     if isinstance(each, keras.layers.Layer)}.values())

    def num_bytes(self) -> int:
        """Returns the bytes of all weights in float32, those of called layers included.

        Integers do not count: they are indices and shapes.
        """
        shapes = [array.shape for node in self.nodes for array in node.weights.values()
                  if array.dtype.kind not in "biu"]
        shapes += [each.shape for layer in self.called_layers() for each in layer.weights]
        inner = [each for node in self.nodes for each in node.settings.values()
                 if isinstance(each, Graph)]
        return 4 * sum(map(math.prod, shapes)) + sum(graph.num_bytes() for graph in inner)


class Links:
    """Who makes and who reads each value of a graph, at the time when it is asked for.

    Rules that rewire a graph ask for new links afterwards.

    Args:
        graph: `Graph`.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._makers = {value: node for node in graph.nodes for value in node.outputs}
        self._users: dict[int, list[Node]] = {}
        for node in graph.nodes:
            for value in dict.fromkeys(node.inputs):
                self._users.setdefault(value, []).append(node)

    def maker(self, value: int) -> Node | None:
        """Returns the node that makes a value, or `None` for an input."""
        return self._makers.get(value)

    def users(self, value: int) -> list[Node]:
        """Returns the nodes that read a value."""
        return self._users.get(value, [])

    def dense_readers(self, value: int) -> list[Node]:
        """Returns the dense nodes that read a value, also through what affine maps pass.

        None of them if something else reads it too.
        """
        todo, found = [value], []
        while todo:
            value = todo.pop()
            if self._graph.is_output(value):
                return []
            for user in self.users(value):
                if user.kind == "dense":
                    found.append(user)
                elif user.row.passes_affine:
                    todo += user.outputs
                else:
                    return []
        return found
