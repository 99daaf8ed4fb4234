"""`keras_seqattn.edge.run.writer`: from a text or a picture to the words of the Keras model."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest

from keras_seqattn import data, edge
from keras_seqattn.edge.contract.pixels import normalise
from keras_seqattn.testing import check_error

pytestmark = pytest.mark.edge
TEXTS = ["the cat sat here", "low mats are on the mat?", "we lower lowest and here", "we are here"]


def expected(made, sources):
    """What the Keras model writes, greedily and by the beam of the file."""
    sources = np.asarray(sources)
    return ([made.tokenizer.decode(row) for row in made.model.generate(sources).tokens],
            [made.tokenizer.decode(row[0])
             for row in made.model.generate(sources, "beam", width=3).tokens])


def test_translations_are_the_models(translator):
    writer = edge.load(translator.file)
    sources = writer.padded([translator.tokenizer.sequence(text, 13)[0] for text in TEXTS])
    greedy, beam = expected(translator, sources)
    assert [writer.translate(text) for text in TEXTS] == greedy
    assert [writer.translate(text, beam=3) for text in TEXTS] == beam
    assert len(set(greedy)) > 1      # the source matters
    assert greedy != beam


def test_captions_are_the_models(describer):
    writer = edge.load(describer.file)
    pixels = np.stack([data.decode(each, (5, 7)) for each in describer.pictures])
    greedy, beam = expected(describer, normalise(pixels, 127.5, 127.5))
    assert [writer.caption(each) for each in describer.pictures] == greedy
    assert [writer.caption(each.read_bytes(), beam=3) for each in describer.pictures] == beam
    assert len(set(greedy)) > 1
    assert greedy != beam


def test_many_sources_at_once(translator):
    writer = edge.load(translator.file)
    sources = writer.padded([[7, 11, 2], [5, 2], list(range(4, 23))])
    assert sources.tolist()[1:] == [[5, 2] + [0] * 11, list(range(4, 17))]
    for beam in (1, 3):
        np.testing.assert_array_equal(writer.write(sources, beam),
                                      translator.model.write(sources, beam))
    assert writer.max_length == translator.model.max_length == 13


def test_steps_led_by_hand_write_what_the_file_writes(describer):
    writer = edge.load(describer.file)
    images = np.random.default_rng(3).uniform(-1, 1, (1, 5, 7, 3)).astype("float32")
    state, token, written = writer.signature("encode", images), np.array([1], "int32"), []
    while len(written) < 11 and token[0] != 2:
        given = writer.signature("decode_step", token, **state)
        token = given.pop("logits").argmax(-1).astype("int32")
        state |= given
        written.append(int(token[0]))
    decoded = writer.run(images)
    assert written == decoded.tokens[0, :decoded.lengths[0]].tolist()


def test_what_is_cut_off_is_told(translator):
    writer = edge.load(translator.file)
    whole = " ".join(["here"] * 12)                  # 12 tokens and the end are 13
    with pytest.warns(UserWarning, match="3 tokens more than the 12"):
        cut = writer.translate(whole + " here" * 3)
    assert cut == writer.translate(whole)


def test_what_the_model_never_saw_is_told(translator):
    with pytest.warns(UserWarning, match="never saw 'X', 'é'"):
        assert edge.load(translator.file).translate("the Xé cat X")


@pytest.mark.parametrize("text", ["", " \n\t"])
def test_nothing_becomes_nothing(translator, text):
    assert edge.load(translator.file).translate(text) == ""


def test_mistakes(translator, describer, tmp_path):
    texts, pictures = edge.load(translator.file), edge.load(describer.file)
    check_error(lambda: texts.caption(describer.pictures[0]), source="tokens")
    check_error(lambda: pictures.translate("we are here"), source="image")
    check_error(lambda: texts.translate("we", beam=2), beam=2, beam_width=3)
    check_error(lambda: texts.translate("we", beam=0), beam=0)
    (tmp_path / "x.png").write_bytes(b"no picture")
    check_error(lambda: pictures.caption(tmp_path / "x.png"), image=str(tmp_path / "x.png"))


def test_neither_keras_nor_tensorflow_is_needed(translator, describer):
    code = ("import sys; sys.modules |= dict.fromkeys(['keras', 'tensorflow', 'jax', 'torch']); "
            "from keras_seqattn import edge; "
            f"print(edge.load({str(translator.file)!r}).translate('we are here', 3)); "
            f"print(edge.load({str(describer.file)!r}).caption({str(describer.pictures[0])!r}))")
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                            cwd=pathlib.Path(__file__).parents[3], check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [edge.load(translator.file).translate("we are here", 3),
                                          edge.load(describer.file).caption(describer.pictures[0])]
