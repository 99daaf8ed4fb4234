"""`keras_seqattn.arguments`: names that users bring from elsewhere meet ours."""

import inspect

import keras
import pytest

from keras_seqattn import layers, models
from keras_seqattn.arguments import ELSEWHERE

LAYERS = [each for each in map(vars(layers).get, layers.__all__) if isinstance(each, type)]
BUILDERS = [models.bit, models.captioner, models.dvae, models.image_gpt, models.recurrent,
            models.seq2seq, models.temporal, models.transformer, models.vision_text, models.vit]
OURS = {name for each in (*(kind.__init__ for kind in LAYERS), *BUILDERS)
        for name in inspect.signature(each).parameters}


@pytest.mark.parametrize(("name", "meant"), [
    ("num_head", "num_heads"), ("intermediate_dim", "mlp_dim"), ("hidden_dim", "mlp_dim"),
    ("nhead", "num_heads"), ("dropout_rate", "dropout"), ("layer_norm_epsilon", "epsilon"),
    ("normalize_first", "norm"), ("mlp_dmi", "mlp_dim"), ("dtpye", "dtype")])
def test_a_name_from_elsewhere_meets_ours(name, meant):
    with pytest.raises(TypeError, match=rf"`TransformerEncoderBlock`.*{name}.*mean '{meant}'"):
        layers.TransformerEncoderBlock(**{"num_heads": 3, "mlp_dim": 5, name: 7})
    with pytest.raises(TypeError, match=rf"`TransformerEncoderBlock`.*{name}.*mean '{meant}'"):
        layers.TransformerEncoderBlock(**{name: 7})


@pytest.mark.parametrize(("name", "meant"), [
    ("num_layer", "num_layers"), ("hidden_dim", "embed_dim"), ("depth", "num_layers"),
    ("img_size", "image_shape"), ("num_labels", "num_classes")])
def test_a_name_of_a_model_meets_ours(name, meant):
    with pytest.raises(TypeError, match=rf"`vit`.*{name}.*mean '{meant}'"):
        models.vit("nano", 8, (24, 16, 3), 5, **{name: 7})


def test_a_name_that_means_nothing_here_is_not_guessed():
    with pytest.raises(TypeError, match="use one of 'activation'"):
        layers.TransformerEncoderBlock(3, 5, num_layers=2)


@pytest.mark.parametrize("kind", LAYERS, ids=lambda kind: kind.__name__)
def test_every_layer_tells(kind):
    with pytest.raises(TypeError, match=f"`{kind.__name__}` has no argument"):
        kind(zyx=1)


@pytest.mark.parametrize("builder", BUILDERS, ids=lambda builder: builder.__name__)
def test_every_model_tells(builder):
    with pytest.raises(TypeError, match=f"`{builder.__name__}` has no argument"):
        builder(zyx=1)


def test_each_name_from_elsewhere_has_one_of_ours():
    for name, meant in ELSEWHERE.items():
        assert set(meant) & OURS, name


def test_a_derived_class_takes_what_it_likes():
    class Own(layers.FeedForward):
        def __init__(self, *args, **kwargs):
            self.own = kwargs.pop("own")
            super().__init__(*args, **kwargs)

    assert Own(mlp_dim=3, own=7).own == 7


def test_what_keras_takes_is_taken():
    with pytest.warns(UserWarning, match="input_shape"):
        layer = layers.LastStep(input_shape=(5, 3), trainable=False, name="last")
    assert layer.name == "last"
    layer = layers.FeedForward(mlp_dim=3, dtype="float16")
    twin = keras.layers.deserialize(keras.layers.serialize(layer))
    assert twin.get_config() == layer.get_config()
