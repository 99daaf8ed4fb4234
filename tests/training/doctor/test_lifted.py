"""`keras_seqattn.training.doctor.lifted`: what comes out is the step, with all that it changes."""

import keras
import numpy as np
import pytest
from arrays import assert_close, normal

from keras_seqattn import borrowed
from keras_seqattn.testing import check_error
from keras_seqattn.training.doctor import lifted, loans
from keras_seqattn.training.optimizer.optimizer import AdamW

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="JAX lifts its steps itself")


def _model(rng, **optimizer):
    keras.utils.set_random_seed(3)
    model = keras.Sequential([
        keras.Input((5,)), keras.layers.Dense(7, activation="tanh"),
        keras.layers.BatchNormalization(), keras.layers.Dense(3)])
    model.compile(AdamW(0.1, clip_all=0.7, weight_decay=0.3, use_ema=True, **optimizer), "mse",
                  weighted_metrics=["mae"])
    batch = normal(rng, 4, 5), normal(rng, 4, 3), np.array([1, 0, 2, 1], "float32")
    borrowed.build_with(model, batch)
    model.optimizer.build(model.trainable_variables)
    return model, batch



def test_variables_go_in_and_come_out_in_their_place(rng):
    model, batch = _model(rng)
    module = loans.hlo_module(lifted.hlo(model, batch))
    entry = next(each for each in module.computations if each.id == module.entry_computation_id)
    taken = sorted((each.parameter_number, tuple(each.shape.dimensions))
                   for each in entry.instructions if each.opcode == "parameter")
    shapes = [shape for _, shape in taken]
    assert shapes[:3] == [array.shape for array in batch]
    state = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    state = {id(each): tuple(each.shape) for each in state}.values()
    assert sorted(shapes[3:]) == sorted(state)
    made = [tuple(shape.dimensions) for shape in module.host_program_shape.result.tuple_shapes]
    aliases = {entry.output_shape_index[0]: entry.parameter_number
               for entry in module.input_output_alias.entries}
    assert len(aliases) == len(state) - 1  # the learning rate stays
    assert all(made[result] == shapes[parameter] for result, parameter in aliases.items())


@pytest.mark.parametrize("training", [True, False])
def test_what_it_computes_is_the_step(rng, training):
    """Run by JAX, which takes the values of the variables as arguments and gives the new ones."""
    jax = pytest.importorskip("jax", reason="runs what was lifted")
    import tensorflow as tf
    from jax._src.interpreters import mlir
    from jax._src.lib import _jax, xla_client

    model, batch = _model(rng, gradient_accumulation_steps=2)
    lowered = lifted.hlo(model, batch, training)
    step = tf.function(model.train_step if training else model.test_step, autograph=False)
    concrete = step.get_concrete_function(tuple(map(tf.constant, batch)))
    places = [next(each for each in concrete.variables if each.handle is captured)
              for captured in concrete.captured_inputs]
    before = [place.numpy() for place in places]
    with mlir.make_ir_context():
        module = mlir.ir.Module.parse(_jax.mlir.hlo_to_stablehlo(lowered))
    device, = jax.devices("cpu")[:1]
    with jax.enable_x64(True):
        program = device.client.compile_and_load(
            module, _jax.DeviceList((device,)), xla_client.CompileOptions())
        made = program.execute_sharded([jax.device_put(each, device) for each in (*batch, *before)])
        made = [np.asarray(each[0]) for each in made.disassemble_into_single_device_arrays()]
    scores = step(tuple(map(tf.constant, batch)))
    for found, wanted in zip(made, scores.values(), strict=False):
        assert_close(found, wanted)
    aliases = loans.hlo_module(lowered).input_output_alias.entries
    assert len(aliases) == (len(places) - 1 if training else len(model.metrics_variables))
    for alias in aliases:
        place = places[alias.parameter_number - len(batch)]
        assert_close(made[alias.output_shape_index[0]], place.numpy())


def test_random_numbers_are_those_of_a_tpu(rng):
    """One instruction, whose state is two numbers. Nor is there a copy, which StableHLO lacks."""
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dropout(0.5), keras.layers.Dense(3)])
    model.compile("sgd", "mse")
    batch = normal(rng, 4, 5), normal(rng, 4, 3), np.ones(4, "float32")
    borrowed.build_with(model, batch)
    module = loans.hlo_module(lifted.hlo(model, batch))
    made = [each for computation in module.computations for each in computation.instructions]
    drawn, = (each for each in made if each.opcode == "rng-bit-generator")
    assert drawn.rng_algorithm == 0
    assert list(drawn.shape.tuple_shapes[0].dimensions) == [2]
    assert "copy" not in {each.opcode for each in made}


def test_a_step_that_xla_refuses(rng):
    class Text(keras.layers.Layer):
        def call(self, inputs):
            import tensorflow as tf

            return inputs + tf.cast(tf.strings.length(tf.strings.as_string(inputs)), "float32")

    model = keras.Sequential([keras.Input((5,)), Text(), keras.layers.Dense(3)])
    model.compile("sgd", "mse")
    batch = normal(rng, 4, 5), normal(rng, 4, 3), np.ones(4, "float32")
    borrowed.build_with(model, batch)
    with pytest.raises(ValueError, match="AsString"):
        lifted.hlo(model, batch)


def test_tensorflow_for_tpus_lifts_nothing(monkeypatch):
    monkeypatch.setattr(loans, "tpu_kernels", lambda: {"MatMul"})
    check_error(lambda: lifted.hlo(None, ()), tensorflow="tensorflow-tpu")
