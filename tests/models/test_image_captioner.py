"""`keras_seqattn.models.image_captioner`."""

import keras
import numpy as np
import pytest
from arrays import array, assert_close, normal

from keras_seqattn.models import captioner
from keras_seqattn.testing import check_error
from keras_seqattn.training.tasks.losses import TokenCrossentropy

SIZES = {"vocab_size": 13, "max_length": 5, "embed_dim": 3, "units": 7, "attention_dim": 2}
TOKENS = np.array([[1, 7, 4, 2, 0], [1, 12, 5, 9, 2]], "int32")


def _backbone(*output_axes):
    """A model of 8×12 images whose output has the axes that are asked for."""
    images = keras.Input((8, 12, 3))
    features = keras.layers.Conv2D(5, 4, 4)(images)                              # (B, 2, 3, 5)
    return keras.Model(images, keras.layers.Reshape(output_axes)(features), name="backbone")


@pytest.fixture
def images(rng):
    return normal(rng, 2, 8, 12, 3)


@pytest.mark.parametrize(("encoder", "grid"), [
    ("conv", (1, 2)), ("nano", (2, 3)), (_backbone(2, 3, 5), (2, 3)), (_backbone(6, 5), (2, 3)),
], ids=["conv", "vit", "grid", "sequence"])
def test_every_encoder_gives_its_grid(encoder, grid):
    model = captioner(encoder, **SIZES, image_shape=(8, 12, 3), patch_size=4)
    assert model.grid == grid
    assert model.output_shape == (None, None, 13)
    assert model.get_layer("parts").output.shape[1] == grid[0] * grid[1]


def test_parameters_by_arithmetic():
    """The encoder's convolutions and the writer's matrices, as the papers lay them out."""
    model = captioner(vocab_size=13, embed_dim=3, units=7, attention_dim=2)
    pairs = [(3, 32), (32, 64), (64, 64), (64, 64), (64, 128), (128, 128), (128, 128)]
    encoder = sum(9 * before * after + 4 * after for before, after in pairs)
    lstm = 4 * 7 * (3 + 128 + 7 + 1)
    attention = 128 * 2 + (7 + 1) * 2 + 2 + (7 + 1)
    start, deep = 2 * (128 + 1) * 7, 7 * 3 + 128 * 3
    words = 13 * 3 + (3 + 1) * 13
    assert model.count_params() == encoder + lstm + attention + start + deep + words


@pytest.mark.parametrize("attention", [True, False])
def test_saves_loads_and_steps_as_it_is_called(attention, images, tmp_path):
    model = captioner(_backbone(2, 3, 5), **SIZES, attention=attention)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    logits = model({"images": images, "tokens": TOKENS})
    state = again.start(images)
    for t in range(TOKENS.shape[1]):
        column, state = again.step(TOKENS[:, t], state)
        assert_close(column, logits[:, t])


def test_learns_to_tell_two_pictures_apart(images):
    """Plain compile and fit, then captions from the trained model."""
    model = captioner(_backbone(2, 3, 5), **SIZES, attention_penalty=0.01, scheduled_sampling=0.1,
                      seed=3)
    model.compile(keras.optimizers.Adam(0.1), TokenCrossentropy())
    model.fit({"images": images, "tokens": TOKENS[:, :-1]}, TOKENS[:, 1:], epochs=30, verbose=0)
    written = [TOKENS[0, 1:4].tolist(), TOKENS[1, 1:].tolist()]
    assert [row[row > 0].tolist() for row in model.generate(images).tokens] == written


def test_padding_only_batches_weigh_nothing(images):
    model = captioner(_backbone(2, 3, 5), **SIZES)
    model.compile("sgd", TokenCrossentropy())
    before = [array(weight) for weight in model.trainable_weights]
    nothing = np.zeros((2, 4), "int32")
    loss = model.train_on_batch({"images": images, "tokens": nothing}, nothing)
    assert float(loss) == 0.0
    for weight, old in zip(model.trainable_weights, before, strict=True):
        assert_close(weight, old, atol=0)


@pytest.mark.parametrize(("arguments", "received"), [
    ({"encoder": "cnov"}, {"encoder": "cnov"}),
    ({"max_length": 0}, {"max_length": 0}),
    ({"vocab_size": 0}, {"vocab_size": 0}),
])
def test_wrong_arguments(arguments, received):
    check_error(lambda: captioner(**{**SIZES, **arguments}), **received)


def test_an_encoder_must_not_pool():
    check_error(lambda: captioner(_backbone(30), **SIZES), output_shape=(None, 30))
