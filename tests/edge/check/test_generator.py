"""`keras_seqattn.edge.check.generator`: a file that writes holds, one of other weights does not."""

import numpy as np
import pytest

from keras_seqattn import edge, models
from keras_seqattn.testing import check_error

pytestmark = pytest.mark.edge


@pytest.fixture(scope="module")
def sources(translator):
    known = translator.tokenizer
    return [known.sequence(text, 13)[0] for text in translator.sources[:7]]


def test_a_sound_file_holds(translator, sources):
    report = edge.verify(translator.file, translator.model, sources)
    assert report.failures == []
    assert report.top1_agreement == 1.0
    assert report.max_abs_errors == {"logits": report.max_abs_error}
    assert "of 7 sources, 100.0% are written alike by greedy decoding and 100.0%" in " ".join(
        report.notes)
    assert report.latency["tokens_per_s"] > 0


def test_a_file_of_other_weights_fails(translator, sources):
    """One matrix with its signs turned: greedy and beam write other tokens."""
    other = models.seq2seq(translator.tokenizer.vocab_size, 13, embed_dim=11, units=13)
    other.set_weights([
        -each if i == 2 else each for i, each in enumerate(translator.model.get_weights())])
    report = edge.verify(translator.file, other, sources)
    assert any("error of logits" in failure for failure in report.failures)
    assert any("greedy writes other tokens" in failure for failure in report.failures)
    assert any("beam writes other tokens" in failure for failure in report.failures)
    assert report.top1_agreement < 1


def test_what_writes_is_held_against_what_writes(translator):
    check_error(lambda: edge.verify(translator.file, lambda x: np.asarray(x)), file_writes=True)
