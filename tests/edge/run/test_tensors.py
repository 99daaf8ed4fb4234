"""`keras_seqattn.edge.run.tensors`: what is given becomes what a file takes, and back."""

import numpy as np
import pytest

from keras_seqattn.edge.run import tensors
from keras_seqattn.testing import check_error


def _details(**shapes):
    return {name: {"shape": shape, "dtype": np.float32} for name, shape in shapes.items()}


A, B = np.ones((3, 5), "float32"), np.full((3, 7), 2, "float32")


@pytest.mark.parametrize("given", [
    {"u_a": A, "u_b": B}, {"u": {"a": A, "b": B}}, [A, B], (A, B), [[A], B], [[A, B]],
    [{"b": B, "a": A}], {"u": {"a": A.tolist(), "b": B.tolist()}}])
def test_structures_become_names(given):
    arrays, places = tensors.taken(given, [_details(u_a=(1, 5), u_b=(1, 7))])
    assert places == [0]
    np.testing.assert_array_equal(arrays["u_a"], A)
    np.testing.assert_array_equal(arrays["u_b"], B)


def test_lists_in_a_dictionary_are_inputs_where_no_input_has_the_key():
    arrays, _ = tensors.taken({"l": [A, B]}, [_details(l_0=(1, 5), l_1=(1, 7))])
    assert {name: array.shape for name, array in arrays.items()} == {"l_0": (3, 5), "l_1": (3, 7)}
    arrays, _ = tensors.taken({"l": [[1, 2], [3, 4]]}, [_details(l=(1, 2))])
    assert arrays["l"].tolist() == [[1, 2], [3, 4]]


def test_every_signature_that_fits_is_found():
    known = [_details(x=(1, 5)), _details(x=(4, 5)), _details(x=(1, 7))]
    assert tensors.taken(A, known)[1] == [0, 1]
    assert tensors.taken(B, known)[1] == [2]
    check_error(lambda: tensors.taken(np.ones((3, 11)), known), inputs={"x": (3, 11)},
                file_inputs=[{"x": (5,)}, {"x": (7,)}])


def test_runs_are_joined_without_the_copies_behind_them():
    runs = [({"y": np.array([[1], [2]]), "all": np.float32(3)}, 2, 2),
            ({"y": np.array([[4]]), "all": np.float32(4)}, 1, 1),
            ({"y": np.array([[5], [5]]), "all": np.float32(5)}, 2, 1)]
    joined = tensors.joined(runs)
    assert joined["y"].tolist() == [[1], [2], [4], [5]]
    assert joined["all"].tolist() == [3, 4, 5]
