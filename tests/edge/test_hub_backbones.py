"""KerasHub's backbones, built small, leave by the house's own writer, equal to Keras."""

import keras
import pytest
from hub_backbones import BACKBONES, build, examples
from written_models import check

pytest.importorskip("keras_hub", reason="KerasHub is not installed: pip install keras-hub")


# KerasHub's own: attention that takes a mask as an argument is no layer that supports masking.
@pytest.mark.filterwarnings("ignore:.*was passed an input with a mask attached:UserWarning")
@pytest.mark.edge
@pytest.mark.parametrize("name", BACKBONES)
def test_a_backbone_leaves_as_keras_computes_it(name, tmp_path):
    model = build(name)
    check(model, examples(model), tmp_path)
    keras.backend.clear_session()
