"""Models: one architecture per file, built by a function that returns a `keras.Model`."""

from keras_seqattn.arguments import spelt
from keras_seqattn.models import (
    big_transfer,
    discrete_vae,
    encoder_decoder,
    image_captioner,
    lstm_translator,
    pixel_gpt,
    recurrent_network,
    temporal_network,
    vision_encoder_decoder,
    vision_transformer,
)
from keras_seqattn.models.cost import multiply_adds
from keras_seqattn.models.distillation import distillation_heads
from keras_seqattn.models.generator import Generator
from keras_seqattn.models.geometry import resize, vit_geometry
from keras_seqattn.models.pixels import pixel_statistics
from keras_seqattn.models.pretrained import labels, load, tokenizer
from keras_seqattn.models.sequence import streaming

__all__ = ["Generator", "bit", "captioner", "distillation_heads", "dvae", "image_gpt", "labels",
           "load", "multiply_adds", "pixel_statistics", "recurrent", "resize", "seq2seq",
           "streaming", "temporal", "tokenizer", "transformer", "vision_text", "vit",
           "vit_geometry"]

# A misspelt argument of a builder meets the one that is meant.
bit = spelt(big_transfer.bit)
captioner = spelt(image_captioner.captioner)
dvae = spelt(discrete_vae.dvae)
image_gpt = spelt(pixel_gpt.image_gpt)
recurrent = spelt(recurrent_network.recurrent)
seq2seq = spelt(lstm_translator.seq2seq)
temporal = spelt(temporal_network.temporal)
transformer = spelt(encoder_decoder.transformer)
vision_text = spelt(vision_encoder_decoder.vision_text)
vit = spelt(vision_transformer.vit)
