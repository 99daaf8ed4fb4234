"""`keras_seqattn.training.doctor.pod`: a recipe before the TPU's own compiler."""

import keras
import pytest

from keras_seqattn.testing import check_error
from keras_seqattn.training.doctor import compiler, environment, figures, pod, topologies
from keras_seqattn.training.doctor.compiler import Compiled, DoesNotFit, NotCompiled

FOUR = topologies.parse("v5e:2x2")
on_jax = pytest.mark.skipif(keras.backend.backend() != "jax", reason="steps are those of JAX")
on_libtpu = pytest.mark.skipif(not environment.is_there(), reason="libtpu is not installed")


@pytest.fixture
def imagined_compiler(monkeypatch):
    """A compiler that takes 1 GiB, and 128 MiB for each example of a device; lists its batches."""
    import jax

    monkeypatch.setattr(compiler, "devices", lambda topology: tuple(jax.devices()[:1]))
    seen = []

    def compile_lowered(lowered, topology, effort):
        size = max(array.shape[0] for array in jax.tree.leaves(lowered.in_avals)
                   if len(array.shape) == 4)
        seen.append(size)
        peak = 2 ** 30 + size * 2 ** 25
        if peak > topology.usable:
            raise DoesNotFit("the program must fit. Received: compiler='Used 30G of 15G'. "
                             "To fix: change it.")
        return Compiled("", 1.0, 3, 5, 7, 11, peak, 13, 17.0 * size, 19.0)

    monkeypatch.setattr(compiler, "compile_lowered", compile_lowered)
    return seen


def _errors(found):
    return [finding for finding in found.findings if finding.severity == "error"]


@on_jax
def test_the_largest_batch_is_sought_and_named_where_one_does_not_fit(
        make_recipe, imagined_compiler):
    found = pod.examine(make_recipe({"batch_size": 32}), FOUR)
    assert set(found.figures) == {"training", "validation"}
    most = (FOUR.usable - 2 ** 30) // 2 ** 25 // 32 * 32
    assert found.largest.batch_size <= most < found.largest.refused
    assert _errors(found) == []

    found = pod.examine(make_recipe({"batch_size": 3200}), FOUR)
    assert found.figures == {}
    first = next(each for each in _errors(found) if "must fit" in each.what)
    assert first.where == "train.batch_size"
    assert f"use train.batch_size={found.largest.batch_size}," in first.fix
    assert "model.rematerialise" in first.fix


@on_jax
def test_hosts_that_a_batch_does_not_fill(make_recipe, imagined_compiler):
    found = pod.examine(make_recipe(), topologies.parse("v5e:4x4"),
                        pod.Options(largest=False))
    what, where, fix, _ = _errors(found)[0]
    assert "16 devices on 4 hosts" in what
    assert where == "train.batch_size"
    assert "train.batch_size=16" in fix
    found = pod.examine(make_recipe({"batch_size": 22}), FOUR, pod.Options(largest=False))
    assert _errors(found)[0].fix == "use train.batch_size=24"


@on_jax
def test_what_the_hosts_do_is_said(make_recipe, imagined_compiler):
    found = pod.examine(make_recipe({"xla": False}, data={"augment": ("flip", "mixup")}), FOUR,
                        pod.Options(largest=False))
    notes = {finding.where: finding.what for finding in found.findings
             if finding.severity == "note"}
    assert notes["data.augment"].startswith("flip, mixup: the hosts do it")
    assert "train.xla" in notes


@on_jax
def test_a_refusal_is_one_finding_and_ends_the_search(make_recipe, monkeypatch,
                                                       imagined_compiler):
    def refuse(*others):
        raise NotCompiled("the TPU's compiler must take it. Received: compiler='no'. To fix: do.")

    monkeypatch.setattr(compiler, "compile_lowered", refuse)
    found = pod.examine(make_recipe(), FOUR)
    assert (found.figures, found.largest) == ({}, None)
    assert [finding.fix for finding in _errors(found)] == ["do", "do"]   # validation is tried too


@on_jax
def test_layouts_that_do_not_go_together_with_the_devices(make_recipe):
    for options, received in (
            (pod.Options(layout="head"), {"layout": "head"}),
            (pod.Options(per_model=2), {"per_model": 2}),
            (pod.Options(layout="heads", per_model=3), {"per_model": 3, "devices": 4})):
        check_error(lambda options=options: pod.examine(make_recipe(), FOUR, options), **received)


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX is what is asked for")
def test_another_backend_is_refused(make_recipe):
    check_error(lambda: pod.examine(make_recipe(), FOUR), backend=keras.backend.backend())


SETTINGS = {
    "plain": {"batch_size": 8},
    "all": {"batch_size": 8, "accumulate": 2, "average": 0.9, "clip_all": 1.0,
            "optimizer": "sgd"}}


@on_libtpu
@pytest.mark.parametrize("name", SETTINGS)
def test_steps_of_a_small_recipe_on_four_chips(make_recipe, name):
    """What all devices sum up is each gradient once, in float32, beside a few numbers."""
    recipe = make_recipe(SETTINGS[name], model={"dropout": 0.1})
    found = pod.examine(recipe, FOUR, pod.Options(largest=False))
    assert _errors(found) == []
    made = found.figures["training"]
    summed = sum(made.collectives["all-reduce"].values())
    assert 4 * found.parameters <= summed <= 4 * found.parameters + 4096
    assert figures.gradient_dtypes(made.collectives).get("f32") == 1.0
    assert made.left == FOUR.usable - made.peak > 0
    assert 0.9 < made.flops_ratio < 2.0
    assert 0 < made.examples_per_s_bound < 1e9
    assert made.host_transfers == []


@on_libtpu
@pytest.mark.parametrize("method", ["greedy", "beam", "sample"])
def test_loops_that_write(method):
    from keras_seqattn.training.recipe.reading import check

    recipe = check({
        "model": {"architecture": "transformer", "size": "nano", "num_layers": 1,
                  "max_length": 7, "embed_dim": 8, "mlp_dim": 13, "num_heads": 2},
        "data": {"source": "pairs:none.tsv"}, "train": {"epochs": 2, "batch_size": 8}})
    found = pod.examine(recipe, topologies.parse("v5e:1x1"), pod.Options(
        outputs=23, largest=False, serve=method))
    assert _errors(found) == []
    made, = found.figures.values()
    assert made.flops_ratio is None
    assert made.loops == 1
