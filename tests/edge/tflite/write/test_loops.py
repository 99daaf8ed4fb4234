"""`keras_seqattn.edge.tflite.write.loops`: loops of decoding, in a file as in Keras."""

import pytest
from written import check_kind, examples

from keras_seqattn.edge.tflite.write import loops

pytestmark = pytest.mark.edge


@pytest.mark.parametrize(("kind", "example"), examples(loops.WRITERS))
def test_the_file_computes_what_the_kind_does(kind, example, tmp_path):
    check_kind(kind, example, tmp_path / "x.tflite")
