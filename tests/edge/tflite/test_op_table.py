"""`keras_seqattn.edge.tflite.op_table`: an installed runtime knows every version in it."""

import pytest

from keras_seqattn.edge import releases
from keras_seqattn.edge.tflite import op_table, op_versions, schema

pytestmark = pytest.mark.edge
ROWS = [(op, number) for op, (_, firsts) in op_table.OPS.items()
        for number, first in enumerate(firsts.split(), 1) if first != "-"]
BEYOND = 20     # a version that no op has


def _is_known(op, number):
    """Whether LiteRT finds an op, which it looks for before it asks what the op reads."""
    from ai_edge_litert.interpreter import Interpreter

    code = schema.numbers("BuiltinOperator")[op]
    tensors = [schema.record("TensorT", shape=[1], name=name) for name in (b"x", b"y")]
    graph = schema.record(
        "SubGraphT", tensors=tensors, inputs=[0], outputs=[1],
        operators=[schema.record("OperatorT", opcodeIndex=0, inputs=[0], outputs=[1])])
    model = schema.record(
        "ModelT", version=3, subgraphs=[graph], buffers=[schema.record("BufferT")],
        operatorCodes=[schema.record("OperatorCodeT", builtinCode=code, version=number,
                                     deprecatedBuiltinCode=min(code, 127))])
    try:
        Interpreter(model_content=schema.packed(model))
    except (ValueError, RuntimeError) as error:
        return "find op for builtin" not in str(error)
    return True


def test_the_installed_runtime_knows_every_version():
    assert [row for row in ROWS if not _is_known(*row)] == []
    assert not _is_known("ADD", BEYOND)


def test_releases_of_an_op_rise_with_its_versions():
    """Versions of one op came in turn, but for two that were seen together or exchanged."""
    falls = {op for op, (_, firsts) in op_table.OPS.items()
             for before, after in zip(firsts.split(), firsts.split()[1:], strict=False)
             if before != "-" and releases.numbers(before) > releases.numbers(after)}
    assert falls == set()


@pytest.mark.parametrize("op", op_table.OPS)
def test_every_version_that_a_type_needs_has_a_release(op):
    rows = filter(None, op_table.OPS[op][0].split(", "))
    needed = {int(row.split()[1]) for row in rows}
    needed |= set(op_table.OPTIONS.get(op, {}).values())
    needed |= {number for _, number in op_table.RANKS.get(op, [])}
    needed |= {number for (name, *_), row in op_table.MIXED.items() if name == op
               for number in row if number is not None}
    assert [number for number in needed if op_versions.release(op, number) is None] == []


def test_every_op_of_the_tables_is_a_builtin():
    named = {*op_table.OPS, *op_table.DECIDING, *op_table.WEIGHTS, *op_table.OPTIONS,
             *(key[0] for key in (*op_table.MIXED, *op_table.LATER))}
    assert named <= set(schema.numbers("BuiltinOperator"))
