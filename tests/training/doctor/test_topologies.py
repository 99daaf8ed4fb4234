"""`keras_seqattn.training.doctor.topologies`: names, sizes and what is refused."""

import math

import pytest

from keras_seqattn.testing import check_error
from keras_seqattn.training.doctor import compiler, environment, topologies

on_libtpu = pytest.mark.skipif(not environment.is_there(), reason="libtpu is not installed")


@pytest.mark.parametrize(("name", "chips", "devices", "hosts"), [
    ("v5e:1x1", 1, 1, 1), ("v5e:4x4", 16, 16, 4), ("v5e:16x16", 256, 256, 64),
    ("v4:2x2x2", 8, 16, 2), ("v5p:4x4x12", 192, 192, 48), ("v3:2x2", 4, 8, 1)])
def test_sizes(name, chips, devices, hosts):
    topology = topologies.parse(name)
    assert (topology.name, topology.chips, topology.devices, topology.hosts) == (
        name, chips, devices, hosts)


@pytest.mark.parametrize("generation", topologies.GENERATIONS)
def test_a_device_has_less_than_its_share_of_the_chip(generation):
    made = topologies.GENERATIONS[generation]
    assert 0.9 * made.memory < made.usable * made.devices <= 1.01 * made.memory
    assert all(math.prod(map(int, shape.split("x"))) <= made.largest for shape in made.shapes)


def test_an_unknown_generation_is_told_the_known_ones():
    check_error(lambda: topologies.parse("v5x:4x4"), topology="v5x:4x4")
    with pytest.raises(ValueError, match=r"v4:2x2x1, v5e:1x1, v5p:2x2x1, v6e:1x1, tpu7x:1x1x1"):
        topologies.parse("v5x:4x4")


@pytest.mark.parametrize("name", ["v5e:3x3", "v5e", "v5e:banana", "v5p:4x4x5", "v5p:8x4x4",
                                  "v5e:2x2x1", "v5p:32x32x32"])
def test_an_unknown_slice_is_told_those_of_its_generation(name):
    check_error(lambda: topologies.parse(name), topology=name)
    with pytest.raises(ValueError, match=f"{name.partition(':')[0]}:2x2"):
        topologies.parse(name)


@on_libtpu
@pytest.mark.parametrize("generation", topologies.GENERATIONS)
def test_libtpu_knows_every_listed_slice(generation):
    for shape in topologies.GENERATIONS[generation].shapes:
        topology = topologies.parse(f"{generation}:{shape}")
        found = compiler.devices(topology)
        assert len(found) == topology.devices
        assert len({device.process_index for device in found}) == topology.hosts


@on_libtpu
@pytest.mark.parametrize("generation", topologies.GENERATIONS)
def test_the_memory_is_that_of_the_compiler(generation):
    """A program of 512 GiB is refused, with the memory that there is."""
    import jax

    made = topologies.GENERATIONS[generation]
    topology = topologies.parse(f"{generation}:{made.shapes[0]}")
    lowered = jax.jit(lambda x: x + 1).trace(
        jax.ShapeDtypeStruct((2 ** 20, 2 ** 17), "float32")).lower(lowering_platforms=("tpu",))
    with pytest.raises(compiler.DoesNotFit, match=rf"available HBM \({made.usable:.2f}G\)"):
        compiler.compile_program(compiler.bytecode(lowered), topology, 1)
