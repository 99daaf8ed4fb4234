"""`keras_seqattn.cli.write`: what the commands print about pictures and texts."""

import json

import pytest

pytestmark = pytest.mark.edge


@pytest.mark.filterwarnings("default")
def test_classify_says_that_it_converted(folder, seqattn):
    code, out, err = seqattn("classify", folder / "model.tflite", folder / "grey.png",
                             "--top", 2, "--json")
    assert code == 0
    ranked = json.loads(out)[str(folder / "grey.png")]
    assert len(ranked) == 2
    assert ranked[0][1] >= ranked[1][1]
    assert "note: a picture stored as L was converted to 8-bit RGB" in err
