"""Outputs of the same value: a tensor each, the same numbers, whatever program runs the file."""

import flat
import numpy as np
import pytest

from keras_seqattn.edge.tflite import reader, schema
from keras_seqattn.edge.tflite.rewrite import outputs

pytestmark = pytest.mark.edge
X = np.array([[-2.0, 0.5, 3.0]], "float32")


def _sums(x):
    import tensorflow as tf

    return tf.reduce_sum(x)


def _signs(x):
    return x > 0


def _compiled(flatbuffer, path):
    """What CompiledModel gives, a list of outputs in the order of their names."""
    from ai_edge_litert.compiled_model import CompiledModel

    path.write_bytes(flatbuffer)
    model = CompiledModel.from_file(str(path))
    details = reader.read(path).signatures[0].outputs
    given = model.create_input_buffer_by_name("serving_default", "x")
    given.write(X)
    made = {name: model.create_output_buffer_by_name("serving_default", name) for name in details}
    model.run_by_name("serving_default", {"x": given}, made)
    return [made[name].read(int(np.prod(tensor.shape)), np.dtype(tensor.dtype).type).reshape(
        tensor.shape) for name, tensor in sorted(details.items())]


@pytest.mark.parametrize("function", [
    lambda x: 2 * [x * 2.0], lambda x: 3 * [_sums(x)], lambda x: 2 * [_signs(x)],
    lambda x: [x, x * 2.0], lambda x: [x, x]],
    ids=["twice", "scalar", "bool", "input", "input twice"])
def test_each_output_is_a_tensor_of_its_own_of_the_same_numbers(function, tmp_path):
    before = flat.converted(function, [], x=((1, 3), "float32"))
    after = flat.rewritten(before, outputs.separate)
    for path, content in (("before", before), ("after", after)):
        (tmp_path / path).write_bytes(content)
    old, new = (reader.read(tmp_path / path).signatures[0] for path in ("before", "after"))
    assert old.shared
    assert new.shared == []
    assert set(old.outputs) == set(new.outputs)
    assert len(set(new.graph.outputs) - set(new.graph.inputs)) == len(new.outputs)
    wanted = flat.runner(before)(x=X)
    for actual in (flat.runner(after)(x=X), _compiled(after, tmp_path / "x.tflite")):
        assert [each.shape for each in actual] == [each.shape for each in wanted]
        for mine, theirs in zip(actual, wanted, strict=True):
            np.testing.assert_array_equal(mine, theirs)


def test_an_output_that_is_read_on_is_copied_if_asked(tmp_path):
    def function(x):
        middle = x * 2.0
        return [middle, middle + 1.0]

    before = flat.converted(function, [], x=((1, 3), "float32"))
    assert outputs.separate(schema.unpacked(before)) is False
    after = flat.rewritten(before, lambda model: outputs.separate(model, read_on=True))
    (tmp_path / "after").write_bytes(after)
    signature, = reader.read(tmp_path / "after").signatures
    assert not any(signature.graph.users(tensor) for tensor in signature.outputs.values())
    assert set(signature.graph.outputs) == set(signature.outputs.values())
    for mine, wanted in zip(flat.runner(after)(x=X), flat.runner(before)(x=X), strict=True):
        np.testing.assert_array_equal(mine, wanted)


def test_distinct_outputs_stay():
    flatbuffer = flat.converted(lambda x: [x + 1.0, x * 2.0], [], x=((1, 3), "float32"))
    assert outputs.separate(schema.unpacked(flatbuffer)) is False


def test_the_order_of_outputs_stays(tmp_path):
    before = flat.converted(lambda x: [x, x * 2.0, x + 1.0], [], x=((1, 3), "float32"))
    (tmp_path / "before").write_bytes(before)
    (tmp_path / "after").write_bytes(flat.rewritten(before, outputs.separate))
    old, new = (list(reader.read(tmp_path / path).signatures[0].outputs)
                for path in ("before", "after"))
    assert old == new
