"""`keras_seqattn.training.doctor.compiler`: what ends the compiler is one line."""

import json
import pathlib
import subprocess
import types

import numpy as np
import pytest

from keras_seqattn.testing import check_error
from keras_seqattn.training.doctor import compiler, environment, topologies

TOPOLOGY = topologies.parse("v5e:2x2")
on_libtpu = pytest.mark.skipif(not environment.is_there(), reason="libtpu is not installed")


def _compile(monkeypatch, answer=None, code=0, log=""):
    """Compiles with a process that answers so, or ends."""
    def run(command, **others):
        order = json.loads(pathlib.Path(command[-1]).read_text(encoding="utf-8"))
        if answer is not None:
            pathlib.Path(order["answer"]).write_text(json.dumps(answer), encoding="utf-8")
        return types.SimpleNamespace(returncode=code, stderr=log)

    monkeypatch.setattr(subprocess, "run", run)
    return compiler.compile_program(b"", TOPOLOGY, 4)


def test_an_answer_becomes_figures(monkeypatch):
    fields = dict.fromkeys(compiler.Compiled._fields, 7)
    assert _compile(monkeypatch, fields) == compiler.Compiled(**fields)


def test_too_much_memory_is_told(monkeypatch):
    said = "RESOURCE_EXHAUSTED: Ran out of memory in memory space hbm. Used 24.29G of 15.75G hbm."
    with pytest.raises(compiler.DoesNotFit, match=r"Used 24\.29G of 15\.75G"):
        _compile(monkeypatch, {"error": said})


def test_a_refusal_names_the_layer(monkeypatch):
    said = 'UNIMPLEMENTED: no such sort. metadata={op_name="jit(train_step)/jvp(faulty)/sort"}'
    with pytest.raises(compiler.NotCompiled, match="no such sort") as caught:
        _compile(monkeypatch, {"error": said})
    assert caught.value.place == "jit(train_step)/jvp(faulty)/sort"
    assert not isinstance(caught.value, compiler.DoesNotFit)


@pytest.mark.parametrize(("code", "log"), [(-9, ""), (-6, "what():  std::bad_alloc")])
def test_a_machine_without_memory_for_the_compiler(monkeypatch, code, log):
    with pytest.raises(compiler.NotCompiled, match="machine with more memory"):
        _compile(monkeypatch, code=code, log=log)


def test_a_compiler_that_breaks_shows_its_last_words(monkeypatch):
    log = "I0000 00:00:17 noise\nF0000 00:00:17 Check failed: rank == 2\n"
    with pytest.raises(compiler.NotCompiled, match=r"Check failed: rank == 2") as caught:
        _compile(monkeypatch, code=-6, log=log)
    assert "noise" not in str(caught.value)


def test_the_lock_file_is_told(monkeypatch):
    said = "ABORTED: Internal error when accessing libtpu multi-process lockfile."
    monkeypatch.setenv("ALLOW_MULTIPLE_LIBTPU_LOAD", "0")
    check_error(lambda: _compile(monkeypatch, {"error": said}), ALLOW_MULTIPLE_LIBTPU_LOAD="0")


@on_libtpu
def test_figures_of_a_product_by_hand():
    """128×256 by 256×512 in bfloat16, on four chips that share the rows."""
    import jax

    mesh = jax.sharding.Mesh(np.asarray(compiler.devices(TOPOLOGY)), ("batch",))

    def array(shape, *axes):
        return jax.ShapeDtypeStruct(shape, "bfloat16",
                                    sharding=jax.NamedSharding(mesh, jax.P(*axes)))

    lowered = jax.jit(lambda x, w: x @ w).lower(array((128, 256), "batch"), array((256, 512)))
    made = compiler.compile_lowered(lowered, TOPOLOGY)
    assert made.arguments == 2 * (32 * 256 + 256 * 512)
    assert made.flops == 2 * 32 * 256 * 512
    assert made.bytes_accessed == 2 * (32 * 256 + 256 * 512 + 32 * 512)
    assert "ENTRY" in made.text
