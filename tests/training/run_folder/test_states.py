"""`keras_seqattn.training.run_folder.states`."""

import errno
import os

import keras
import numpy as np
import pytest
from arrays import normal

from keras_seqattn.testing import check_error
from keras_seqattn.training.optimizer.optimizer import AdamW
from keras_seqattn.training.run_folder import states
from keras_seqattn.training.run_folder.states import Position

POSITION = Position(2, 5, {"loss": [0.1, 1 / 3], "val_loss": [2.0, float("inf")]}, 1, 12.75)


@pytest.fixture
def arrays(rng):
    return {"model/0": normal(rng, 23, 29), "model/1": np.array([3, 5], "uint32"),
            "optimizer/0": np.array(7, "int64")}


def check_equal(one, other):
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert value.dtype == other[name].dtype
        np.testing.assert_array_equal(value, other[name])


def _model(mixed=False):
    model = keras.Sequential([
        keras.Input((3,)), keras.layers.Dense(5, dtype="mixed_float16" if mixed else None),
        keras.layers.Dropout(0.5), keras.layers.Dense(2, dtype="float32")])
    optimizer = AdamW(0.1, use_ema=True, gradient_accumulation_steps=2)
    model.compile(keras.optimizers.LossScaleOptimizer(optimizer) if mixed else optimizer, "mse",
                  weighted_metrics=["mae"])
    return model


@pytest.mark.parametrize("mixed", [False, True])
def test_a_training_goes_on_bit_for_bit(tmp_path, rng, mixed):
    """Weights, moments, accumulated gradients, averages, dropout and metrics are all in a state."""
    x, y = normal(rng, 4, 3), normal(rng, 4, 2)
    model, other = _model(mixed), _model(mixed)
    for _ in range(3):
        model.train_on_batch(x, y)
    states.write(tmp_path, POSITION, states.gather(model))
    other.train_on_batch(x + 1, y)
    position, stored, damaged = states.read(tmp_path)
    assert (position, damaged) == (POSITION, [])
    states.restore(other, stored)
    check_equal(states.gather(other), states.gather(model))
    for _ in range(3):
        results = [each.train_on_batch(x, y, return_dict=True) for each in (model, other)]
        assert results[0] == results[1]
    check_equal(states.gather(other), states.gather(model))


def test_a_state_holds_every_variable(rng):
    model = _model()
    model.train_on_batch(normal(rng, 4, 3), normal(rng, 4, 2))
    gathered = states.gather(model)
    parts = [len(model.variables), len(model.optimizer.variables), len(model.metrics_variables)]
    assert len(gathered) == sum(parts)
    assert sum("seed" in variable.path for variable in model.variables) == 1
    assert set(states.gather(model, ("optimizer",))) == {
        f"optimizer/{index}" for index in range(parts[1])}


def test_gathered_numbers_do_not_change_with_the_model(rng):
    model = _model()
    model.train_on_batch(normal(rng, 4, 3), normal(rng, 4, 2))
    gathered = states.gather(model)
    before = {name: value.copy() for name, value in gathered.items()}
    for _ in range(2):
        model.train_on_batch(normal(rng, 4, 3), normal(rng, 4, 2))
    check_equal(gathered, before)


def test_parts_are_put_back_alone(rng):
    model = _model()
    for _ in range(2):
        model.train_on_batch(normal(rng, 4, 3), normal(rng, 4, 2))
    first = states.gather(model)
    for _ in range(2):
        model.train_on_batch(normal(rng, 4, 3), normal(rng, 4, 2))
    last = states.gather(model)
    states.restore(model, first, ("metrics",))
    now = states.gather(model)
    check_equal({name: now[name] for name in now if name.startswith("metrics/")},
           {name: first[name] for name in first if name.startswith("metrics/")})
    check_equal({name: now[name] for name in now if not name.startswith("metrics/")},
           {name: last[name] for name in last if not name.startswith("metrics/")})


def test_a_state_of_another_model():
    model, other = _model(), keras.Sequential([keras.Input((3,)), keras.layers.Dense(7)])
    other.compile("sgd", "mse")
    check_error(lambda: states.restore(model, states.gather(other)),
                shape=(3, 5), stored=(3, 7))
    check_error(lambda: states.restore(other, {}), variable="model/0", stored="nothing")


def test_an_empty_folder_has_no_state(tmp_path):
    assert states.read(tmp_path) == (None, None, [])
    assert states.read(tmp_path / "absent") == (None, None, [])


def test_the_newest_states_stay(tmp_path, arrays):
    for epoch, step in ((0, 900), (0, 1000), (9, 0), (10, 0)):
        states.write(tmp_path, Position(epoch, step), arrays)
    assert [file.name for file in states.files(tmp_path)] == [
        "state-000010-000000000.npz", "state-000009-000000000.npz"]
    assert len(list(tmp_path.iterdir())) == states.KEPT == 2
    assert states.read(tmp_path)[0].epoch == 10


def test_the_newest_is_by_number_not_by_name(tmp_path, arrays):
    for step in (9, 10, 100):
        states.write(tmp_path, Position(3, step), arrays)
        assert states.read(tmp_path)[0].step == step


def _two(folder, arrays):
    states.write(folder, Position(0, 1), {name: value + 1 for name, value in arrays.items()})
    states.write(folder, Position(0, 2), arrays)
    return states.files(folder)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_a_truncated_state_is_passed_over_for_the_one_before(tmp_path, arrays, share):
    newest, _ = _two(tmp_path, arrays)
    content = newest.read_bytes()
    newest.write_bytes(content[:int(share * len(content))])
    position, stored, damaged = states.read(tmp_path)
    assert (position.step, damaged) == (1, [newest.name])
    check_equal(stored, {name: value + 1 for name, value in arrays.items()})


def test_a_flipped_bit_is_found_wherever_it_matters(tmp_path, arrays):
    """In each byte of a small file: either the state is passed over, or it reads the same."""
    arrays["model/0"] = arrays["model/0"][:2, :3]
    newest, _ = _two(tmp_path, arrays)
    content = newest.read_bytes()
    passed_over = 0
    for place in range(len(content)):
        flipped = bytes([content[place] ^ 1 << place % 8])
        newest.write_bytes(content[:place] + flipped + content[place + 1:])
        position, stored, damaged = states.read(tmp_path)
        if damaged:
            assert (position.step, damaged) == (1, [newest.name])
            passed_over += 1
        else:
            assert position == Position(0, 2)
            check_equal(stored, arrays)
    assert passed_over > len(content) / 2


def test_a_flipped_byte_in_a_weight_is_found(tmp_path, arrays):
    newest, _ = _two(tmp_path, arrays)
    content = bytearray(newest.read_bytes())
    place = bytes(content).index(arrays["model/0"].tobytes()) + 1000
    content[place] ^= 1
    newest.write_bytes(content)
    assert states.read(tmp_path)[2] == [newest.name]


def test_only_damaged_states(tmp_path, arrays):
    names = [file.name for file in _two(tmp_path, arrays)]
    for file in states.files(tmp_path):
        file.write_bytes(file.read_bytes()[:100])
    check_error(lambda: states.read(tmp_path), folder=str(tmp_path), damaged=names)


def test_a_state_of_unknown_fields_is_damaged(tmp_path, arrays):
    states.write(tmp_path, Position(), arrays)
    np.savez(tmp_path / "state-000000-000000009.npz", position=np.array('{"epochs": 3}'))
    np.savez(tmp_path / "state-000000-000000008.npz", **arrays)
    assert states.read(tmp_path)[2] == ["state-000000-000000009.npz", "state-000000-000000008.npz"]


@pytest.mark.parametrize(("module", "name"), [(os, "fsync"), (np, "savez")])
def test_a_full_disk_leaves_the_state_before(tmp_path, arrays, monkeypatch, module, name):
    states.write(tmp_path, Position(0, 1), arrays)
    before = states.files(tmp_path)[0].read_bytes()

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with monkeypatch.context() as patched:
        patched.setattr(module, name, full)
        check_error(lambda: states.write(tmp_path, Position(0, 2), arrays),
                    file=str(tmp_path / "state-000000-000000002.npz"),
                    error="No space left on device")
    assert [file.name for file in tmp_path.iterdir()] == ["state-000000-000000001.npz"]
    assert states.files(tmp_path)[0].read_bytes() == before
    assert states.read(tmp_path)[0].step == 1


def test_a_state_is_on_the_disk_before_it_has_its_name(tmp_path, arrays, monkeypatch):
    seen = []
    fsync = os.fsync

    def note(handle):
        seen.append([file.name for file in states.files(tmp_path)])
        fsync(handle)
    monkeypatch.setattr(os, "fsync", note)
    states.write(tmp_path, Position(0, 3), arrays)
    assert seen == [[], ["state-000000-000000003.npz"]]
