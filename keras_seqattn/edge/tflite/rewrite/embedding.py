"""Embedding tables in the form that quantizers know: GATHER becomes EMBEDDING_LOOKUP.

TensorFlow's converter writes a Keras `Embedding` as a GATHER, whose table stays in float32 under
every recipe of AI Edge Quantizer; the table of an EMBEDDING_LOOKUP becomes int8 or int4.
"""

import math

import numpy as np


def rewrite(flat):
    """Rewrites each GATHER of whole rows of a constant table as EMBEDDING_LOOKUP, exactly.

    That op takes a list of int32 ids: others are cast before it, and ids of another rank than 1 are
    reshaped before it and the rows after it. A GATHER along another axis, of values that are not
    float32, of a table that is computed, or of an unknown number of ids stays as it is.

    Args:
        flat: Bytes of a float `.tflite` file.

    Returns:
        Bytes of a `.tflite` file that computes the same numbers; `flat` itself if no table is read.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(flat)
    rewritten = [_Graph(model, graph).rewrite() for graph in model.subgraphs]
    if not any(rewritten):
        return flat
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


class _Graph:
    """One graph of a model, whose ops are replaced in order."""

    def __init__(self, model, graph):
        from ai_edge_litert import schema_py_generated as schema

        self._schema, self._model, self._graph = schema, model, graph
        self._ops = []

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
        if op.opcodeIndex not in self._places("GATHER"):
            return False
        table, ids = (self._graph.tensors[place] for place in op.inputs)
        data = self._model.buffers[table.buffer].data
        return (op.builtinOptions.axis == 0
                and table.type == self._schema.TensorType.FLOAT32 and len(table.shape) == 2
                and data is not None and len(data) > 0
                and (ids.shapeSignature is None or -1 not in ids.shapeSignature))

    def _look_up(self, gather):
        (table, ids), (rows,) = gather.inputs, gather.outputs
        kinds, tensors = self._schema.TensorType, self._graph.tensors
        name, shape = tensors[rows].name.decode(), [int(n) for n in tensors[ids].shape]
        if tensors[ids].type != kinds.INT32:
            ids = self._add("CAST", [ids], self._tensor(f"{name}/int32", shape, kinds.INT32))
        if len(shape) == 1:
            self._add("EMBEDDING_LOOKUP", [ids, table], rows)
            return
        count, width = math.prod(shape), int(tensors[table].shape[1])
        ids = self._reshape(ids, self._tensor(f"{name}/ids", [count], kinds.INT32))
        found = self._tensor(f"{name}/rows", [count, width], kinds.FLOAT32)
        self._reshape(self._add("EMBEDDING_LOOKUP", [ids, table], found), rows)

    def _reshape(self, source, target):
        tensor = self._graph.tensors[target]
        shape = self._tensor(f"{tensor.name.decode()}/shape", [len(tensor.shape)],
                             self._schema.TensorType.INT32, np.array(tensor.shape, "int32"))
        return self._add("RESHAPE", [source, shape], target)

    def _add(self, name, inputs, output):
        self._ops.append(self._schema.OperatorT(
            opcodeIndex=self._code(name), inputs=inputs, outputs=[output]))
        return output

    def _code(self, name):
        if not self._places(name):
            number = getattr(self._schema.BuiltinOperator, name)
            self._model.operatorCodes.append(self._schema.OperatorCodeT(
                builtinCode=number, deprecatedBuiltinCode=number))
        return self._places(name)[0]

    def _places(self, name):
        """Where an op stands in the model's list of ops; each version has its own place."""
        from ai_edge_litert.tools import flatbuffer_utils

        return [place for place in range(len(self._model.operatorCodes))
                if flatbuffer_utils.opcode_to_name(self._model, place) == name]

    def _tensor(self, name, shape, kind, value=None):
        buffer = 0                                    # the empty one, for what is computed
        if value is not None:
            self._model.buffers.append(self._schema.BufferT(data=value.view("uint8")))
            buffer = len(self._model.buffers) - 1
        self._graph.tensors.append(self._schema.TensorT(
            shape=shape, type=kind, buffer=buffer, name=name.encode(), hasRank=True))
        return len(self._graph.tensors) - 1
