"""Every architecture of `keras.applications` leaves by the house's own writer, equal to Keras."""

import keras
import pytest
from keras_applications import FAMILIES, build, examples
from written_models import check

FIRST = [names[0] for names in FAMILIES.values()]
OTHERS = [name for names in FAMILIES.values() for name in names[1:]]


def test_no_architecture_is_forgotten():
    known = {name for name in vars(keras.applications) if name[0].isupper()}
    assert known == {*FIRST, *OTHERS}


@pytest.mark.edge
@pytest.mark.parametrize("name", [
    *FIRST, *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)])
def test_an_architecture_leaves_as_keras_computes_it(name, tmp_path):
    model = build(name)
    check(model, examples(model), tmp_path)
    keras.backend.clear_session()
