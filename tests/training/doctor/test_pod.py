"""`keras_seqattn.training.doctor.pod`: a recipe before the TPU's own compiler."""

import keras
import numpy as np
import pytest

from keras_seqattn.testing import check_error
from keras_seqattn.training.doctor import compiler, environment, figures, loans, pod, topologies
from keras_seqattn.training.doctor.compiler import Compiled, DoesNotFit, NotCompiled
from keras_seqattn.training.doctor.compiling import CompilingReplica

FOUR = topologies.parse("v5e:2x2")
on_jax = pytest.mark.skipif(keras.backend.backend() != "jax", reason="steps are those of JAX")
on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="on JAX all devices are compiled together")
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


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX serves all that is asked for")
@pytest.mark.parametrize("options", [{"serve": "greedy"}, {"layout": "parts"}])
def test_loops_and_layouts_are_those_of_jax(make_recipe, options):
    check_error(lambda: pod.examine(make_recipe(), FOUR, pod.Options(**options)),
                backend=keras.backend.backend(), **options)


@on_tensorflow
def test_tensorflow_compiles_the_share_of_one_replica(make_recipe, monkeypatch):
    monkeypatch.setattr(compiler, "devices", lambda topology: ())
    seen = []

    def compile_hlo(hlo, topology, effort):
        entry = loans.hlo_module(hlo).host_program_shape.parameters
        seen.append(max(shape.dimensions[0] for shape in entry if len(shape.dimensions) == 4))
        return Compiled("", 1.0, 3, 5, 7, 11, 2 ** 30, 13, 17.0, 819e9)

    monkeypatch.setattr(compiler, "compile_hlo", compile_hlo)
    found = pod.examine(make_recipe({"batch_size": 32}), FOUR, pod.Options(largest=False))
    assert seen == [8, 8]
    assert _errors(found) == []
    assert "one replica" in found.findings[-1].what
    made = found.figures["training"]
    assert made.batch_size == 32
    assert made.examples_per_s_bound == pytest.approx(32)   # a second, by the bandwidth
    assert made.bytes_per_example == 819e9 / 8


@on_tensorflow
def test_what_tensorflow_refuses_is_a_finding(monkeypatch):
    model = keras.Sequential([
        keras.Input((17, 19, 3)), keras.layers.RandomRotation(0.1, name="turn"),
        keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.optimizer.build(model.trainable_variables)
    batch = np.zeros((8, 17, 19, 3), "float32"), np.zeros((8, 1), "float32")
    compiling = CompilingReplica(model, FOUR, pod.Options())
    assert compiling.step("training", batch) is None
    first = compiling.findings[0]
    assert first.where == "layer turn"
    assert "jitter" in first.fix


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


@on_libtpu
def test_heads_are_spread_with_the_kernel_that_reads_them(make_recipe):
    """Each of two devices has one head, and what attention reads is never gathered."""
    recipe = make_recipe(model={"patch_size": 4, "embed_dim": 128, "mlp_dim": 512})
    found = pod.examine(recipe, FOUR, pod.Options(
        largest=False, layout="heads", per_model=2))
    assert _errors(found) == []
    made = found.figures["training"]
    assert made.custom_calls["tpu_custom_call"] == 2      # forward and backward
    assert made.arguments < 0.7 * 3 * 4 * found.parameters   # weights and two moments, in halves
    assert "all-gather" not in made.collectives
