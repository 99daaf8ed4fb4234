"""`keras_seqattn.training.optimizer.optimizer`."""

import keras
import numpy as np
import pytest
from arrays import array, assert_close, normal

from keras_seqattn.training.optimizer.optimizer import SGD, AdamW, averaged

SHAPES = {"a": (5, 3), "b": (7,), "c": (2, 3)}


def _run(optimizer, gradients, shapes=SHAPES):
    """Takes a step for each list of gradients; returns the weights."""
    rng = np.random.default_rng(1)
    variables = [keras.Variable(normal(rng, *shape), name=name) for name, shape in shapes.items()]
    optimizer.build(variables)
    for step in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(each) for each in step], variables)
    return [array(variable) for variable in variables]


@pytest.fixture
def gradients(rng):
    return [[normal(rng, *shape) for shape in SHAPES.values()] for _ in range(5)]


def _assert_all_close(actual, expected):
    for one, other in zip(actual, expected, strict=True):
        assert_close(one, other, atol=1e-6)


def test_without_clipping_and_shares_it_is_keras(gradients):
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 7)
    settings = {"learning_rate": schedule, "weight_decay": 0.3, "beta_2": 0.95}
    _assert_all_close(_run(AdamW(**settings), gradients),
                      _run(keras.optimizers.AdamW(**settings), gradients))


def test_only_the_weights_that_are_named_decay(gradients):
    theirs = keras.optimizers.AdamW(0.1, weight_decay=0.3)
    theirs.exclude_from_weight_decay(var_names=["b"])
    ours = AdamW(0.1, weight_decay=0.3, decayed=["a", "c"])
    _assert_all_close(_run(ours, gradients), _run(theirs, gradients))


def test_a_decayed_weight_loses_its_share_times_the_rate():
    zero = [[np.zeros(shape, "float32") for shape in SHAPES.values()]]
    before = _run(AdamW(), [])
    after = _run(AdamW(0.5, weight_decay=0.3, decayed=["a", "c"], shares={"c": 0.2}), zero)
    for old, new, factor in zip(before, after, (1 - 0.5 * 0.3, 1, 1 - 0.5 * 0.2 * 0.3),
                                strict=True):
        assert_close(new, factor * old, atol=1e-6)


def test_each_weight_is_clipped_by_its_own_norm():
    """Norms 5 and 0.5 at 1: the first is divided by 5, the second is left alone."""
    shapes = {"a": (2,), "b": (2,)}
    large, small = np.array([3, 4], "float32"), np.array([0.3, 0.4], "float32")
    given = [[large, small], [small, large], [0 * large, small]]
    clipped = [[large / 5, small], [small, large / 5], [0 * large, small]]
    ours = _run(AdamW(0.1, clip_norm=1.0), given, shapes)
    _assert_all_close(ours, _run(keras.optimizers.AdamW(0.1, weight_decay=0.0), clipped, shapes))
    unclipped = _run(AdamW(0.1), given, shapes)
    assert np.abs(ours[0] - unclipped[0]).max() > 1e-3


@pytest.mark.parametrize("kind", [AdamW, SGD])
def test_all_gradients_are_clipped_by_their_norm_together(kind):
    """(3, 0) and (0, 4) have norm 5 together: at 1 both are divided by 5, a tenth is not."""
    shapes = {"a": (2,), "b": (2,)}
    large = [np.array([3, 0], "float32"), np.array([0, 4], "float32")]
    small = [each / 10 for each in large]
    given = [large, small, large]
    clipped = [[each / 5 for each in large], small, [each / 5 for each in large]]
    _assert_all_close(_run(kind(0.1, clip_all=1.0), given, shapes),
                      _run(kind(0.1), clipped, shapes))
    _assert_all_close(_run(kind(0.1, clip_all=7.0), given, shapes),
                      _run(kind(0.1), given, shapes))


def test_sums_of_gradients_are_multiplied_by_the_rate_of_the_step():
    """Gradients 1 and 1, rates 1 and 0.5, momentum 0.5: steps 1 and 0.5 · 1.5."""
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([0], [1.0, 0.5])
    shapes, ones = {"a": (1,)}, [[np.ones(1, "float32")]] * 2
    start, = _run(SGD(), [], shapes)
    end, = _run(SGD(schedule, momentum=0.5), ones, shapes)
    assert_close(start - end, [1.75])


def test_at_a_constant_rate_it_is_keras(gradients):
    _assert_all_close(_run(SGD(0.1, momentum=0.7), gradients),
                      _run(keras.optimizers.SGD(0.1, momentum=0.7), gradients))


def test_the_norm_is_that_of_the_averaged_gradient_when_steps_accumulate():
    large = [[np.array([6, 8], "float32")], [np.array([0, 0], "float32")]] * 2
    shapes = {"a": (2,)}
    ours = _run(AdamW(0.1, clip_norm=5.0, gradient_accumulation_steps=2), large, shapes)
    once = [[np.array([3, 4], "float32")]] * 2
    _assert_all_close(ours, _run(keras.optimizers.AdamW(0.1, weight_decay=0.0), once, shapes))


def test_shares_scale_the_step_and_the_decay(gradients):
    ours = _run(AdamW(0.1, weight_decay=0.3, shares={"a": 0.25, "c": 0.5}), gradients)
    for place, share in enumerate((0.25, 1.0, 0.5)):
        theirs = _run(keras.optimizers.AdamW(0.1 * share, weight_decay=0.3), gradients)
        assert_close(ours[place], theirs[place], atol=1e-6)


def _model(**settings):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(AdamW(0.1, use_ema=True, ema_momentum=0.75, **settings), "mse")
    return model


def test_averages_stand_in_for_the_weights_and_go_again(rng):
    model = _model()
    x, y = normal(rng, 4, 3), normal(rng, 4, 2)
    seen = []
    for _ in range(3):
        model.train_on_batch(x, y)
        seen.append(model.get_weights())
    first, second, third = (weights[0] for weights in seen)
    with averaged(model):
        inside = model.get_weights()
    # The averages begin with the first step's weights; then a quarter is new each time.
    assert_close(inside[0], 0.75 * (0.75 * first + 0.25 * second) + 0.25 * third, atol=1e-6)
    assert (inside[0] != third).any()
    for after, before in zip(model.get_weights(), seen[-1], strict=True):
        np.testing.assert_array_equal(after, before)


def test_the_weights_come_back_after_an_error(rng):
    model = _model()
    model.train_on_batch(normal(rng, 4, 3), normal(rng, 4, 2))
    model.train_on_batch(normal(rng, 4, 3), normal(rng, 4, 2))
    before = model.get_weights()
    with pytest.raises(KeyError), averaged(model):
        raise KeyError
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


def test_fit_leaves_the_weights_and_keeps_the_averages_beside_them(rng):
    """The same steps with and without averages end in the same weights."""
    x, y = normal(rng, 12, 3), normal(rng, 12, 2)
    plain, model = _model(), _model()
    plain.compile(AdamW(0.1), "mse")
    plain.set_weights(model.get_weights())
    for each in (plain, model):
        each.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    assert_close(model.get_weights()[0], plain.get_weights()[0], atol=1e-6)
    with averaged(model):
        assert np.abs(model.get_weights()[0] - plain.get_weights()[0]).max() > 1e-3


def test_averages_are_found_under_loss_scaling(rng):
    model = _model()
    model.compile(keras.optimizers.LossScaleOptimizer(model.optimizer), "mse")
    for _ in range(2):
        model.train_on_batch(normal(rng, 4, 3), normal(rng, 4, 2))
    before = model.get_weights()[0]
    with averaged(model):
        assert (model.get_weights()[0] != before).any()
    np.testing.assert_array_equal(model.get_weights()[0], before)


@pytest.mark.parametrize(("kind", "own"), [(AdamW, {"beta_2": 0.9}), (SGD, {"momentum": 0.7})])
def test_the_configuration_rebuilds_it(gradients, kind, own):
    first = kind(0.1, weight_decay=0.3, clip_norm=0.5, clip_all=0.7, decayed=["c", "a"],
                 shares={"b": 0.5}, gradient_accumulation_steps=2, **own)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(first))
    assert again.get_config() == first.get_config()
    assert (again.clip_norm, again.clip_all) == (0.5, 0.7)
    _assert_all_close(_run(again, gradients), _run(first, gradients))
