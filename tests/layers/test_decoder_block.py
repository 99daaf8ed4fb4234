"""`keras_seqattn.layers.decoder_block`."""

import numpy as np
import pytest

from keras_seqattn.layers import TransformerDecoderBlock
from keras_seqattn.testing import check_error, check_layer


def _decoder(rng, memory=True, **arguments):
    block = TransformerDecoderBlock(num_heads=2, mlp_dim=7, **arguments)
    x = rng.normal(size=(2, 5, 6)).astype("float32")
    read = rng.normal(size=(2, 11, 3)).astype("float32") if memory else None
    block.build(x.shape, read.shape if memory else None)
    for weight in block.weights:
        weight.assign(rng.normal(scale=0.5, size=weight.shape))
    return block, x, read


@pytest.mark.parametrize(("arguments", "num_weights"), [
    ({"norm": "post", "activation": "relu", "dropout": 0.3, "drop_path": 0.1, "seed": 3}, 16),
    ({"normalization": "rms"}, 14),
    ({"num_kv_heads": 1, "key_dim": 5, "use_bias": False}, 10)])
def test_decoder_contract_without_a_memory(arguments, num_weights):
    check_layer(TransformerDecoderBlock, {"num_heads": 2, "mlp_dim": 7, **arguments}, (5, 7, 12),
                (5, 7, 12), num_weights, unmoved=("key/bias",))


@pytest.mark.parametrize("memory", [True, False])
@pytest.mark.parametrize("norm", ["pre", "post"])
def test_steps_with_a_cache_are_the_columns_of_the_full_pass(norm, memory):
    rng = np.random.default_rng(11)
    block, x, read = _decoder(rng, memory, norm=norm)
    mask = np.arange(11)[None] < np.array([[4], [11]]) if memory else None
    full = np.asarray(block(x, read, memory_mask=mask))
    cache = block.start(2, 7, read)  # room for more than is written
    for position in range(5):
        column, cache = block.step(x[:, position:position + 1], cache, position, mask)
        np.testing.assert_allclose(column[:, 0], full[:, position], atol=1e-5)


@pytest.mark.parametrize("cut", [0, 2, 4])
def test_a_step_reads_several_tokens_as_the_full_pass_does(cut):
    rng = np.random.default_rng(11)
    block, x, read = _decoder(rng)
    full, cache = np.asarray(block(x, read)), block.start(2, 7, read)
    for first, last in ((0, cut), (cut, 5)):
        columns, cache = block.step(x[:, first:last], cache, first)
        np.testing.assert_allclose(columns, full[:, first:last], atol=1e-5)


def test_a_decoder_reads_the_past_and_all_of_the_memory():
    rng = np.random.default_rng(12)
    block, x, read = _decoder(rng)
    before = np.asarray(block(x, read))
    later = x.copy()
    later[:, 3:] += 5.0
    np.testing.assert_allclose(np.asarray(block(later, read))[:, :3], before[:, :3], atol=1e-5)
    changed = read.copy()
    changed[:, 10] += 5.0
    assert np.all(np.abs(np.asarray(block(x, changed)) - before).max(axis=(0, 2)) > 1e-3)


def test_padding_of_a_memory_is_not_read():
    rng = np.random.default_rng(13)
    block, x, read = _decoder(rng)
    mask = np.arange(11)[None] < np.array([[7], [7]])
    np.testing.assert_allclose(block(x, read, memory_mask=mask), block(x, read[:, :7]), atol=1e-5)


def test_decoder_scores_are_those_of_the_memory():
    rng = np.random.default_rng(14)
    block, x, read = _decoder(rng)
    output, scores = block(x, read, return_attention_scores=True)
    np.testing.assert_allclose(output, block(x, read), atol=1e-6)
    assert tuple(scores.shape) == (2, 2, 5, 11)
    np.testing.assert_allclose(np.sum(scores, axis=-1), 1.0, atol=1e-5)
    _, _, stepped = block.step(x[:, :1], block.start(2, 5, read), 0, return_attention_scores=True)
    np.testing.assert_allclose(stepped[:, :, 0], np.asarray(scores)[:, :, 0], atol=1e-5)


def test_decoder_weights_are_counted():
    block, *_ = _decoder(np.random.default_rng(0), use_bias=False)
    assert block.count_params() == 6 * 36 + 2 * 6 * 3 + 2 * 6 * 7 + 3 * 2 * 6


def test_a_memory_that_is_no_sequence_is_refused():
    check_error(lambda: TransformerDecoderBlock(2, 7)(np.ones((2, 5, 6)), np.ones((2, 3))),
                input_shape=(2, 3))


def test_a_memory_comes_in_every_call_or_in_none():
    rng = np.random.default_rng(17)
    with_memory, x, read = _decoder(rng)
    without, *_ = _decoder(rng, memory=False)
    check_error(lambda: with_memory(x), memory=None)
    check_error(lambda: without(x, read), built_with=None)
    check_error(lambda: with_memory.start(2, 7), memory=None)
    check_error(lambda: without.start(2, 7, read), built_with=None)
    check_error(lambda: with_memory.step(x[:, :1], without.start(2, 7), 0))
    check_error(lambda: without.step(x[:, :1], with_memory.start(2, 7, read), 0))


@pytest.mark.parametrize("batch", [1, 3])
def test_a_memory_of_another_batch_width_or_mask(batch):
    rng = np.random.default_rng(18)
    block, x, read = _decoder(rng)
    other = rng.normal(size=(batch, 11, 3)).astype("float32")
    check_error(lambda: block(x, other), value_shape=(batch, 11, 3))
    check_error(lambda: block(x, np.concatenate([read, read], -1)), memory_shape=(2, 11, 6))
    for name, shape in (("memory_mask", (2, 5)), ("inputs_mask", (2, 11))):
        check_error(lambda name=name, shape=shape: block(
            x, read, **{name: np.ones(shape, bool)}), **{f"{name}_shape": shape})
