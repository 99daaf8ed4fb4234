"""Which of the trees of a file is meant."""

import pytest

from keras_seqattn.checkpoints.files.trees import OPTIMIZER, choose, unwrapped
from keras_seqattn.testing import check_error


@pytest.mark.parametrize(("names", "weights", "chosen"), [
    (["state_dict", "state_dict_ema"], None, "state_dict_ema"),
    (["state_dict", "state_dict_ema"], "state_dict", "state_dict"),
    (["model", "model_ema", "other"], "ema", "model_ema"),
    (["model", "model_ema"], "model", "model"),
    (["scaler", "model_state_dict"], None, "model_state_dict"),
    (["params/img", "params/txt"], None, "params/img"),
    (["params/img", "params/txt"], "txt", "params/txt"),
    (["student", "teacher"], None, "teacher"),
    (["schema"], None, "schema")])
def test_the_tree_that_is_meant(names, weights, chosen):
    assert choose(names, weights) == chosen
    assert choose(names[::-1], weights) == chosen


@pytest.mark.parametrize(("names", "weights"), [
    (["a", "b"], None), (["a", "b"], "c"), (["a_ema", "b_ema"], None), (["schema", "b"], "ema")])
def test_none_or_several_are_refused(names, weights):
    check_error(lambda: choose(names, weights), weights=weights, trees=names)


@pytest.mark.parametrize(("key", "plain"), [
    ("module.a", "a"), ("module._orig_mod.a", "a"), ("_orig_mod.module.a", "a"),
    ("a._orig_mod.b", "a.b"), ("a.module.b", "a.module.b"), ("a_orig_mod.b", "a_orig_mod.b"),
    ("a._fsdp_wrapped_module.b", "a.b")])
def test_wrappers_of_pytorch_are_no_part_of_a_key(key, plain):
    assert unwrapped(key) == plain


@pytest.mark.parametrize(("prefix", "is_optimizers"), [
    ("opt/0/mu/", True), ("opt_state/", True), ("optimizer.state.", True), ("optimiser/", True),
    ("opt/target/", False), ("optimizer/target/", False), ("params/opt/", False),
    ("optical/", False)])
def test_trees_of_an_optimiser(prefix, is_optimizers):
    assert (OPTIMIZER.match(prefix) is not None) is is_optimizers
