"""`keras_seqattn.training.devices.cluster`."""

import json
import socket

import pytest

from keras_seqattn.testing import check_error
from keras_seqattn.training.devices import cluster
from keras_seqattn.training.devices.cluster import (
    own_addresses,
    scheduler,
    wait_for_workers,
    worker_addresses,
)

WORKERS = ["host0:12345", "10.0.0.2:23456"]


def _config(workers=WORKERS, kind="worker", index=0, **others):
    return json.dumps({"cluster": {"worker": workers, **others},
                       "task": {"type": kind, "index": index}})


@pytest.mark.parametrize("index", [0, 1, "1"])
def test_the_workers_and_ones_own_place(index):
    assert worker_addresses({"TF_CONFIG": _config(index=index)}) == (WORKERS, int(index))


@pytest.mark.parametrize("environment", [{}, {"TF_CONFIG": ""}])
def test_no_cluster(environment):
    assert worker_addresses(environment) is None


@pytest.mark.parametrize("text", [
    "host0:12345", "[1, 2]", "3", "{}", '{"cluster": {"worker": ["a:1"]}}',
    '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker"}}',
    '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": "first"}}',
    '{"cluster": {"worker": 3}, "task": {"type": "worker", "index": 0}}',
    '{"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}',
    '{"cluster": ["worker"], "task": {"type": "worker", "index": 0}}'])
def test_what_is_no_cluster(text):
    check_error(lambda: worker_addresses({"TF_CONFIG": text}), TF_CONFIG=text)


@pytest.mark.parametrize("index", [-1, 2])
def test_a_place_that_no_worker_has(index):
    check_error(lambda: worker_addresses({"TF_CONFIG": _config(index=index)}),
                index=index, workers=2)


@pytest.mark.parametrize(("others", "received"), [
    ({"kind": "chief"}, {"cluster": ["worker"], "task": "chief"}),
    ({"ps": ["host3:1"]}, {"cluster": ["ps", "worker"], "task": "worker"})])
def test_other_kinds_of_tasks(others, received):
    check_error(lambda: worker_addresses({"TF_CONFIG": _config(**others)}), **received)


@pytest.mark.parametrize("address", ["host1", "host1:", "host1:http", 12345, ":x"])
def test_addresses_without_a_port(address):
    check_error(lambda: worker_addresses({"TF_CONFIG": _config(["host0:1", address])}),
                worker=address)


@pytest.mark.parametrize(("environment", "name"), [
    ({}, None), ({"SLURM_NTASKS": "1", "SLURM_PROCID": "0"}, None),
    ({"SLURM_NTASKS": "2"}, None),  # in a batch script, before srun
    ({"SLURM_NTASKS": "2", "SLURM_PROCID": "1"}, "slurm"),
    ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, None),
    ({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "SEQATTN_KUBERNETES_JOB": "job-name=train"},
     "kubernetes")])
def test_schedulers_that_started_several_processes(environment, name):
    assert scheduler(environment) == name


def test_where_there_must_be_workers():
    check_error(lambda: own_addresses({}), TF_CONFIG=None)
    assert own_addresses({"TF_CONFIG": _config(index=1)}) == (WORKERS, 1)


def test_what_slurm_says_becomes_a_cluster(monkeypatch):
    pytest.importorskip("tensorflow")
    for name, value in {"NTASKS": "3", "PROCID": "1", "STEP_NUM_TASKS": "3",
                        "STEP_NODELIST": "gpu1,n[07-08]", "STEP_TASKS_PER_NODE": "1(x3)"}.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    for name in ("TF_CONFIG", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, "")  # the resolver sets both; this puts them back
    assert cluster.resolve() == (["gpu1:8888", "n07:8888", "n08:8888"], 1)
    assert worker_addresses() == (["gpu1:8888", "n07:8888", "n08:8888"], 1)


def test_what_kubernetes_says_becomes_a_cluster(monkeypatch):
    """Its resolver asks a server; one that answers in its place lists the pods in any order."""
    tf = pytest.importorskip("tensorflow")
    asked = []

    class Resolver:
        def __init__(self, selectors):
            asked.append(selectors)

        def cluster_spec(self):
            return tf.train.ClusterSpec({"worker": ["10.0.0.3:8470", "10.0.0.2:8470"]})

    monkeypatch.setattr(
        tf.distribute.cluster_resolver, "KubernetesClusterResolver", Resolver)
    environment = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "JOB_COMPLETION_INDEX": "1",
                   "SEQATTN_KUBERNETES_JOB": "job-name=train"}
    assert cluster.resolve(environment) == (["10.0.0.2:8470", "10.0.0.3:8470"], 1)
    assert asked == [{"worker": ["job-name=train"]}]
    assert json.loads(environment["TF_CONFIG"])["task"] == {"type": "worker", "index": 1}


@pytest.fixture
def door():
    """Somebody who listens."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        yield f"127.0.0.1:{door.getsockname()[1]}"


def _free():
    with socket.create_server(("127.0.0.1", 0)) as door:
        return f"127.0.0.1:{door.getsockname()[1]}"


def test_a_worker_that_never_comes_is_named(door):
    absent = _free()
    check_error(lambda: wait_for_workers([_free(), door, absent], 0, 0.0),
                missing=[absent], waited_s=0.0)


def test_nobody_waits_when_all_are_there(door):
    own = _free()
    assert wait_for_workers([door, own], 1, 0.0) is None
    with socket.create_server(("127.0.0.1", int(own.rpartition(":")[2]))):
        pass  # the own port is free again for TensorFlow


def test_a_worker_that_comes_late_is_waited_for(monkeypatch):
    late, doors = _free(), []

    def sleep(_):
        doors.append(socket.create_server(("127.0.0.1", int(late.rpartition(":")[2]))))
    monkeypatch.setattr(cluster.time, "sleep", sleep)
    wait_for_workers([_free(), late], 0, 60.0)
    assert len(doors) == 1
    doors[0].close()


def test_a_port_that_is_taken():
    with socket.create_server(("", 0)) as taken:
        own = f"127.0.0.1:{taken.getsockname()[1]}"
        check_error(lambda: wait_for_workers([own], 0, 0.0), worker=own)
