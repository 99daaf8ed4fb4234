"""A `Graph` as a SavedModel of static shapes, the form that converters read."""

import os
import typing

import keras

from keras_seqattn.edge.tflite.converter.convert import SIGNATURE

if typing.TYPE_CHECKING:
    from keras_seqattn.edge.graph.graph import Graph


def write(graph: "Graph", folder: str | os.PathLike) -> None:
    """Traces a graph of static shapes and saves it, with named inputs and outputs.

    Args:
        graph: `Graph`.
        folder: Folder of the SavedModel.
    """
    import tensorflow as tf

    weights = _Weights(graph)
    inputs = [keras.InputSpec(shape=shape, dtype=dtype, name=name)
              for name, (shape, dtype) in graph.specs.items()]

    def serve(*tensors):
        named = {spec.name: tensor for spec, tensor in zip(inputs, tensors, strict=True)}
        return graph.run(named, weights.of, tf.name_scope)

    archive = keras.export.ExportArchive()
    archive.track(weights)
    archive.add_endpoint(SIGNATURE, serve, input_signature=inputs)
    archive.write_out(folder, verbose=False)


class _Weights(keras.layers.Layer):
    """Holds a graph's arrays and the layers it calls, so that Keras saves them."""

    def __init__(self, graph):
        super().__init__(name="weights", dtype="float32")
        self._called = graph.called_layers()
        self._variables = {
            f"{id(node)} {key}": self.add_weight(
                shape=array.shape, dtype=array.dtype.name,
                initializer=lambda shape, dtype, array=array: array,
                name=f"{node.name}_{key}".replace("/", "_"), trainable=False)
            for node in graph.nodes for key, array in node.weights.items()}
        self.built = True

    def of(self, node, key):
        return self._variables[f"{id(node)} {key}"]
