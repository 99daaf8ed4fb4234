"""Layers for sequences and attention: they import keras only and run on every backend."""

from keras_seqattn.arguments import tell_names
from keras_seqattn.layers import masks
from keras_seqattn.layers.activations import gelu_tanh, quick_gelu
from keras_seqattn.layers.captioner import LSTMCaptioner
from keras_seqattn.layers.decoder_block import TransformerDecoderBlock
from keras_seqattn.layers.encoder_block import TransformerEncoderBlock
from keras_seqattn.layers.feed_forward import FeedForward
from keras_seqattn.layers.gated_feed_forward import GatedFeedForward
from keras_seqattn.layers.last_step import LastStep
from keras_seqattn.layers.layer_scale import LayerScale
from keras_seqattn.layers.learned_position import LearnedPositionEmbedding
from keras_seqattn.layers.locality import (
    LocalityAttention,
    LocalityEncoderBlock,
    ShiftedPatchEmbedding,
)
from keras_seqattn.layers.masked_average import MaskedAverage
from keras_seqattn.layers.multi_head import MultiHeadAttention
from keras_seqattn.layers.normed_patch import NormedPatchEmbedding
from keras_seqattn.layers.patch import ConvStem, PatchEmbedding
from keras_seqattn.layers.pooling import AttentionPooling
from keras_seqattn.layers.position import PositionalEncoding
from keras_seqattn.layers.query_key_norm import QueryKeyNormAttention
from keras_seqattn.layers.relative_position import RelativePositionAttention
from keras_seqattn.layers.residual import PreActivationBottleneck
from keras_seqattn.layers.residual_stem import ResidualStem
from keras_seqattn.layers.scaled_dot_product import ScaledDotProductAttention
from keras_seqattn.layers.standardized_convolution import StandardizedConv2D
from keras_seqattn.layers.temporal_block import TemporalConvBlock
from keras_seqattn.layers.temporal_net import TemporalConvNet
from keras_seqattn.layers.tokens import ClassToken, FirstTokens
from keras_seqattn.layers.vision_block import VisionEncoderBlock

__all__ = [
    "AttentionPooling",
    "ClassToken",
    "ConvStem",
    "FeedForward",
    "FirstTokens",
    "GatedFeedForward",
    "LSTMCaptioner",
    "LastStep",
    "LayerScale",
    "LearnedPositionEmbedding",
    "LocalityAttention",
    "LocalityEncoderBlock",
    "MaskedAverage",
    "MultiHeadAttention",
    "NormedPatchEmbedding",
    "PatchEmbedding",
    "PositionalEncoding",
    "PreActivationBottleneck",
    "QueryKeyNormAttention",
    "RelativePositionAttention",
    "ResidualStem",
    "ScaledDotProductAttention",
    "ShiftedPatchEmbedding",
    "StandardizedConv2D",
    "TemporalConvBlock",
    "TemporalConvNet",
    "TransformerDecoderBlock",
    "TransformerEncoderBlock",
    "VisionEncoderBlock",
    "gelu_tanh",
    "masks",
    "quick_gelu",
]

tell_names(*(each for each in map(globals().get, __all__) if isinstance(each, type)))
