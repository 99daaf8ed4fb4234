"""Keras' global settings: no model takes another's order of channels or type of numbers."""

import keras
import numpy as np
import pytest
from arrays import array, assert_close

from keras_seqattn import models

VIT = {"patch_size": 8, "image_shape": (16, 24, 3), "num_classes": 5, "num_layers": 1,
       "num_heads": 2, "embed_dim": 16, "mlp_dim": 8}
BUILDERS = {
    **{f"vit_{pooling}": lambda pooling=pooling: models.vit("nano", pooling=pooling, **VIT)
       for pooling in ("token", "mean", "map", "none")},
    **{f"vit_{stem}": lambda stem=stem: models.vit("nano", stem=stem, **VIT)
       for stem in ("conv", "shifted", "resnet")},
    "vit_distilled": lambda: models.vit("nano", distillation=True, num_registers=2, **VIT),
    "bit": lambda: models.bit("r50x1", image_shape=(32, 32, 3), num_classes=3, num_layers=(1, 1)),
    "dvae": lambda: models.dvae(11, (8, 8, 3), filters=8, num_groups=2, num_blocks=1),
    "captioner": lambda: models.captioner(
        "conv", vocab_size=11, max_length=6, image_shape=(16, 16, 3), embed_dim=3, units=5),
    "temporal": lambda: models.temporal(4, 3, (7, 2)),
}
WRITERS = {
    "captioner": BUILDERS["captioner"],
    "transformer": lambda: models.transformer("nano", vocab_size=11, max_length=7),
    "seq2seq": lambda: models.seq2seq(11, 7, 6, 5),
    "image_gpt": lambda: models.image_gpt("small", 11, 6, 1, 2, 8, 8),
}


def _filled(model):
    """The model with weights that follow from their place alone."""
    rng = np.random.default_rng(19)
    for weight in model.weights:
        if "seed" not in weight.path:
            weight.assign(np.abs(rng.normal(size=weight.shape)) * 0.2)
    return model


def _inputs(model):
    rng = np.random.default_rng(23)

    def draw(tensor):
        shape = (2, *(5 if side is None else side for side in tensor.shape[1:]))
        if "int" in str(tensor.dtype):
            return rng.integers(1, 7, shape)
        return rng.normal(size=shape).astype("float32")

    return keras.tree.map_structure(draw, model.input)


@pytest.fixture
def _settings():
    floatx, order = keras.config.floatx(), keras.config.image_data_format()
    policy = keras.config.dtype_policy()
    yield
    keras.config.set_floatx(floatx)
    keras.config.set_image_data_format(order)
    keras.config.set_dtype_policy(policy)


# JAX has no product of float16 on CPUs, and float64 only where it is told so.
FLOATX = ["bfloat16"] if keras.backend.backend() == "jax" else ["bfloat16", "float16", "float64"]


@pytest.mark.usefixtures("_settings")
@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_the_order_of_channels_is_that_of_the_model(build):
    keras.config.set_image_data_format("channels_last")
    first = _filled(build())
    inputs = _inputs(first)
    wanted = keras.tree.map_structure(array, first(inputs))
    keras.config.set_image_data_format("channels_first")
    second = _filled(build())
    assert [each.shape for each in second.weights] == [each.shape for each in first.weights]
    found = keras.tree.map_structure(array, second(inputs))
    keras.tree.map_structure(assert_close, found, wanted)


@pytest.mark.usefixtures("_settings")
@pytest.mark.parametrize("floatx", FLOATX)
@pytest.mark.parametrize("build", WRITERS.values(), ids=WRITERS)
def test_models_write_whatever_type_numbers_have(build, floatx):
    keras.config.set_floatx(floatx)
    if build in (WRITERS["transformer"], WRITERS["image_gpt"]):
        keras.config.set_dtype_policy(floatx)  # Keras' LSTM is initialised in no bfloat16.
    model = _filled(build())
    source = _inputs(model)[model.source_name]
    for method, options in (("greedy", {}), ("beam", {"width": np.int64(2)}),
                            ("sample", {"seed": 1, "top_p": 0.9})):
        written = model.generate(source, method, **options)
        assert written.tokens.dtype == np.int32
        assert np.isfinite(written.scores).all()
