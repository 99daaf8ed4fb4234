"""`keras_seqattn.models.pretrained`."""

import hashlib
import json
import pathlib
import shutil

import keras
import numpy as np
import pytest

from keras_seqattn import models, trained
from keras_seqattn.data.tokenizer import Tokenizer
from keras_seqattn.testing import check_error


def _model():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])


def _check_same(model, other):
    np.testing.assert_array_equal(model.get_weights()[0], other.get_weights()[0])


@pytest.fixture
def run_folder(tmp_path):
    model = _model()
    model.save(tmp_path / "model.keras")
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    return tmp_path, model


@pytest.fixture
def wheel(server, run_folder, tmp_path, monkeypatch):
    """The package without its checkout: the listing of one model, which the server has."""
    shipped = tmp_path / "published" / "vit_pets"
    shipped.mkdir(parents=True)
    for name in ("model.keras", "labels.txt"):
        shutil.copy(run_folder[0] / name, shipped / name)
        server.files[f"/models/vit_pets/{name}"] = (shipped / name).read_bytes()
    listing = tmp_path / "shipped.json"
    listing.write_text(json.dumps({
        "base": f"{server.url}/models", "models": trained.list_shipped(shipped.parent)}))
    monkeypatch.setattr(trained, "LISTING", listing)
    monkeypatch.setattr(trained, "FOLDER", tmp_path / "missing")
    monkeypatch.setenv("KERAS_SEQATTN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("KERAS_SEQATTN_MODELS", raising=False)
    return tmp_path


def test_a_run_folder_and_a_file_are_the_same_model(run_folder):
    folder, model = run_folder
    for path in (folder, str(folder), folder / "model.keras"):
        loaded = models.load(path)
        _check_same(loaded, model)
        assert models.labels(path) == ["cat", "dog"]


def test_the_best_epoch_of_a_run_comes_first(run_folder):
    folder, model = run_folder
    best = _model()
    best.save(folder / "best.keras")
    _check_same(models.load(folder), best)
    _check_same(models.load(folder / "model.keras"), model)
    assert models.labels(folder) == ["cat", "dog"]


def test_files_in_one_folder_have_labels_of_their_own(run_folder):
    folder, _ = run_folder
    file = folder / "model.keras"
    for name in ("first", "second"):
        file.with_stem(name).write_bytes(file.read_bytes())
    (folder / "second.labels.txt").write_text("owl\nnewt\n")
    assert models.labels(folder / "first.keras") == ["cat", "dog"]
    assert models.labels(folder / "second.keras") == ["owl", "newt"]


def test_labels_may_be_missing(run_folder):
    folder, _ = run_folder
    (folder / "labels.txt").unlink()
    assert models.labels(folder) is None


def test_the_tokenizer_lies_beside_the_model(run_folder):
    folder, _ = run_folder
    assert models.tokenizer(folder) is None
    (folder / "tokenizer.json").write_text(Tokenizer("abé").to_json(), encoding="utf-8")
    for path in (folder, str(folder), folder / "model.keras"):
        assert models.tokenizer(path).tokens[4:] == ("a", "b", "é")
    (folder / "tokenizer.json").write_text("[]")
    with pytest.raises(ValueError, match="To fix"):
        models.tokenizer(folder)


@pytest.mark.parametrize("name", ["vit_nowhere", "nowhere.keras"])
def test_a_model_that_is_not_there(name, tmp_path):
    check_error(lambda: models.load(str(tmp_path / name)), model=str(tmp_path / name))
    with pytest.raises(ValueError, match="the path must exist"):
        models.load(tmp_path / name)


def test_a_path_meets_its_neighbour(tmp_path):
    (tmp_path / "runs" / "demo").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"did you mean '.*runs/demo'"):
        models.load(str(tmp_path / "runs" / "dmeo"))
    with pytest.raises(ValueError, match=r"must hold `best\.keras`"):
        models.load(str(tmp_path / "runs" / "demo"))


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 torn"])
def test_a_model_that_cannot_be_read(content, tmp_path):
    path = tmp_path / "model.keras"
    path.write_bytes(content)
    check_error(lambda: models.load(path), model=str(path))


def test_a_class_that_nobody_knows_is_named(tmp_path):
    class Strange(keras.layers.Layer):
        def call(self, inputs):
            return inputs

    inputs = keras.Input((3,))
    keras.Model(inputs, Strange()(inputs)).save(tmp_path / "m.keras")
    check_error(lambda: models.load(tmp_path / "m.keras"), unknown="Strange")


def test_python_code_is_refused(tmp_path):
    inputs = keras.Input((3,))
    keras.Model(inputs, keras.layers.Lambda(lambda x: x)(inputs)).save(tmp_path / "m.keras")
    with pytest.raises(ValueError, match="Lambda layer"):
        models.load(tmp_path / "m.keras")


def test_a_file_with_another_hash_is_refused(run_folder):
    file = run_folder[0] / "model.keras"
    received = hashlib.sha256(file.read_bytes()).hexdigest()
    _check_same(models.load(file, sha256=received), run_folder[1])
    for sha256 in ("0" * 64, ""):
        check_error(lambda sha256=sha256: models.load(file, sha256=sha256), source=str(file),
                    sha256=sha256, received=received)


def test_a_checkout_needs_no_network(wheel, server, run_folder, monkeypatch):
    monkeypatch.setattr(trained, "FOLDER", wheel / "published")
    _check_same(models.load("vit_pets"), run_folder[1])
    assert models.labels("vit_pets") == ["cat", "dog"]
    assert server.requests == []
    assert not (wheel / "cache").exists()


def test_a_wheel_downloads_once_and_then_works_offline(wheel, server, run_folder):
    _check_same(models.load("vit_pets"), run_folder[1])
    server.stop()
    _check_same(models.load("vit_pets"), run_folder[1])
    assert models.labels("vit_pets") == ["cat", "dog"]
    assert [path for path, *_ in server.requests] == [
        "/models/vit_pets/model.keras", "/models/vit_pets/labels.txt"]


def test_a_path_is_no_name(wheel, server, monkeypatch):
    monkeypatch.chdir(wheel)
    check_error(lambda: models.load(pathlib.Path("vit_pets")), model="vit_pets")
    assert server.requests == []


@pytest.mark.parametrize("name", ["model.keras", "labels.txt"])
def test_a_spoilt_cache_is_replaced(wheel, run_folder, name):
    models.load("vit_pets")
    (wheel / "cache" / "vit_pets" / name).write_bytes(b"spoilt")
    _check_same(models.load("vit_pets"), run_folder[1])
    assert models.labels("vit_pets") == ["cat", "dog"]


@pytest.mark.parametrize("name", ["model.keras", "labels.txt"])
def test_a_server_with_other_content_is_refused(wheel, server, name):
    server.files[f"/models/vit_pets/{name}"] += b"more"
    check_error(lambda: models.load("vit_pets"), source=f"{server.url}/models/vit_pets/{name}")
    assert not (wheel / "cache" / "vit_pets" / name).exists()


def test_a_cut_download_leaves_nothing_that_loads(wheel, server, run_folder):
    server.faults = [101, 17, 5]
    check_error(lambda: models.load("vit_pets"), ConnectionError, bytes=123)
    assert not (wheel / "cache" / "vit_pets" / "model.keras").exists()
    _check_same(models.load("vit_pets"), run_folder[1])
    assert server.requests[3][1:3] == ("bytes=123-", 206)


def test_a_mirror(wheel, server, run_folder, monkeypatch):
    server.files = {path.replace("/models/", "/mirror/"): content
                    for path, content in server.files.items()}
    monkeypatch.setenv("KERAS_SEQATTN_MODELS", f"{server.url}/mirror/")
    _check_same(models.load("vit_pets"), run_folder[1])


@pytest.mark.parametrize(("variables", "folder"), [
    ({"XDG_CACHE_HOME": "{0}/xdg"}, "xdg/keras_seqattn"), ({}, "home/.cache/keras_seqattn")])
def test_the_usual_cache_folder(wheel, monkeypatch, variables, folder):
    for name in ("KERAS_SEQATTN_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "{0}/home", "USERPROFILE": "{0}/home", **variables}.items():
        monkeypatch.setenv(name, value.format(wheel))
    models.load("vit_pets")
    assert (wheel / folder / "vit_pets" / "model.keras").is_file()


def test_a_url_with_a_hash_is_downloaded_once(wheel, server, run_folder):
    url = f"{server.url}/models/vit_pets/model.keras"
    sha256 = hashlib.sha256(server.files["/models/vit_pets/model.keras"]).hexdigest()
    for _ in range(2):
        _check_same(models.load(url, sha256), run_folder[1])
    assert models.labels(url) is models.tokenizer(url) is None
    assert len(server.requests) == 1


def test_a_url_without_a_hash_is_downloaded_anew(wheel, server, run_folder):
    url = f"{server.url}/models/vit_pets/model.keras"
    _check_same(models.load(url), run_folder[1])
    other = _model()
    other.save(wheel / "other.keras")
    server.files["/models/vit_pets/model.keras"] = (wheel / "other.keras").read_bytes()
    _check_same(models.load(url), other)


def test_two_urls_are_two_files(wheel, server, run_folder):
    other = _model()
    other.save(wheel / "other.keras")
    server.files["/other/model.keras"] = (wheel / "other.keras").read_bytes()
    for path, model in (("models/vit_pets", run_folder[1]), ("other", other)):
        sha256 = hashlib.sha256(server.files[f"/{path}/model.keras"]).hexdigest()
        _check_same(models.load(f"{server.url}/{path}/model.keras", sha256), model)
    assert len(list((wheel / "cache" / "urls").iterdir())) == 2


def test_a_url_that_leads_nowhere(wheel, server):
    check_error(lambda: models.load(f"{server.url}/cat.keras"), url=f"{server.url}/cat.keras",
                status="404 Not Found")


def test_an_unknown_name_meets_the_nearest(wheel):
    with pytest.raises(ValueError, match="did you mean 'vit_pets'"):
        models.load("vit_pet")
