"""Embedding tables in the form that quantisers know: GATHER becomes EMBEDDING_LOOKUP.

TensorFlow's converter writes a Keras `Embedding` as a GATHER, whose table stays in float32 under
every recipe of AI Edge Quantizer. The table of an EMBEDDING_LOOKUP becomes int8 or int4.
"""

import math
import typing

import numpy as np

from keras_seqattn.edge.tflite import schema
from keras_seqattn.edge.tflite.rewrite.model import EMPTY, add_buffer, add_code, places


def rewrite(model: typing.Any) -> bool:
    """Rewrites each GATHER of whole rows of a constant table as EMBEDDING_LOOKUP, exactly.

    That op takes a list of int32 ids. Others are cast before it. Ids of another rank than 1 are
    reshaped before it, and the rows after it. These stay as they are:

    - a GATHER along another axis,
    - one of values that are not float32,
    - one of a table that is computed,
    - one of an unknown number of ids.

    Args:
        model: What `schema.unpacked` returns of a float file. The model computes the same numbers
            afterwards.

    Returns:
        Whether a table is read.
    """
    rewritten = [_Graph(model, graph).rewrite() for graph in model.subgraphs]
    return any(rewritten)


class _Graph:
    """One graph of a model, whose ops are replaced in order."""

    def __init__(self, model, graph):
        self._model, self._graph = model, graph
        self._kinds = schema.numbers("TensorType")
        self._ops: list = []

    def rewrite(self):
        """Returns whether there was anything to rewrite."""
        found = [op for op in self._graph.operators if self._reads_rows(op)]
        for op in self._graph.operators:
            if op in found:
                self._look_up(op)
            else:
                self._ops.append(op)
        self._graph.operators = self._ops
        return bool(found)

    def _reads_rows(self, op):
        if op.opcodeIndex not in places(self._model, "GATHER"):
            return False
        table, ids = (self._graph.tensors[place] for place in op.inputs)
        data = self._model.buffers[table.buffer].data
        return (op.builtinOptions.axis == 0
                and table.type == self._kinds["FLOAT32"] and len(table.shape) == 2
                and data is not None and len(data) > 0
                and (ids.shapeSignature is None or -1 not in ids.shapeSignature))

    def _look_up(self, gather):
        (table, ids), (rows,) = gather.inputs, gather.outputs
        tensors = self._graph.tensors
        name, shape = tensors[rows].name.decode(), [int(n) for n in tensors[ids].shape]
        if tensors[ids].type != self._kinds["INT32"]:
            ids = self._add("CAST", [ids], self._tensor(f"{name}/int32", shape, "INT32"))
        if len(shape) == 1:
            self._add("EMBEDDING_LOOKUP", [ids, table], rows)
            return
        count, width = math.prod(shape), int(tensors[table].shape[1])
        ids = self._reshape(ids, self._tensor(f"{name}/ids", [count], "INT32"))
        found = self._tensor(f"{name}/rows", [count, width], "FLOAT32")
        self._reshape(self._add("EMBEDDING_LOOKUP", [ids, table], found), rows)

    def _reshape(self, source, target):
        tensor = self._graph.tensors[target]
        shape = self._tensor(f"{tensor.name.decode()}/shape", [len(tensor.shape)], "INT32",
                             np.array(tensor.shape, "int32"))
        return self._add("RESHAPE", [source, shape], target)

    def _add(self, name, inputs, output):
        self._ops.append(schema.record(
            "OperatorT", opcodeIndex=add_code(self._model, name), inputs=inputs,
            outputs=[output]))
        return output

    def _tensor(self, name, shape, kind, value=None):
        buffer = EMPTY if value is None else add_buffer(self._model, value)
        self._graph.tensors.append(schema.record(
            "TensorT", shape=shape, type=self._kinds[kind], buffer=buffer, name=name.encode(),
            hasRank=True))
        return len(self._graph.tensors) - 1
