"""The captioner: a picture in, words about it out.

Papers:

- Vinyals et al. 2015, "Show and Tell".
- Xu et al. 2015, "Show, Attend and Tell". The features are those of a grid before any pooling.

Deviation: the encoder trains with the rest from the first step on, from fresh or trained weights.
The papers' encoders stay as ImageNet left them.
"""

import math

import keras

from keras_seqattn.errors import check_count, explain, nearest
from keras_seqattn.layers import LSTMCaptioner
from keras_seqattn.models.generator import Generator
from keras_seqattn.models.pixels import ImageShape
from keras_seqattn.models.vision_transformer import SIZES, vit
from keras_seqattn.plain import plain_numbers
from keras_seqattn.shapes import Tensor

CONV_WIDTHS = (32, 64, 128)  # after each halving of the sides


def conv_encoder(image_shape: ImageShape) -> keras.Model:
    """Builds a small convolutional net whose output is a grid of features.

    Args:
        image_shape: `(height, width, channels)`, in pixels.

    Returns:
        `keras.Model` of float images `(B, height, width, channels)` in `[-1, 1]`. Its features are
        `(B, GH, GW, D)`. The grid has an eighth of the image's sides, and `D` is 128.

    Paper: He et al. 2016, section 3.3, at another size. A residual block follows each halving but
    the first.

    >>> conv_encoder((64, 64, 3)).output_shape
    (None, 8, 8, 128)
    """
    def norm(x):
        return keras.layers.BatchNormalization(momentum=0.98)(x)

    def convolve(x, width, strides=1):
        return norm(keras.layers.Conv2D(
            width, 3, strides, padding="same", data_format="channels_last", use_bias=False,
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
    """The model that `captioner` builds, of the same arguments without defaults.

    Attributes:
        encoder: `keras.Model` from images to features.
        grid: `(GH, GW)`: rows and columns of the parts of a picture.
    """

    source_name = "images"

    def __init__(self, encoder: keras.Model, vocab_size: int, max_length: int, embed_dim: int,
                 units: int, attention: bool, attention_dim: int | None, dropout: float,
                 attention_penalty: float, scheduled_sampling: float, seed: int | None,
                 name: str = "captioner", **kwargs: object):
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

    def start(self, source: Tensor) -> dict[str, Tensor]:
        return self._writer_layer.start(self._parts(self.encoder(source, training=False)))

    def step(self, tokens: Tensor, state: dict[str, Tensor],
             return_attention_scores: bool = False) -> tuple:
        return self._writer_layer.step(tokens, state, return_attention_scores)

    def get_config(self) -> dict:
        return {"encoder": keras.saving.serialize_keras_object(self.encoder),
                **self._arguments, "name": self.name}

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> "Captioner":
        config = dict(config)
        encoder = keras.saving.deserialize_keras_object(config.pop("encoder"), custom_objects)
        return cls(encoder, **config)


@plain_numbers
def captioner(encoder: str | keras.Model = "conv", vocab_size: int = 2_000, max_length: int = 24,
              image_shape: ImageShape = (64, 64, 3), patch_size: int = 16, embed_dim: int = 256,
              units: int = 512, attention: bool = True, attention_dim: int | None = None,
              dropout: float = 0.0, attention_penalty: float = 0.0,
              scheduled_sampling: float = 0.0, seed: int | None = None,
              name: str = "captioner") -> Captioner:
    """Builds a model that writes captions: it returns logits when called, and can generate.

    Args:
        encoder: `"conv"` for the net of `conv_encoder`, or a size of `models.vit` for the patches
            of such a model. Or any `keras.Model` of images whose output is `(B, GH, GW, D)` or
            `(B, S, D)`.
        vocab_size: Number of tokens `V`.
        max_length: Largest number of tokens to write, the end included.
        image_shape: `(height, width, channels)` in pixels, unless the encoder is a model.
        patch_size: Side `P` of a patch in pixels, for a ViT.
        embed_dim: Width `E` of the word embeddings.
        units: Width `U` of the LSTM.
        attention: Whether the model looks at the parts of the picture anew for each word.
        attention_dim: Width `A` in which a word and the parts are compared. Defaults to `units`.
        dropout: Share dropped in training of features, embeddings and outputs. In `[0, 1)`.
        attention_penalty: As of `layers.LSTMCaptioner`; 1 in the paper.
        scheduled_sampling: As of `layers.LSTMCaptioner`.
        seed: Seed of dropout and sampling. `None` draws one.
        name: Name of the model.

    Returns:
        `Captioner`, a functional model:

        - In: `{"images": float (B, height, width, channels), "tokens": int32 (B, T)}`. Pixels lie
          in `[-1, 1]`, and token 0 is padding.
        - Out: logits, float `(B, T, V)`.

    Raises:
        ValueError: the name of the encoder is not known.
        ValueError: the encoder's output is no grid or sequence of known size.
        ValueError: a number is out of its range.

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
    """Builds a ViT up to its last norm, with features laid out as the patches in the image."""
    whole = vit(size, patch_size, image_shape, num_classes=1, pooling="mean", seed=seed)
    grid = [side // patch_size for side in image_shape[:2]]
    patches = whole.get_layer("norm").output                                     # (B, S, D)
    return keras.Model(
        whole.input, keras.layers.Reshape((*grid, patches.shape[-1]), name="grid")(patches),
        name="vit_encoder")
