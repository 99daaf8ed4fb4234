"""`keras_seqattn.models.vision_transformer`."""

import pathlib
import runpy

import keras
import numpy as np
import pytest
from keras import ops
from tolerances import GOLDEN

from keras_seqattn import models
from keras_seqattn.layers import ConvStem
from keras_seqattn.models.vision_transformer import SIZES
from keras_seqattn.testing import check_error

# Published for 224x224, 1,000 classes and a class token by Dosovitskiy et al. 2021 and the code of
# its authors. Tiny and small are Touvron's et al. 2021. Nano is ours, counted by hand below.
PARAMS = {
    ("tiny", 16): 5_717_416, ("small", 16): 22_050_664, ("base", 16): 86_567_656,
    ("base", 32): 88_224_232, ("large", 16): 304_326_632, ("large", 32): 306_535_400,
    ("huge", 14): 632_045_800,
}
GOLDEN_FOLDER = pathlib.Path(__file__).parents[1] / "golden"


def _count(size, patch_size, image_shape=(224, 224, 3), num_classes=1000):
    """The paper's arithmetic, from the sizes alone."""
    layers, _, dim, inner = SIZES[size]
    grid = (image_shape[0] // patch_size) * (image_shape[1] // patch_size)
    block = 4 * (dim * dim + dim) + dim * inner + inner + inner * dim + dim + 4 * dim
    embedding = patch_size ** 2 * image_shape[2] * dim + dim + dim + (grid + 1) * dim
    return embedding + layers * block + 2 * dim + dim * num_classes + num_classes


def test_the_table_covers_every_size():
    assert {size for size, _ in PARAMS} | {"nano"} == set(SIZES)


@pytest.mark.parametrize(("key", "params"), PARAMS.items())
def test_published_parameter_counts(key, params):
    assert _count(*key) == params


@pytest.mark.parametrize(("size", "patch_size"), [("nano", 14), ("tiny", 16), ("base", 32)])
def test_parameter_count_of_the_model(size, patch_size):
    assert models.vit(size, patch_size).count_params() == _count(size, patch_size)


@pytest.mark.parametrize(("size", "patch_size"), [("large", 16), ("large", 32), ("huge", 14)])
def test_large_models_count_right_by_their_blocks(size, patch_size):
    """One block built and multiplied: memory for all of them is not needed to count them."""
    one = models.vit(size, patch_size, num_layers=1).count_params()
    two = models.vit(size, patch_size, num_layers=2).count_params()
    assert one + (SIZES[size][0] - 1) * (two - one) == PARAMS[size, patch_size]


@pytest.mark.parametrize("pooling", ["token", "mean"])
@pytest.mark.parametrize("position", ["learned", "sinusoidal"])
@pytest.mark.parametrize("stem", ["patch", "conv"])
def test_saves_and_loads(rng, tmp_path, pooling, position, stem):
    model = models.vit("nano", 8, (24, 16, 3), 5, stem=stem, pooling=pooling, position=position,
                       num_layers=1, num_heads=3, embed_dim=12, mlp_dim=17)
    model.set_weights([rng.normal(size=w.shape) for w in model.weights])
    model.save(tmp_path / "model.keras")
    images = rng.uniform(-1, 1, size=(2, 24, 16, 3)).astype("float32")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        ops.convert_to_numpy(model(images)), ops.convert_to_numpy(again(images)))


def test_the_stem_is_what_makes_the_patches():
    """All but the layer "patches" is the same, on the same grid."""
    patch, conv = (models.vit("nano", 8, (24, 16, 3), 5, stem=stem, num_layers=1)
                   for stem in ("patch", "conv"))
    assert isinstance(conv.get_layer("patches"), ConvStem)
    shapes = [{weight.path: weight.shape for weight in model.weights
               if "patches/" not in weight.path} for model in (patch, conv)]
    assert shapes[0] == shapes[1]


def test_pixel_statistics_are_those_that_were_given(tmp_path):
    given = {"pixel_mean": [0.1, -0.2, 0.3], "pixel_std": [0.5, 0.07, 1.1]}
    model = models.vit("nano", 8, (16, 16, 3), 5, num_layers=1, **given)
    model.save(tmp_path / "model.keras")
    for each in (model, keras.saving.load_model(tmp_path / "model.keras")):
        found = models.pixel_statistics(each)
        assert found.keys() == given.keys()
        for name, values in given.items():
            np.testing.assert_allclose(found[name], values, rtol=1e-12)


def test_a_model_that_does_not_standardise_has_no_pixel_statistics():
    assert models.pixel_statistics(models.vit("nano", 8, (16, 16, 3), 5, num_layers=1)) == {}


def test_first_logits_are_zero(rng):
    model = models.vit("nano", 7, (14, 14, 3), 5, num_layers=1)
    assert not ops.convert_to_numpy(model(rng.normal(size=(2, 14, 14, 3)))).any()


def test_drop_path_grows_linearly():
    model = models.vit("nano", 7, (14, 14, 3), 5, num_layers=3, drop_path=0.2)
    rates = [model.get_layer(f"block_{i}").drop_path for i in range(3)]
    np.testing.assert_allclose(rates, [0.0, 0.1, 0.2])


def test_mixed_precision_returns_float32_logits():
    model = models.vit("nano", 7, (14, 14, 3), 5, num_layers=1, dtype="mixed_bfloat16")
    assert model.get_layer("block_0").compute_dtype == "bfloat16"
    assert keras.backend.standardize_dtype(model.output.dtype) == "float32"


@pytest.mark.parametrize("pooling", ["token", "mean"])
def test_golden_logits(pooling):
    maker = runpy.run_path(str(GOLDEN_FOLDER / "make_vit_nano.py"))
    model, images = maker["build"](pooling)
    with np.load(GOLDEN_FOLDER / "vit_nano.npz", allow_pickle=False) as recorded:
        expected = recorded[pooling]
    np.testing.assert_allclose(ops.convert_to_numpy(model(images)), expected, atol=GOLDEN)


def _from_timm(weights, path):
    """The array of a timm checkpoint that belongs to one of our weights."""
    if path.endswith("patches/projection/kernel"):
        return weights["patch_embed.proj.weight"].transpose(2, 3, 1, 0)
    first, _, rest = path.partition("/")
    if first.startswith("block_"):
        first, rest = f"blocks.{first[6:]}.", rest
    if rest.startswith("attention/") and "attention_output" not in rest:
        which = ("query", "key", "value").index(rest.split("/")[1])
        if rest.endswith("bias"):
            return np.split(weights[f"{first}attn.qkv.bias"], 3)[which].reshape(3, 16)
        return np.split(weights[f"{first}attn.qkv.weight"], 3)[which].T.reshape(48, 3, 16)
    names = {"patches/projection/": "patch_embed.proj.", "class_token/token": "cls_token",
             "positions/embeddings": "pos_embed", "norm/": "norm.", "logits/": "head.",
             "attention/attention_output/": "attn.proj.", "attention_norm/": "norm1.",
             "feed_forward_norm/": "norm2.", "feed_forward/hidden/": "mlp.fc1.",
             "feed_forward/output/": "mlp.fc2."}
    path, start = (rest, first) if first.startswith("blocks.") else (path, "")
    prefix = max((name for name in names if path.startswith(name)), key=len)
    kind = {"kernel": "weight", "gamma": "weight", "beta": "bias", "bias": "bias"}.get(
        path[len(prefix):], "")
    array = weights[start + names[prefix] + kind]
    return array.T if path.endswith("kernel") else array


def test_same_as_timm(goldens):
    """The architecture is the paper's: weights of another implementation give its logits."""
    safetensors = pytest.importorskip("safetensors.numpy")
    folder = goldens / "timm_vit" / "class_token"
    weights = safetensors.load_file(folder / "model.safetensors")
    with np.load(folder / "io.npz", allow_pickle=False) as arrays:
        images, logits = arrays["images"].transpose(0, 2, 3, 1), arrays["logits"]
    model = models.vit("nano", 8, (32, 32, 3), 10, num_layers=2, num_heads=3, embed_dim=48,
                       mlp_dim=192)
    for weight in model.weights:
        weight.assign(np.reshape(_from_timm(weights, weight.path), weight.shape))
    np.testing.assert_allclose(ops.convert_to_numpy(model(images)), logits, atol=GOLDEN)


@pytest.mark.parametrize(("kwargs", "shape", "tokens"), [
    ({"num_registers": 2}, (None, 5), 9), ({"pooling": "map"}, (None, 5), 6),
    ({"pooling": "mean", "class_token": True, "norm_after_pooling": True}, (None, 5), 7),
    ({"distillation": True, "layer_scale": 1e-5}, (None, 5), 8),
    ({"num_classes": 0, "use_qkv_bias": False}, (None, 12), 7),
    ({"num_classes": 0, "pooling": "none"}, (None, 6, 12), 6),
    ({"representation_dim": 11, "prefix_positions": False}, (None, 5), 7),
    ({"stem": "shifted", "locality": True}, (None, 5), 7),
])
def test_variants(rng, tmp_path, kwargs, shape, tokens):
    kwargs = {"num_classes": 5, **kwargs}
    model = models.vit("nano", 8, (24, 16, 3), **kwargs, num_layers=1, num_heads=3, embed_dim=12,
                       mlp_dim=17)
    assert model.output_shape == shape
    assert model.get_layer("block_0").output.shape == (None, tokens, 12)
    model.set_weights([rng.normal(size=w.shape) for w in model.weights])
    model.save(tmp_path / "model.keras")
    images = rng.uniform(-1, 1, size=(2, 24, 16, 3)).astype("float32")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        ops.convert_to_numpy(model(images)), ops.convert_to_numpy(again(images)))


def test_mean_pooling_leaves_out_what_is_no_patch(rng):
    model = models.vit("nano", 8, (24, 16, 3), 0, pooling="mean", class_token=True,
                       num_registers=2, num_layers=1)
    images = rng.uniform(-1, 1, size=(2, 24, 16, 3)).astype("float32")
    tokens = keras.Model(model.input, model.get_layer("norm").output)(images)
    np.testing.assert_allclose(
        ops.convert_to_numpy(model(images)), ops.convert_to_numpy(tokens)[:, 3:].mean(axis=1),
        atol=GOLDEN)


@pytest.mark.parametrize(("kwargs", "received"), [
    ({"size": "bas"}, {"size": "bas"}),
    ({"pooling": "gap"}, {"pooling": "gap"}),
    ({"stem": "cnn"}, {"stem": "cnn"}),
    ({"stem": "conv"}, {"patch_size": 14}),
    ({"position": "rotary"}, {"position": "rotary"}),
    ({"image_shape": (30, 28, 3)}, {"patch_size": 14, "height": 30}),
    ({"image_shape": (28, 30, 3)}, {"patch_size": 14, "width": 30}),
    ({"image_shape": (28, 28)}, {"image_shape": (28, 28)}),
    ({"num_heads": 5}, {"num_heads": 5, "embed_dim": 128}),
    ({"num_classes": -1}, {"num_classes": -1}),
    ({"image_shape": (None, None, 3)}, {"grid": None}),
    ({"pooling": "mean", "distillation": True}, {"class_token": False}),
    ({"pooling": "map", "distillation": True, "class_token": True}, {"pooling": "map"}),
    ({"pixel_mean": [0, 0, 0]}, {"pixel_mean": [0, 0, 0], "pixel_std": None}),
    ({"pixel_mean": [0], "pixel_std": [1]}, {"pixel_std": [1], "channels": 3}),
    ({"drop_path": 1.0}, {"drop_path": 1.0}),
])
def test_wrong_arguments(kwargs, received):
    arguments = {"size": "nano", "patch_size": 14, "image_shape": (28, 28, 3), **kwargs}
    check_error(lambda: models.vit(**arguments), **received)


def test_a_misspelt_size_is_told_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'base'"):
        models.vit("bas")


@pytest.mark.parametrize("stem", ["patch", "conv"])
@pytest.mark.parametrize("pooling", ["mean", "token"])
def test_images_that_patches_do_not_divide_have_the_grid_of_the_stem(rng, stem, pooling):
    sizes = {"patch_size": 8, "pooling": pooling, "stem": stem, "num_classes": 5,
             "num_layers": 1, "num_heads": 2, "embed_dim": 16, "mlp_dim": 8}
    model = models.vit("nano", image_shape=(None, None, 3), grid=(2, 2), **sizes)
    model.get_layer("logits").kernel.assign(rng.normal(size=(16, 5)))
    predict = keras.Model(model.input, model.output).predict
    for height, width in ((16, 24), (17, 16), (23, 31), (16, 23), (39, 20), (10, 16)):
        image = rng.normal(size=(1, height, width, 3)).astype("float32")
        found = np.asarray(ops.convert_to_numpy(model(image)))
        np.testing.assert_allclose(predict(image, verbose=0), found, atol=GOLDEN)
        if stem == "patch":
            cropped = model(image[:, :height // 8 * 8, :width // 8 * 8])
            np.testing.assert_allclose(found, ops.convert_to_numpy(cropped), atol=GOLDEN)
    check_error(lambda: model(np.zeros((1, 7, 16, 3), "float32")), images_shape=(1, 7, 16, 3))


@pytest.mark.parametrize("pooling", ["mean", "map"])
def test_pooling_reads_the_patches_alone(pooling):
    """Of what stands before them, a class token and three registers, it reads nothing."""
    model = models.vit("nano", 8, (16, 24, 3), 5, pooling=pooling, class_token=True,
                       num_registers=3)
    assert model.get_layer("pool").input.shape == (None, 6, 128)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="JAX tells what it traced")
@pytest.mark.parametrize(("rate", "draws"), [(0.0, False), (0.1, True)])
def test_rates_of_zero_draw_no_random_numbers(rate, draws):
    import jax

    model = models.vit("nano", 8, (16, 16, 3), 5, num_layers=2, dropout=rate,
                       attention_dropout=rate, drop_path=rate)
    state = [[each.value for each in of] for of in (
        model.trainable_variables, model.non_trainable_variables)]
    traced = str(jax.make_jaxpr(lambda *state: model.stateless_call(
        *state, np.zeros((2, 16, 16, 3), "float32"), training=True))(*state))
    assert ("random_bits" in traced) == draws
