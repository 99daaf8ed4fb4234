"""Models: one architecture per file, built by a function that returns a `keras.Model`."""

from keras_seqattn.models.big_transfer import bit
from keras_seqattn.models.cost import multiply_adds
from keras_seqattn.models.discrete_vae import dvae
from keras_seqattn.models.distillation import distillation_heads
from keras_seqattn.models.encoder_decoder import transformer
from keras_seqattn.models.generator import Generator
from keras_seqattn.models.geometry import resize, vit_geometry
from keras_seqattn.models.image_captioner import captioner
from keras_seqattn.models.lstm_translator import seq2seq
from keras_seqattn.models.pixel_gpt import image_gpt
from keras_seqattn.models.pixels import pixel_statistics
from keras_seqattn.models.pretrained import labels, load, tokenizer
from keras_seqattn.models.recurrent_network import recurrent
from keras_seqattn.models.sequence import streaming
from keras_seqattn.models.temporal_network import temporal
from keras_seqattn.models.vision_encoder_decoder import vision_text
from keras_seqattn.models.vision_transformer import vit

__all__ = ["Generator", "bit", "captioner", "distillation_heads", "dvae", "image_gpt", "labels",
           "load", "multiply_adds", "pixel_statistics", "recurrent", "resize", "seq2seq",
           "streaming", "temporal", "tokenizer", "transformer", "vision_text", "vit",
           "vit_geometry"]
