"""`keras_seqattn.testing`: each promise of `check_layer` is broken once, and must be noticed."""

import keras
import pytest
from keras import ops

from keras_seqattn.testing import check_error, check_layer


class Scale(keras.layers.Layer):
    """A good layer: multiplies its input by one learned number per feature."""

    def __init__(self, start=1.0, **kwargs):
        super().__init__(**kwargs)
        self.start = start
        self.supports_masking = True

    def build(self, input_shape):
        self.kernel = self.add_weight(
            shape=(input_shape[-1],), initializer=keras.initializers.Constant(self.start))

    def call(self, inputs):
        return inputs * self.kernel

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "start": self.start}


class ForgetsItsConfig(Scale):
    def get_config(self):
        return keras.layers.Layer.get_config(self)


class SaysTooMuch(Scale):
    def get_config(self):
        return {**super().get_config(), "extra": 1}


class LosesTheMask(Scale):
    def compute_mask(self, inputs, previous_mask):
        return None


class ComputesInFloat32(Scale):
    def call(self, inputs):
        return ops.cast(inputs, "float32") * ops.cast(self.kernel, "float32")


class HasADeadWeight(Scale):
    def build(self, input_shape):
        super().build(input_shape)
        self.dead = self.add_weight(shape=(3,), name="dead")

    def call(self, inputs):
        return inputs * self.kernel + 0.0 * ops.sum(self.dead)


class LiesAboutItsShape(Scale):
    def compute_output_spec(self, inputs):
        return keras.KerasTensor((*inputs.shape[:-1], 3), dtype=self.compute_dtype)


class TellsAnotherShape(LiesAboutItsShape):
    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 3)

    def compute_output_spec(self, inputs):
        return keras.Operation.compute_output_spec(self, inputs)


class SavesNothing(Scale):
    def save_own_variables(self, store):
        store["0"] = ops.convert_to_numpy(self.kernel) + 1.0


def _check_scaling(layer_cls, num_weights=1, output_shape=(2, 5, 7), **kwargs):
    with keras.saving.custom_object_scope({layer_cls.__name__: layer_cls}):
        check_layer(layer_cls, {"start": 2.0}, (2, 5, 7), output_shape, num_weights, **kwargs)


def test_a_good_layer_passes():
    _check_scaling(Scale)


def test_a_dead_weight_may_be_listed():
    _check_scaling(HasADeadWeight, num_weights=2, unmoved=("dead",))


@pytest.mark.parametrize(("layer_cls", "says"), [
    (ForgetsItsConfig, "config"), (SaysTooMuch, "config"), (LosesTheMask, "mask"),
    (ComputesInFloat32, None), (LiesAboutItsShape, "3"), (TellsAnotherShape, "3"),
    (SavesNothing, "Mismatched")])
@pytest.mark.filterwarnings("ignore:.*was passed an input with a mask")
def test_a_broken_promise_is_noticed(layer_cls, says):
    with pytest.raises(AssertionError, match=says):
        _check_scaling(layer_cls)


def test_a_dead_weight_is_noticed():
    with pytest.raises(AssertionError, match=r"unchanged.*dead"):
        _check_scaling(HasADeadWeight, num_weights=2)


def test_a_wrong_count_or_shape_is_noticed():
    with pytest.raises(AssertionError):
        _check_scaling(Scale, num_weights=2)
    with pytest.raises(AssertionError):
        _check_scaling(Scale, output_shape=(2, 5, 11))


def test_check_error_needs_an_error_its_values_and_a_remedy():
    def fail(text):
        raise ValueError(text)

    check_error(lambda: fail("a=1. To fix: x."), a=1)
    for call in (lambda: None, lambda: fail("a=2. To fix: x."), lambda: fail("a=1")):
        with pytest.raises(AssertionError):
            check_error(call, a=1)
