"""`keras_seqattn.training.doctor.environment`: versions that do not go together are refused."""

import importlib.metadata
import os

import pytest

from keras_seqattn.testing import check_error
from keras_seqattn.training.doctor import environment


@pytest.fixture
def installed(monkeypatch):
    """Function that lets these versions be installed; JAX takes libtpu 0.0.42."""
    def let(**versions):
        def version(name):
            if name not in versions:
                raise importlib.metadata.PackageNotFoundError(name)
            return versions[name]

        monkeypatch.setattr(importlib.metadata, "version", version)
        monkeypatch.setattr(importlib.metadata, "requires", lambda name: [
            "numpy>=2.0", 'libtpu==0.0.42.*; extra == "tpu"'])
    return let


def test_a_pair_that_goes_together(installed):
    installed(jax="0.10.2", libtpu="0.0.42.1")
    environment.check_versions()


def test_another_libtpu_is_refused(installed):
    installed(jax="0.10.2", libtpu="0.0.21")
    check_error(environment.check_versions, jax="0.10.2", libtpu="0.0.21", wanted="0.0.42.*")


@pytest.mark.parametrize(("versions", "missing"), [
    ({}, "jax"), ({"jax": "0.10.2"}, "libtpu")])
def test_what_is_missing_is_told(installed, versions, missing):
    installed(**versions)
    check_error(environment.check_versions, missing=missing)


def test_what_the_user_has_set_stays(monkeypatch):
    for name in environment.ENVIRONMENT:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("ALLOW_MULTIPLE_LIBTPU_LOAD", "0")
    environment.prepare()
    assert os.environ["ALLOW_MULTIPLE_LIBTPU_LOAD"] == "0"
    assert os.environ["JAX_PLATFORMS"] == "cpu"
