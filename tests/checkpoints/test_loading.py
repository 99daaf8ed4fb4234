"""Checkpoints of every format: the numbers of the projects that wrote them, and what is told."""

import re

import drawn
import keras
import numpy as np
import pytest
from keras import ops
from safetensors.numpy import load_file, save_file
from tolerances import FLOAT32, GOLDEN

from keras_seqattn import checkpoints, models
from keras_seqattn.checkpoints.families import torchvision
from keras_seqattn.checkpoints.loading import recognise
from keras_seqattn.checkpoints.weights.state import State
from keras_seqattn.testing import check_error

GOLDENS = {
    "google_vit_npz/token": "google", "google_vit_npz/gap": "google",
    "google_vit_npz/pre_logits": "google", "big_vision_vit_npz/gap": "big_vision",
    "big_vision_vit_npz/gap_rep_sincos2d": "big_vision", "big_vision_vit_npz/map": "big_vision",
    "big_vision_vit_npz/map_scan_img": "big_vision", "hf_vit/eps1e-12": "huggingface",
    "hf_vit/eps1e-6": "huggingface", "timm_vit/class_token": "timm",
    "hf_vit_gpt2/projected": "huggingface-encoder-decoder",
}
# Recorded models without a head, and the key that they lack.
HEADLESS = {"huggingface-bit/backbone": ["classifier.1.weight"]} | {
    name: ["classifier.weight"] for name in (
        "huggingface/backbone", "huggingface/masked", "dinov2/backbone",
        "dinov2/backbone_with_registers")}
# Patterns of what recorded models hold besides the ViT: other towers, masks, heads not read.
UNUSED = {
    "huggingface": r"pooler\..*|decoder\..*|vit\.embeddings\.mask_token",
    "dinov2": r"(\w+\.)?embeddings\.mask_token", "beit": r"beit\.embeddings\.mask_token",
    "clip": r"text_model\..*|text_projection.*|logit_scale|vision_model\.post_layernorm\..*",
    "siglip": r"text_model\..*|logit_(scale|bias)|vision_model\.head\..*",
    "vit_pytorch": "cls_token"}
# What the goldens record, and the layer that makes it here.
INSIDE = {"encoded_tokens": "norm", "last_hidden_state": "norm", "forward_features": "norm",
          "head_input": "pool"}


def _run(model, images, layer=None):
    if layer is not None:
        model = keras.Model(model.input, model.get_layer(layer).output)
    return ops.convert_to_numpy(model(images))


@pytest.mark.parametrize("name", GOLDENS)
def test_goldens(goldens, name):
    folder = goldens / name
    with np.load(folder / "io.npz", allow_pickle=False) as arrays:
        io = dict(arrays)
    model, report = checkpoints.load_with_report(folder)
    assert report.source == GOLDENS[name]
    assert (report.missing, report.reshaped) == ([], {})
    assert set(report.unused) <= {"params/t", "params/b", "encoder.pooler.dense.weight",
                                  "encoder.pooler.dense.bias"}
    images = io["images"] if "images" in io else io["pixel_values"]
    images = images.transpose(0, 2, 3, 1) if images.shape[1] == 3 else images
    if "decoder_input_ids" in io:
        images = {"images": images, "tokens": io["decoder_input_ids"].astype("int32")}
    np.testing.assert_allclose(_run(model, images), io["logits"], atol=FLOAT32, rtol=0)
    for what, layer in INSIDE.items():
        if what in io:
            np.testing.assert_allclose(_run(model, images, layer), io[what], atol=GOLDEN, rtol=0)
    if "pos_embedding" in io:
        positions = model.get_layer("positions")
        np.testing.assert_allclose(positions.embeddings, io["pos_embedding"][0], atol=1e-6)
        assert not positions.trainable_weights


@pytest.mark.parametrize(("name", "source"), [
    ("bit_npz/w8_groups8", "bit"), ("hf_imagegpt/tiny", "imagegpt"),
    ("openai_dvae/tiny", "openai"), ("openai_dvae/tiny/decoder.safetensors", "openai")])
def test_formats_with_loaders_of_their_own_are_known_too(goldens, name, source):
    _, report = checkpoints.load_with_report(goldens / name)
    assert report.source == source
    assert (report.unused, report.missing, report.reshaped) == ([], [], {})


@pytest.mark.parametrize("name", drawn.recorded())
def test_recorded_models(recorded, name):
    folder, images, outputs = recorded(name)
    options = {"num_heads": 3} if name.startswith("torchvision") else {}
    model, report = checkpoints.load_with_report(folder, **options)
    assert report.source == name.partition("/")[0]
    assert report.missing == HEADLESS.get(name, [])
    assert all(re.fullmatch(UNUSED.get(name.partition("/")[0], "(?!)"), key)
               for key in report.unused)
    made = _run(model, images)
    np.testing.assert_allclose(made, outputs, atol=FLOAT32, rtol=0)
    checkpoints.save(model, folder / "own.safetensors")
    np.testing.assert_array_equal(_run(checkpoints.load(folder / "own.safetensors"), images), made)


@pytest.mark.parametrize("name", ["timm/registers", "timm/gates", "torchvision/representation"])
def test_a_second_load_is_equal_bit_for_bit(recorded, name):
    folder, images, _ = recorded(name)
    options = {"num_heads": 3} if name.startswith("torchvision") else {}
    one, other = (checkpoints.load(folder / "model.safetensors", **options) for _ in range(2))
    np.testing.assert_array_equal(_run(one, images), _run(other, images))


def test_files_without_a_configuration(recorded):
    """What no array tells is the caller's to say, or is usual."""
    folder, images, outputs = recorded("timm/average")
    (folder / "config.json").unlink()
    check_error(lambda: checkpoints.load(folder), num_heads=None, embed_dim=12)
    check_error(lambda: checkpoints.load(folder, num_heads=5), num_heads=5)
    check_error(lambda: checkpoints.load(folder, num_heads=3), rows=6, prefix_tokens=3)
    model = checkpoints.load(folder, num_heads=3, image_shape=(8, 12, 3))
    np.testing.assert_allclose(_run(model, images), outputs, atol=FLOAT32, rtol=0)


@pytest.mark.parametrize(("name", "assumed"), [
    ("beit/average", {"layer_norm_eps": 1e-12, "hidden_act": "gelu"}),
    ("dinov2/registers", {"layer_norm_eps": 1e-6, "hidden_act": "gelu"}),
    ("huggingface/no_bias", {"layer_norm_eps": 1e-12, "hidden_act": "gelu"}),
    ("siglip/tower", {"layer_norm_eps": 1e-6, "hidden_act": "gelu_pytorch_tanh"})])
def test_what_is_assumed_without_a_configuration_is_told(recorded, name, assumed):
    folder, images, _ = recorded(name)
    (folder / "config.json").unlink()
    given = {"num_heads": 3, "image_shape": images.shape[1:]}
    assert checkpoints.load_with_report(folder, **given)[1].assumed == assumed
    first, value = next(iter(assumed.items()))
    with pytest.warns(UserWarning, match=f"no config.json, so assumed: {first}={value}"):
        checkpoints.load(folder, **given)


def test_heads_are_known_of_published_widths_only(tmp_path):
    """64 is the usual size of a head, and no rule."""
    model = models.vit("nano", 2, (6, 10, 3), 5, num_layers=1, num_heads=4, embed_dim=64,
                       mlp_dim=7, seed=3)
    arrays: dict = {}
    for link in torchvision.LAYOUT.links(model):
        arrays |= link.read()
    save_file(arrays, tmp_path / "model.safetensors")
    shape = {"image_shape": (6, 10, 3)}
    check_error(lambda: checkpoints.load(tmp_path, **shape), num_heads=None, embed_dim=64)
    images = np.ones((1, 6, 10, 3), "float32")
    np.testing.assert_allclose(_run(checkpoints.load(tmp_path, num_heads=4, **shape), images),
                               _run(model, images), atol=FLOAT32)


def test_a_clip_without_its_configuration_is_refused(recorded):
    """OpenAI's are of quick GELU and OpenCLIP's of the same size are not."""
    folder, *_ = recorded("clip/tower")
    (folder / "config.json").unlink()
    check_error(lambda: checkpoints.load(folder, num_heads=3), config={})


def test_pytorchs_own_files(recorded, tmp_path):
    torch = pytest.importorskip("torch")
    folder, images, outputs = recorded("timm/registers")
    state = load_file(folder / "model.safetensors")
    torch.save({key: torch.from_numpy(array) for key, array in state.items()}, folder / "x.pth")
    np.testing.assert_allclose(_run(checkpoints.load(folder / "x.pth"), images), outputs,
                               atol=FLOAT32, rtol=0)


def _save(path, arrays):
    np.savez(path, **arrays)
    return path


def test_what_has_no_place_is_named(google, tmp_path):
    arrays = {**google(**{"head/kernel": None, "head/bias": None}), "step": np.ones(3)}
    path = _save(tmp_path / "x.npz", arrays)
    with pytest.warns(UserWarning, match=r"1 arrays without a place: step; 1 usual .* head/kernel"):
        model = checkpoints.load(path, image_shape=(6, 10, 3))
    assert model.output_shape == (None, 6)
    report = checkpoints.load_with_report(path, image_shape=(6, 10, 3))[1]
    assert report.to_dict() == {"source": "google", "unused": ["step"],
                                "missing": ["head/kernel"], "reshaped": {}, "labels": None,
                                "others": [], "assumed": {}}


@pytest.mark.parametrize("key", [
    "Transformer/encoderblock_0/gate/kernel", "conv_root/kernel", "embedding/scale"])
def test_parts_that_change_the_numbers_are_refused(google, tmp_path, key):
    path = _save(tmp_path / "x.npz", google(**{key: (3,)}))
    check_error(lambda: checkpoints.load(path, image_shape=(6, 10, 3)), keys=[key], number=1)


def test_what_is_not_known(google, tmp_path):
    path = _save(tmp_path / "x.npz", {"z": np.ones(3), "y": np.ones(2)})
    check_error(lambda: checkpoints.load(path), keys=["y", "z"], number_of_arrays=2)
    check_error(lambda: checkpoints.load(path, "googel"), source="googel")
    path = _save(tmp_path / "x.npz", google())
    check_error(lambda: checkpoints.load(path, num_heads=3), num_heads=3)


def test_names_of_classes(goldens):
    report = checkpoints.load_with_report(goldens / "hf_vit" / "eps1e-6")[1]
    assert report.labels == ["cat", "dog", "horse", "owl", "newt"]


def test_names_of_classes_survive_saving(goldens, tmp_path):
    model = checkpoints.load(goldens / "hf_vit" / "eps1e-6")
    checkpoints.save(model, tmp_path / "x.safetensors")
    back, report = checkpoints.load_with_report(tmp_path / "x.safetensors")
    assert report.labels == ["cat", "dog", "horse", "owl", "newt"]
    assert list(back.labels) == report.labels


def _patches(model):
    return ops.convert_to_numpy(model.get_layer("patches").weights[0])


@pytest.fixture
def trained(goldens, tmp_path):
    """Writes what a training of big_vision writes, given the prefixes of its trees."""
    with np.load(goldens / "big_vision_vit_npz" / "map" / "checkpoint.npz") as arrays:
        plain = {key.removeprefix("params/"): array for key, array in arrays.items()}

    def write(*prefixes):
        """The trees are 1, 2, … times the published one."""
        return plain["embedding/kernel"], _save(tmp_path / "checkpoint.npz", {
            f"{prefix}{key}": array * number for number, prefix in enumerate(prefixes, 1)
            for key, array in plain.items()} | {"chrono/steps": np.ones(1)})

    return write


@pytest.mark.parametrize(("prefixes", "number", "others"), [
    (["opt/0/mu/", "opt/0/nu/", "params/"], 3, []),
    (["params/", "opt/0/mu/"], 1, []),
    (["opt/0/mu/img/", "params/img/"], 2, []),
    (["optimizer/state/", "optimizer/target/"], 2, []),
    (["opt/target/"], 1, []),
    (["params/a/", "params/img/"], 2, ["params/a"])])
def test_an_optimisers_trees_of_the_same_keys_are_not_the_weights(
        trained, prefixes, number, others):
    kernel, path = trained(*prefixes)
    model, report = checkpoints.load_with_report(path)
    np.testing.assert_array_equal(_patches(model), kernel * number)
    assert report.source == "big_vision"
    assert report.others == others
    assert "chrono/steps" in report.unused


def test_one_of_several_towers_is_named(trained):
    kernel, path = trained("params/a/", "params/b/")
    check_error(lambda: checkpoints.load(path), weights=None, trees=["params/a", "params/b"])
    check_error(lambda: checkpoints.load(path, weights="c"), weights="c")
    for weights in ("b", "params/b"):
        model, report = checkpoints.load_with_report(path, weights=weights)
        np.testing.assert_array_equal(_patches(model), kernel * 2)
        assert report.others == ["params/a"]
    with pytest.warns(UserWarning, match="1 further weights, for weights=: params/b"):
        checkpoints.load(path, weights="a")


@pytest.mark.parametrize("prefix", ["model.", "module.", "_orig_mod.", "module._orig_mod.",
                                    "net.vit._orig_mod.", "model.module."])
def test_modules_inside_others(recorded, prefix):
    folder, images, outputs = recorded("timm/registers", lambda state, config: [
        state.update({prefix + key: state.pop(key)}) for key in list(state)])
    model, report = checkpoints.load_with_report(folder)
    np.testing.assert_allclose(_run(model, images), outputs, atol=FLOAT32, rtol=0)
    assert (report.unused, report.others) == ([], [])


@pytest.mark.parametrize(("names", "others"), [
    (("ema_model", "model"), ["model"]), (("teacher", "student"), ["student"])])
def test_averages_beside_the_weights(recorded, names, others):
    def wrap(state, config):
        for key in list(state):
            array = state.pop(key)
            state.update({f"{name}.{key}": array * factor
                          for factor, name in enumerate(names, 1)})
        state["loss.weight"] = np.ones(3, "float32")

    folder, images, outputs = recorded("timm/registers", wrap)
    model, report = checkpoints.load_with_report(folder)
    np.testing.assert_allclose(_run(model, images), outputs, atol=FLOAT32, rtol=0)
    assert report.others == others
    assert "loss.weight" in report.unused
    kernel = _patches(model)
    other = checkpoints.load_with_report(folder, weights=names[1])[0]
    np.testing.assert_allclose(_patches(other), kernel * 2)
    check_error(lambda: checkpoints.load(folder, weights="best"), weights="best")


def test_names_that_hugging_faces_library_has_in_memory(recorded):
    """transformers 5 renames the modules of a ViT, but writes files under the earlier names."""
    new = {"encoder.layer.": "layers.", "attention.attention.query": "attention.q_proj",
           "attention.attention.key": "attention.k_proj", "intermediate.dense": "mlp.fc1",
           "attention.attention.value": "attention.v_proj",
           "attention.output.dense": "attention.o_proj", ".0.output.dense": ".0.mlp.fc2"}

    def rename(state, config):
        for key in list(state):
            array, name = state.pop(key), key
            for old, now in new.items():
                name = name.replace(old, now)
            state[name] = array

    folder, images, outputs = recorded("huggingface/two_heads", rename)
    model, report = checkpoints.load_with_report(folder)
    np.testing.assert_allclose(_run(model, images), outputs, atol=FLOAT32, rtol=0)
    assert report.unused == []


@pytest.mark.parametrize(("keys", "name"), [
    (["resnet/root_block/standardized_conv2d/kernel", "resnet/head/conv2d/bias"], "bit"),
    (["blocks.input.w", "blocks.group_1.block_1.res_path.conv_1.w"], "openai"),
    (["transformer.wte.weight", "transformer.h.0.attn.c_attn.weight", "lm_head.weight"],
     "imagegpt")])
def test_formats_are_known_by_their_keys(keys, name):
    family, state = recognise(State(dict.fromkeys(keys)))
    assert (family.name, list(state)) == (name, keys)
