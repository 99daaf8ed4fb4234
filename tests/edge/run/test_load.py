"""`keras_seqattn.edge.run.load`: what is loaded once serves many threads."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tiny_tflite

from keras_seqattn import edge

pytestmark = pytest.mark.edge
THREADS, CALLS = 8, 12


def under_load(answer, asked):
    """Asks for everything `CALLS` times from `THREADS` threads; returns the answers to each."""
    with ThreadPoolExecutor(THREADS) as pool:
        given = list(pool.map(answer, asked * CALLS))
    return [given[i::len(asked)] for i in range(len(asked))]


@pytest.mark.parametrize("make", [edge.load, lambda file: edge.load(file, threads=1)],
                         ids=["two threads each", "one thread each"])
def test_each_thread_gets_the_answer_to_its_own_input(tmp_path, rng, make):
    """Products long enough that other threads come in between."""
    import tensorflow as tf

    weights = rng.normal(size=(127, 127)).astype("float32") / np.sqrt(127)

    def function(x):
        for _ in range(7):
            x = tf.tanh(x @ weights)
        return x

    runner = make(tiny_tflite.write(tmp_path / "x.tflite", function, x=(1, 61, 127)))
    asked = [rng.normal(size=(3, 61, 127)).astype("float32") for _ in range(11)]
    alone = [runner(each) for each in asked]
    for own, given in zip(alone, under_load(runner, asked), strict=True):
        for each in given:
            np.testing.assert_array_equal(each, own)


def test_each_thread_gets_the_translation_of_its_own_text(translator):
    """Greedy and by beams at once, so each signature is opened while others run."""
    asked = [(text, beam) for text in translator.sources[:17] for beam in (1, 3)]
    alone = [edge.load(translator.file).translate(*each) for each in asked]
    writer = edge.load(translator.file)
    for own, given in zip(alone, under_load(lambda each: writer.translate(*each), asked),
                          strict=True):
        assert set(given) == {own}
    assert len(set(alone)) > 1
