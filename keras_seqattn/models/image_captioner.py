"""The captioner: a picture in, words about it out.

Papers: Vinyals et al. 2015, "Show and Tell"; Xu et al. 2015, "Show, Attend and Tell", whose
features are those of a grid of patches before any pooling. Deviation: the encoder trains with the
rest from the first step on, from fresh or trained weights, in place of staying as ImageNet left it.
"""

import math

import keras

from keras_seqattn.errors import check_count, explain, nearest
from keras_seqattn.layers import LSTMCaptioner
from keras_seqattn.models.generator import Generator
from keras_seqattn.models.vision_transformer import SIZES, vit

CONV_WIDTHS = (32, 64, 128)  # after each halving of the sides


def conv_encoder(image_shape):
    """Builds a small convolutional net whose output is a grid of features.

    Args:
        image_shape: `(height, width, channels)`, in pixels.

    Returns:
        `keras.Model`: float images in `[-1, 1]`, `(B, height, width, channels)`, to `(B, GH, GW,
        D)`, an eighth of the sides, with `D = 128`.

    Paper: He et al. 2016, section 3.3, at another size: each halving but the first is followed by
    a residual block.

    >>> conv_encoder((64, 64, 3)).output_shape
    (None, 8, 8, 128)
    """
    def norm(x):
        return keras.layers.BatchNormalization(momentum=0.98)(x)

    def convolve(x, width, strides=1):
        return norm(keras.layers.Conv2D(
            width, 3, strides, padding="same", use_bias=False,
            kernel_initializer="he_normal")(x))

    relu = keras.activations.relu
    x = images = keras.Input(image_shape, name="images")
    for index, width in enumerate(CONV_WIDTHS):
        x = relu(convolve(x, width, strides=2))
        if index:
            x = relu(x + convolve(relu(convolve(x, width)), width))
    return keras.Model(images, x, name="conv_encoder")


@keras.saving.register_keras_serializable(package="keras_seqattn")
class Captioner(Generator):
    """The model that `captioner` builds; its arguments are all given.

    Attributes:
        encoder: `keras.Model` from images to features.
        grid: `(GH, GW)`: rows and columns of the parts of a picture.
    """

    source_name = "images"

    def __init__(self, encoder, vocab_size, max_length, embed_dim, units, attention, attention_dim,
                 dropout, attention_penalty, scheduled_sampling, seed, name="captioner", **kwargs):
        writer = LSTMCaptioner(
            vocab_size, embed_dim, units, attention, attention_dim, dropout, attention_penalty,
            scheduled_sampling, seed, name="writer")
        *grid, width = encoder.output_shape[1:]
        parts = keras.layers.Reshape((math.prod(grid), width), name="parts")
        images = keras.Input(encoder.input_shape[1:], name="images")
        tokens = keras.Input((None,), dtype="int32", name="tokens")
        logits = writer(parts(encoder(images)), tokens)                          # (B, T, V)
        super().__init__(
            inputs={"images": images, "tokens": tokens}, outputs=logits, name=name, **kwargs)
        self.vocab_size = vocab_size
        self.max_length = max_length
        side = math.isqrt(grid[0])
        self.grid = tuple(grid) if len(grid) == 2 else (side, grid[0] // side)
        self.encoder = encoder
        self._parts, self._writer_layer = parts, writer
        self._arguments = {
            "vocab_size": vocab_size, "max_length": max_length, "embed_dim": embed_dim,
            "units": units, "attention": attention, "attention_dim": attention_dim,
            "dropout": dropout, "attention_penalty": attention_penalty,
            "scheduled_sampling": scheduled_sampling, "seed": seed}

    def start(self, source):
        return self._writer_layer.start(self._parts(self.encoder(source, training=False)))

    def step(self, tokens, state, return_attention_scores=False):
        return self._writer_layer.step(tokens, state, return_attention_scores)

    def get_config(self):
        return {"encoder": keras.saving.serialize_keras_object(self.encoder),
                **self._arguments, "name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        encoder = keras.saving.deserialize_keras_object(config.pop("encoder"), custom_objects)
        return cls(encoder, **config)


def captioner(encoder="conv", vocab_size=2_000, max_length=24, image_shape=(64, 64, 3),
              patch_size=16, embed_dim=256, units=512, attention=True, attention_dim=None,
              dropout=0.0, attention_penalty=0.0, scheduled_sampling=0.0, seed=None,
              name="captioner"):
    """Builds a model that writes captions: logits when called, and it can generate.

    Args:
        encoder: `"conv"` (`conv_encoder`), a size of `models.vit` for its patches, or any
            `keras.Model` of images whose output is `(B, GH, GW, D)` or `(B, S, D)`.
        vocab_size: Number of tokens `V`.
        max_length: Largest number of tokens to write, the end included.
        image_shape: `(height, width, channels)` in pixels, unless the encoder is a model.
        patch_size: Side `P` of a patch in pixels, for a ViT.
        embed_dim: Width `E` of the word embeddings.
        units: Width `U` of the LSTM.
        attention: Whether it looks at the parts of the picture anew for each word.
        attention_dim: Width `A` of that comparison. Defaults to `units`.
        dropout: Share dropped of features, embeddings and outputs in training, in `[0, 1)`.
        attention_penalty: As of `layers.LSTMCaptioner`; 1 in the paper.
        scheduled_sampling: As of `layers.LSTMCaptioner`.
        seed: Seed of dropout and sampling. `None` draws one.
        name: Name of the model.

    Returns:
        `Captioner`: a functional model of `{"images": float in [-1, 1], (B, height, width,
        channels), "tokens": int32 (B, T)}` to logits, `(B, T, V)`. 0 is padding.

    Raises:
        ValueError: the encoder is unknown or its output is no grid or sequence of known size; a
            number is out of its range.

    Example:

    >>> captioner(vocab_size=11, embed_dim=3, units=5, attention_dim=2).count_params()
    468878

    Cost: that of the encoder and of `layers.LSTMCaptioner` with `S = GH·GW`.
    """
    check_count(max_length=max_length)
    if isinstance(encoder, str):
        known = ("conv", *SIZES)
        if encoder not in known:
            raise ValueError(explain(
                "`encoder` is not known", encoder=encoder, fix=nearest(encoder, known)))
        encoder = (conv_encoder(image_shape) if encoder == "conv" else
                   _patches(encoder, patch_size, image_shape, seed))
    shape = encoder.output_shape
    if not isinstance(shape, tuple) or len(shape) not in (3, 4) or None in shape[1:]:
        raise ValueError(explain(
            "`encoder` must return (batch, rows, columns, features) or (batch, parts, features) of "
            "known size", encoder=encoder.name, output_shape=shape,
            fix="give it a fixed input size and leave its pooling out"))
    return Captioner(encoder, vocab_size, max_length, embed_dim, units, attention, attention_dim,
                     dropout, attention_penalty, scheduled_sampling, seed, name)


def _patches(size, patch_size, image_shape, seed):
    """A ViT as far as its last norm, its features laid out as the patches lie in the image."""
    whole = vit(size, patch_size, image_shape, num_classes=1, pooling="mean", seed=seed)
    grid = [side // patch_size for side in image_shape[:2]]
    patches = whole.get_layer("norm").output                                     # (B, S, D)
    return keras.Model(
        whole.input, keras.layers.Reshape((*grid, patches.shape[-1]), name="grid")(patches),
        name="vit_encoder")
