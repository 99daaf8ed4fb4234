"""`keras_seqattn.training.doctor.loans`: each loan still means what the doctor takes it for."""

import resource
import types

import keras
import numpy as np
import pytest

from keras_seqattn.errors import LoanError
from keras_seqattn.training.doctor import loans

on_jax = pytest.mark.skipif(keras.backend.backend() != "jax", reason="a loan from Keras on JAX")


@pytest.fixture
def tf():
    return pytest.importorskip("tensorflow")


@on_jax
def test_variables_without_values_take_no_memory_and_can_be_written():
    """4 GiB of weights are promised, and none of their pages given."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with loans.without_values():
        layer = keras.layers.Dense(2 ** 15, use_bias=False)
        layer.build((1, 2 ** 15))
        small = keras.layers.Dense(3)
        small.build((1, 5))
    assert layer.kernel.shape == (2 ** 15, 2 ** 15)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2 ** 20   # in KiB
    assert not np.asarray(small.kernel).any()
    small.kernel.assign(np.ones((5, 3)))
    assert np.asarray(small.kernel).sum() == 15
    after = keras.layers.Dense(3)
    after.build((1, 5))
    assert np.asarray(after.kernel).any()


def test_ops_that_xla_has(tf):
    kernels = loans.xla_kernels()
    assert {"MatMul", "AddV2", "While"} <= kernels
    assert not {"PyFunc", "AsString"} & kernels


def test_functions_that_a_loop_calls(tf):
    @tf.function
    def step(x):
        return tf.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, tf.tanh(x)), (0, x))[1]

    graph = step.get_concrete_function(tf.ones(5)).graph
    assert "Tanh" not in {op.type for op in graph.get_operations()}
    inside = {op.type for function in loans.functions_of(graph)
              for op in function.graph.get_operations()}
    assert {"Tanh", "Less"} <= inside


def test_a_missing_loan_is_told_by_its_name(tf, monkeypatch):
    from tensorflow.python.util import pywrap_xla_ops

    with pytest.raises(LoanError, match=r"loan='Graph\._functions'.*To fix:"):
        loans.functions_of(types.SimpleNamespace())
    monkeypatch.delattr(pywrap_xla_ops, "get_cpu_kernel_names")
    with pytest.raises(LoanError, match=r"loan='pywrap_xla_ops\.get_cpu_kernel_names'"):
        loans.xla_kernels()


def test_threefry_while_the_block_runs(tf):
    def chosen_by_the_device():
        draw = tf.function(lambda seed: tf.random.stateless_uniform((3,), seed))
        graph = draw.get_concrete_function(tf.constant([1, 2])).graph
        return "StatelessRandomGetKeyCounter" in {op.type for op in graph.get_operations()}

    assert chosen_by_the_device()
    with loans.threefry():
        assert not chosen_by_the_device()
    assert chosen_by_the_device()


def test_a_module_of_xla_is_read(tf):
    if loans.tpu_kernels():
        pytest.skip("tensorflow-tpu lowers for no CPU")
    lowered = tf.function(lambda x: x + 1, jit_compile=True).experimental_get_compiler_ir(
        tf.zeros(5))(stage="hlo_serialized")
    module = loans.hlo_module(lowered)
    assert "add" in {each.opcode for part in module.computations for each in part.instructions}
    assert module.SerializeToString()


def test_kernels_for_tpus_come_with_the_package_for_tpus(tf):
    kernels = loans.tpu_kernels()
    assert not kernels or {"MatMul", "While"} <= kernels
