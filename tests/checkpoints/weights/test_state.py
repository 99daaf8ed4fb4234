"""Files of weights that are none."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from keras_seqattn.checkpoints.weights.state import State
from keras_seqattn.testing import check_error


def test_files_that_are_none(tmp_path):
    path = tmp_path / "weights.safetensors"
    check_error(lambda: State(path), file=str(path))
    path.write_bytes(b"not a file of weights")
    check_error(lambda: State(path), file=str(path))


def test_arrays_are_read_as_float32(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file({"part.weight": np.arange(3, dtype="float16")}, path)
    array = State(str(path)).under("part.").take("weight", 3)
    assert array.dtype == "float32"
    assert array.tolist() == [0, 1, 2]


@pytest.mark.parametrize(("keys", "count"), [([], 0), (["l0.a", "l10.a", "xl20.a"], 11)])
def test_layers_are_counted_by_their_highest_index(keys, count):
    assert State(dict.fromkeys(keys)).count("l") == count


def test_what_is_left_is_named_but_for_what_is_ignored():
    state = State({"a": np.ones(2), "b.c": np.ones(3), "b.d": np.ones(3)})
    state.under("b.").take("c", 3)
    check_error(state.finish, keys=["a", "b.d"], number=2)
    check_error(lambda: state.finish("b.*"), keys=["a"], number=1)
    state.finish("a|b.*")
    check_error(lambda: state.under("b.").shape("c", 2), key="b.c", shape=(3,))


def test_only_what_bears_the_prefix_must_have_a_place():
    """A larger model may hold anything besides."""
    state = State({"net.a": np.ones(2), "net.b": np.ones(2), "loss": np.ones(3)})
    part = state.under("net.")
    part.take("a", 2)
    check_error(part.finish, keys=["net.b"], number=1)
    part.finish("b")
    assert part.unused == ["loss", "net.b"]


class _Tensor:
    """What a tensor of PyTorch is to this library: bfloat16 is no type that NumPy takes from it."""

    shape = (2,)

    def __array__(self, *args, **kwargs):
        raise TypeError("unsupported ScalarType BFloat16")

    def detach(self):
        return self

    cpu = contiguous = float = detach

    def is_floating_point(self):
        return True

    def numpy(self):
        return np.array([1.5, 2.5], "float32")


def test_tensors_in_memory_are_read_as_those_of_files():
    state = State({"module.a": _Tensor()})
    assert state.shape("a", 1) == (2,)
    assert state.take("a", 2).tolist() == [1.5, 2.5]
