"""`keras_seqattn.training.tasks.classifier`."""

import keras
import numpy as np
import pytest
from arrays import array, normal

from keras_seqattn import data, models, training
from keras_seqattn.data.batches import Batches, scale
from keras_seqattn.training.optimizer.optimizer import UNDECAYED
from keras_seqattn.training.recipe.reading import check
from keras_seqattn.training.tasks.classifier import CLASSIFIER, Accuracy, pixel_statistics, split

CLASSES = ("dark", "light")


def _examples(rng, count):
    images = rng.integers(256, size=(count, 5, 7, 3)).astype("uint8")
    return data.LabelledImages(images, np.arange(count, dtype="int32") % 2, CLASSES)


def test_a_share_of_the_training_images_is_kept_for_validation(make_recipe):
    training, validation = CLASSIFIER.load(make_recipe(data={"validation": 0.2}))
    assert (len(training), len(validation)) == (32, 8)


def test_validation_on_the_split_of_the_source(make_recipe, source):
    training, validation = CLASSIFIER.load(make_recipe(data={"validation": "split"}))
    assert (len(training), len(validation)) == (40, 6)
    expected = data.load(source, "validation", (16, 16, 3))
    np.testing.assert_array_equal(validation.images, expected.images)


def test_unreadable_pictures_are_left_out_when_asked(make_recipe, tmp_path):
    (tmp_path / "data/train/dark/0.png").write_bytes(b"no picture")
    recipe = make_recipe(data={"validation": 0.0})
    training, validation = CLASSIFIER.load(recipe, skip_bad=True)
    assert (len(training), training.skipped, validation) == (39, 1, None)
    with pytest.raises(data.images.Unreadable, match="--skip-bad"):
        CLASSIFIER.load(recipe)


def test_split_keeps_every_example_once(rng):
    examples = _examples(rng, 41)
    kept, cut = split(examples, 0.25, seed=3)
    assert (len(kept), len(cut)) == (31, 10)
    together = sorted(image.tobytes() for part in (kept, cut) for image in part.images)
    assert together == sorted(image.tobytes() for image in examples.images)
    places = {image.tobytes(): label for image, label in zip(
        examples.images, examples.labels, strict=True)}
    assert all(places[image.tobytes()] == label for part in (kept, cut)
               for image, label in zip(part.images, part.labels, strict=True))


def test_split_follows_from_the_seed(rng):
    examples = _examples(rng, 41)
    first, twin, other = (split(examples, 0.25, seed)[1].images for seed in (3, 3, 5))
    np.testing.assert_array_equal(first, twin)
    assert (first != other).any()


@pytest.mark.parametrize("share", [0.0, 0.02])
def test_a_share_of_nothing_is_no_validation(rng, share):
    examples = _examples(rng, 41)
    kept, cut = split(examples, share, seed=3)
    assert (len(kept), cut) == (41, None)


def test_pixel_statistics_are_those_of_all_pixels(rng):
    examples = _examples(rng, 503)
    examples.images[..., 1] //= 3
    found = pixel_statistics(examples)
    pixels = scale(examples.images).astype("float64")
    np.testing.assert_allclose(found["pixel_mean"], pixels.mean((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(found["pixel_std"], pixels.std((0, 1, 2)), rtol=1e-5)


def test_pixel_statistics_of_the_first_examples(rng):
    examples = _examples(rng, 503)
    limited, first = pixel_statistics(examples, limit=11), examples.take(np.arange(11))
    assert limited == pixel_statistics(first) != pixel_statistics(examples)


def test_a_channel_of_one_value_can_be_divided_by(rng):
    examples = _examples(rng, 3)
    examples.images[..., 2] = 51
    found = pixel_statistics(examples)
    assert found["pixel_mean"][2] == pytest.approx(-0.6)
    assert found["pixel_std"][2] == pytest.approx(1e-3)


def test_a_standardised_model_takes_the_usual_scale(make_recipe):
    """Its first layer brings the training images to mean 0 and deviation 1, channel by channel."""
    recipe = make_recipe(data={"validation": 0.0})
    examples, _ = CLASSIFIER.load(recipe)
    model = CLASSIFIER.build(recipe, examples)
    inner = keras.Model(model.input, model.get_layer("standardise").output)
    standard = array(inner(scale(examples.images)))
    np.testing.assert_allclose(standard.mean(axis=(0, 1, 2)), np.zeros(3), atol=1e-4)
    np.testing.assert_allclose(standard.std(axis=(0, 1, 2)), np.ones(3), atol=1e-4)


def test_a_model_that_starts_from_another_standardises_as_that_one_does(
        make_recipe, tmp_path, rng):
    given = {"pixel_mean": [0.1, 0.2, 0.3], "pixel_std": [0.5, 0.6, 0.7]}
    recipe = make_recipe(train={"start": str(tmp_path / "start.keras"), "freeze": ("patches",)})
    start = recipe.model.build(7, **given)
    start.set_weights([normal(rng, *weight.shape) for weight in start.weights])
    start.save(tmp_path / "start.keras")
    model = CLASSIFIER.build(recipe, CLASSIFIER.load(recipe)[0])
    found = models.pixel_statistics(model)
    for name, values in given.items():
        assert found[name] == pytest.approx(values)
    np.testing.assert_array_equal(
        model.get_layer("norm").get_weights()[0], start.get_layer("norm").get_weights()[0])
    assert model.output_shape == (None, 2)
    assert not model.get_layer("patches").trainable_weights


def _dense():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])


def _rate_at(optimizer, step):
    next(each for each in optimizer.variables if each.name == "iteration").assign(step)
    return float(optimizer.learning_rate)


@pytest.mark.parametrize("accumulate", [None, 4])
def test_learning_rate_rises_then_falls_to_zero(make_recipe, accumulate):
    """Also where 4 steps make one update: Keras counts steps."""
    settings = make_recipe(
        train={"warmup": 0.2, "learning_rate": 0.5, "accumulate": accumulate}).train
    model = _dense()
    CLASSIFIER.compile_model(model, settings, num_steps=100 * (accumulate or 1))
    rate = [_rate_at(model.optimizer, step * (accumulate or 1)) for step in range(101)]
    assert rate[0] == 0.0
    assert rate[10] == pytest.approx(0.25)
    assert rate[20] == pytest.approx(0.5)
    assert rate[60] == pytest.approx(0.25)
    assert rate[100] == pytest.approx(0.0, abs=1e-6)


def test_without_warmup_the_rate_begins_at_its_peak(make_recipe):
    model = _dense()
    settings = make_recipe(train={"warmup": 0.0, "learning_rate": 0.5}).train
    CLASSIFIER.compile_model(model, settings, 100)
    assert [_rate_at(model.optimizer, step) for step in (0, 50)] == [
        pytest.approx(0.5), pytest.approx(0.25)]


def test_settings_reach_the_optimizer_and_the_loss(make_recipe):
    settings = make_recipe(train={
        "weight_decay": 0.3, "beta_2": 0.9, "clip_norm": None, "average": 0.75,
        "accumulate": 3, "label_smoothing": 0.2}).train
    model = _dense()
    CLASSIFIER.compile_model(model, settings, 30)
    optimizer = model.optimizer
    assert (optimizer.weight_decay, optimizer.beta_2, optimizer.clip_norm) == (0.3, 0.9, None)
    assert (optimizer.use_ema, optimizer.ema_momentum) == (True, 0.75)
    assert optimizer.gradient_accumulation_steps == 3
    # Logits ln 3 and 0 are shares 3/4 and 1/4; the label is 0.9 of the first, 0.1 of the other.
    loss = model.loss(np.array([[1.0, 0.0]]), np.array([[np.log(3), 0.0]], "float32"))
    assert float(loss) == pytest.approx(-0.9 * np.log(3 / 4) - 0.1 * np.log(1 / 4), rel=1e-5)


@pytest.mark.parametrize("settings", [{"pooling": "token"}, {"stem": "conv", "pooling": "mean"}])
def test_only_matrices_decay(make_recipe, settings):
    model = models.vit("nano", 8, (16, 16, 3), 2, num_layers=1, **settings)
    CLASSIFIER.compile_model(model, make_recipe().train, num_steps=10)
    assert model.optimizer.decayed == {weight.path for weight in model.trainable_weights
                                       if weight.path.endswith("kernel")}
    assert {w.name for w in model.trainable_weights} - {"kernel"} <= UNDECAYED


def test_rates_fall_from_the_head_to_the_pixels_when_asked(make_recipe):
    model = models.vit("nano", 8, (16, 16, 3), 2, num_layers=1)
    CLASSIFIER.compile_model(model, make_recipe(train={"layer_decay": 0.5}).train, num_steps=10)
    assert model.optimizer.shares["patches/projection/kernel"] == 0.25
    assert model.optimizer.shares["logits/kernel"] == 1.0


def test_accuracy_counts_real_examples_only_and_each_once():
    metric = Accuracy()
    labels = np.eye(2)[[0, 0, 1, 1]]
    answers = np.eye(2)[[0, 1, 1, 0]]  # right, wrong, right, wrong
    metric.update_state(labels, answers, np.array([5 / 3, 5 / 3, 5 / 3, 0.0]))
    assert float(metric.result()) == pytest.approx(2 / 3)
    metric.update_state(labels, answers, np.array([0.1, 0.0, 0.0, 0.0]))
    assert float(metric.result()) == pytest.approx(3 / 4)
    metric.update_state(labels, answers)
    assert float(metric.result()) == pytest.approx(5 / 8)


def test_evaluation_is_over_examples_whatever_the_batch(rng, make_recipe):
    """Loss and accuracy of 13 examples in batches of 5, by hand."""
    examples = _examples(rng, 13)
    model = keras.Sequential([
        keras.Input((5, 7, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    CLASSIFIER.compile_model(model, make_recipe(train={"label_smoothing": 0.0}).train, 10)
    batches = Batches(examples, 5)
    result = model.evaluate(batches, steps=3, return_dict=True, verbose=0)
    logits = array(model(scale(examples.images))).astype("float64")
    losses = np.log(np.exp(logits).sum(-1)) - logits[np.arange(13), examples.labels]
    assert result["loss"] == pytest.approx(losses.mean(), rel=1e-5)
    assert result["accuracy"] == pytest.approx((logits.argmax(-1) == examples.labels).mean())


def test_a_built_state_has_every_variable_before_the_first_step(make_recipe):
    recipe = make_recipe()
    examples, _ = CLASSIFIER.load(recipe)
    model = CLASSIFIER.build(recipe, examples)
    CLASSIFIER.compile_model(model, recipe.train, 10)
    batch = Batches(examples, 8)[0]
    CLASSIFIER.build_state(model, batch)
    before = [variable.path for part in (model.optimizer.variables, model.metrics_variables)
              for variable in part]
    model.train_on_batch(*batch)
    assert before == [variable.path for part in (model.optimizer.variables, model.metrics_variables)
                      for variable in part]
    assert len(before) > len(model.trainable_weights)


def test_a_residual_network_trains_by_the_same_recipe(source, tmp_path):
    recipe = check({
        "model": {"architecture": "bit", "size": "r50x1", "image_shape": (16, 16, 3),
                  "num_layers": (1,), "width": 8, "num_groups": 2},
        "data": {"source": source, "validation": 0.2, "standardise": True},
        "train": {"epochs": 3, "batch_size": 8, "learning_rate": 0.01, "layer_decay": 0.8,
                  "xla": False}})
    run = training.fit(recipe, tmp_path / "run", "none", quiet=True)
    assert run.history["accuracy"][-1] > 0.9
    assert models.load(tmp_path / "run").name == "bit"
