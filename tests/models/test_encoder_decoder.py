"""`keras_seqattn.models.encoder_decoder` and what it has from `models.generator`."""

import keras
import numpy as np
import pytest

from keras_seqattn import decoding
from keras_seqattn.models.encoder_decoder import SIZES, transformer
from keras_seqattn.testing import check_error

VOCAB, LENGTH = 11, 7


def drawn(model, seed=0):
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        if np.issubdtype(np.dtype(keras.backend.standardize_dtype(weight.dtype)), np.floating):
            weight.assign(rng.normal(scale=0.4, size=weight.shape))
    return model


@pytest.fixture(scope="module")
def model():
    return drawn(transformer("nano", VOCAB, LENGTH, norm="pre", num_decoder_layers=2))


SOURCE = np.array([[4, 5, 6, 2, 0], [3, 4, 7, 8, 2]], "int32")
TOKENS = np.array([[1, 4, 5, 6], [1, 7, 8, 9]], "int32")


def arithmetic(num_layers, embed_dim, mlp_dim, vocab_size):
    """Weights of the paper's model, with biases in attention, norms of 2·D and one table."""
    attention = 4 * embed_dim * (embed_dim + 1)
    feed_forward = 2 * embed_dim * mlp_dim + mlp_dim + embed_dim
    norm = 2 * embed_dim
    encoder = attention + feed_forward + 2 * norm
    decoder = 2 * attention + feed_forward + 3 * norm
    return vocab_size * embed_dim + num_layers * (encoder + decoder)


@pytest.mark.parametrize(("size", "millions"), [("base", 63), ("big", 214)])
def test_the_papers_sizes_by_arithmetic(size, millions):
    """Its table 3 rounds to 65 and 213 million, with a vocabulary of about 37,000."""
    num_layers, _, embed_dim, mlp_dim = SIZES[size]
    assert round(arithmetic(num_layers, embed_dim, mlp_dim, 37_000) / 1e6) == millions


@pytest.mark.parametrize("size", sorted(SIZES))
def test_the_arithmetic_is_that_of_a_built_block(size):
    """One block of each size, so that the largest need not be built whole."""
    _, _, embed_dim, mlp_dim = SIZES[size]
    built = transformer(size, 7, 5, num_layers=1).count_params()
    assert built == arithmetic(1, embed_dim, mlp_dim, 7)


def test_a_last_norm_stands_behind_each_stack_of_the_pre_norm_form(model):
    extra = transformer("nano", 7, 5, norm="pre").count_params() - arithmetic(1, 16, 32, 7)
    assert extra == 2 * 2 * 16


def test_a_source_longer_than_the_model_is_refused(model):
    check_error(lambda: model({"source": np.ones((1, 9), "int32"), "tokens": TOKENS[:1]}),
                length=9, max_length=LENGTH)


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_steps_are_the_columns_of_the_full_pass(norm):
    model = drawn(transformer("nano", VOCAB, LENGTH, norm=norm))
    logits = np.asarray(model({"source": SOURCE, "tokens": TOKENS}))
    state = model.start(SOURCE)
    for position in range(TOKENS.shape[1]):
        column, state = model.step(keras.ops.convert_to_tensor(TOKENS[:, position]), state)
        np.testing.assert_allclose(column, logits[:, position], atol=1e-5)


def test_padding_changes_nothing(model):
    longer = np.pad(SOURCE, ((0, 0), (0, 2)))
    np.testing.assert_allclose(
        model({"source": longer, "tokens": np.pad(TOKENS, ((0, 0), (0, 2)))})[:, :4],
        model({"source": SOURCE, "tokens": TOKENS}), atol=1e-5)


def test_a_batch_of_padding_is_finite(model):
    empty = np.zeros((2, 3), "int32")
    assert np.all(np.isfinite(model({"source": empty, "tokens": empty})))


def test_order_of_the_source_matters(model):
    swapped = SOURCE[:, [1, 0, 2, 3, 4]]
    assert np.abs(np.asarray(model({"source": swapped, "tokens": TOKENS}))
                  - np.asarray(model({"source": SOURCE, "tokens": TOKENS}))).max() > 1e-3


@pytest.mark.parametrize(("method", "options"), [("greedy", {}), ("beam", {"width": 3})])
def test_cached_decoding_writes_what_rerunning_the_prefix_writes(model, method, options):
    """`step` that runs the whole prefix again, without any cache."""
    ops = keras.ops

    def step(tokens, state):
        position, source, written = state
        place = ops.cast(ops.equal(ops.arange(LENGTH), position), "int32")
        written = written + ops.expand_dims(tokens, 1) * place
        logits = model({"source": source, "tokens": written})
        return ops.take(logits, position, axis=1), (position + 1, source, written)

    state = (ops.array(0, "int32"), ops.array(SOURCE), ops.zeros((2, LENGTH), "int32"))
    slow = decoding.compiled(lambda: getattr(decoding, method)(
        step, ops.array([1, 1], "int32"), state, end=2, max_length=LENGTH, **options),
        model.variables)()
    fast = model.generate(SOURCE, method, **options)
    np.testing.assert_array_equal(fast.tokens, slow.tokens)
    np.testing.assert_allclose(fast.scores, slow.scores, rtol=1e-4)


def test_generation_sees_new_weights():
    model = drawn(transformer("nano", VOCAB, LENGTH), seed=1)
    before = model.generate(SOURCE).scores
    drawn(model, seed=2)
    again = model.generate(SOURCE).scores
    assert np.abs(before - again).max() > 1e-3
    np.testing.assert_array_equal(again, model.generate(SOURCE).scores)


def test_sampling_follows_its_seed(model):
    first, second, other = (model.generate(SOURCE, "sample", seed=seed, top_k=5).tokens
                            for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_write_gives_the_best_sequence(model):
    np.testing.assert_array_equal(model.write(SOURCE), model.generate(SOURCE).tokens)
    np.testing.assert_array_equal(
        model.write(SOURCE, beam=2), model.generate(SOURCE, "beam", width=2).tokens[:, 0])


def test_saves_and_loads(model, tmp_path):
    model.save(tmp_path / "model.keras")
    copy = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(copy({"source": SOURCE, "tokens": TOKENS}),
                                  model({"source": SOURCE, "tokens": TOKENS}))
    np.testing.assert_array_equal(copy.generate(SOURCE).tokens, model.generate(SOURCE).tokens)


@pytest.mark.parametrize(("arguments", "received"), [
    ({"size": "bsae"}, {"size": "bsae"}), ({"num_heads": 5}, {"num_heads": 5, "embed_dim": 16}),
    ({"dropout": 1.0}, {"dropout": 1.0}), ({"max_length": 0}, {"max_length": 0})])
def test_bad_arguments(arguments, received):
    check_error(lambda: transformer(**{"size": "nano", "vocab_size": 7, "max_length": 5,
                                       **arguments}), **received)


@pytest.mark.parametrize(("options", "received"), [
    ({"method": "gready"}, {"method": "gready"}), ({"max_length": 8}, {"max_length": 8}),
    ({"method": "beam", "width": 12}, {"width": 12, "vocab_size": VOCAB}),
    ({"method": "beam", "width": 0}, {"width": 0})])
def test_bad_generation(model, options, received):
    check_error(lambda: model.generate(SOURCE, **options), **received)
