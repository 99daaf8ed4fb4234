"""Sizes that arrays tell, and sizes that they do not."""

import json

import numpy as np
from keras import ops
from tolerances import FLOAT32

from keras_seqattn import checkpoints, models
from keras_seqattn.testing import check_error


def _run(model, images):
    return ops.convert_to_numpy(model(images))


def _save(path, arrays):
    np.savez(path, **arrays)
    return path


def test_another_resolution(goldens):
    folder = goldens / "google_vit_npz" / "token"
    with np.load(folder / "io.npz", allow_pickle=False) as arrays:
        io = dict(arrays)
    model, report = checkpoints.load_with_report(folder, image_shape=(48, 48, 3))
    np.testing.assert_allclose(_run(model, io["images_hires"]), io["logits_hires"],
                               atol=FLOAT32, rtol=0)
    np.testing.assert_allclose(model.get_layer("positions").embeddings,
                               io["pos_embedding_hires"][0], atol=1e-6)
    assert report.reshaped == {
        "Transformer/posembed_input/pos_embedding": ((1, 17, 48), (1, 37, 48))}
    assert models.resize(model, (64, 64, 3)).get_layer("positions").interpolation == "corners"
    any_size = checkpoints.load(folder, image_shape=(None, None, 3))
    np.testing.assert_allclose(_run(any_size, io["images_hires"]), io["logits_hires"],
                               atol=FLOAT32, rtol=0)


def test_grids_that_are_no_square(google, tmp_path):
    path = _save(tmp_path / "x.npz", google())
    check_error(lambda: checkpoints.load(path), rows=16, prefix_tokens=1)
    model, report = checkpoints.load_with_report(path, image_shape=(6, 10, 3))
    assert model.input_shape == (None, 6, 10, 3)
    assert report.reshaped == {}
    (tmp_path / "config.json").write_text('{"image_size": [6, 10]}', encoding="utf-8")
    assert checkpoints.load(path).input_shape == (None, 6, 10, 3)
    model, report = checkpoints.load_with_report(path, image_shape=(10, 14, 3))
    assert model.input_shape == (None, 10, 14, 3)
    assert list(report.reshaped.values()) == [((1, 16, 6), (1, 36, 6))]
    check_error(lambda: checkpoints.load(path, image_shape=(6, 10, 1)), channels=3)


def test_shapes_that_do_not_fit_name_the_layer(google, tmp_path):
    key = "Transformer/encoderblock_0/MlpBlock_3/Dense_1/kernel"
    path = _save(tmp_path / "x.npz", google(**{key: (5, 6)}))
    check_error(lambda: checkpoints.load(path, image_shape=(6, 10, 3)), key=key, shape=(5, 6),
                expected=(7, 6), layer="block_0/feed_forward/output/kernel")
    path = _save(tmp_path / "x.npz", google(**{"embedding/kernel": (2, 3, 3, 6)}))
    check_error(lambda: checkpoints.load(path), key="embedding/kernel", shape=(2, 3, 3, 6))


def test_waves_need_the_size_of_the_image(google, tmp_path):
    arrays = google(**{"Transformer/posembed_input/pos_embedding": None, "cls": None})
    names = {"MultiHeadDotProductAttention_1": "MultiHeadDotProductAttention_0",
             "LayerNorm_2": "LayerNorm_1", "MlpBlock_3": "MlpBlock_0"}
    for old, new in names.items():
        arrays = {f"{key.replace(old, new)}": array for key, array in arrays.items()}
    path = _save(tmp_path / "x.npz", {f"params/{key}": value for key, value in arrays.items()})
    check_error(lambda: checkpoints.load(path), image_shape=None)


def test_waves_of_the_size_of_the_configuration(goldens, tmp_path):
    """Without a table, each size has waves of its own. None are resized."""
    folder = goldens / "big_vision_vit_npz" / "gap_rep_sincos2d"
    (tmp_path / "config.json").write_text(json.dumps({"image_size": [32, 48]}), encoding="utf-8")
    (tmp_path / "checkpoint.npz").write_bytes((folder / "checkpoint.npz").read_bytes())
    model, report = checkpoints.load_with_report(tmp_path)
    assert model.input_shape == (None, 32, 48, 3)
    larger, _ = checkpoints.load_with_report(tmp_path, image_shape=(48, 32, 3))
    one, other = (ops.convert_to_numpy(each.get_layer("positions").embeddings)
                  for each in (model, larger))
    assert one.shape == other.shape
    assert not np.allclose(one, other)
    assert report.reshaped == {}
    check_error(lambda: checkpoints.load(tmp_path, image_shape=(None, None, 3)),
                image_shape=(None, None, 3))


def test_heads_that_no_width_has(recorded):
    folder, *_ = recorded("timm/registers")
    for num_heads in (0, -3, 5):
        check_error(lambda num_heads=num_heads: checkpoints.load(folder, num_heads=num_heads),
                    num_heads=num_heads, embed_dim=12)
