"""`keras_seqattn.edge.tflite.write.tokens`: what Transformers are made of."""

import pytest
from written import check_kind, examples

from keras_seqattn.edge.tflite.write import tokens

pytestmark = pytest.mark.edge


@pytest.mark.parametrize(("kind", "example"), examples(tokens.WRITERS))
def test_the_file_computes_what_the_kind_does(kind, example, tmp_path):
    check_kind(kind, example, tmp_path / "x.tflite")
