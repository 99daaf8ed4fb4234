"""Layers for sequences and attention: they import keras only and run on every backend."""

from keras_seqattn.layers import masks
from keras_seqattn.layers.activations import gelu_tanh, quick_gelu
from keras_seqattn.layers.captioner import LSTMCaptioner
from keras_seqattn.layers.decoder_block import TransformerDecoderBlock
from keras_seqattn.layers.encoder_block import TransformerEncoderBlock
from keras_seqattn.layers.feed_forward import FeedForward
from keras_seqattn.layers.last_step import LastStep
from keras_seqattn.layers.layer_scale import LayerScale
from keras_seqattn.layers.learned_position import LearnedPositionEmbedding
from keras_seqattn.layers.locality import (
    LocalityAttention,
    LocalityEncoderBlock,
    ShiftedPatchEmbedding,
)
from keras_seqattn.layers.multi_head import MultiHeadAttention
from keras_seqattn.layers.patch import ConvStem, PatchEmbedding
from keras_seqattn.layers.pooling import AttentionPooling
from keras_seqattn.layers.position import PositionalEncoding
from keras_seqattn.layers.residual import PreActivationBottleneck, StandardizedConv2D
from keras_seqattn.layers.residual_stem import ResidualStem
from keras_seqattn.layers.scaled_dot_product import ScaledDotProductAttention
from keras_seqattn.layers.temporal_block import TemporalConvBlock
from keras_seqattn.layers.temporal_net import TemporalConvNet
from keras_seqattn.layers.tokens import ClassToken, FirstTokens

__all__ = [
    "AttentionPooling",
    "ClassToken",
    "ConvStem",
    "FeedForward",
    "FirstTokens",
    "LSTMCaptioner",
    "LastStep",
    "LayerScale",
    "LearnedPositionEmbedding",
    "LocalityAttention",
    "LocalityEncoderBlock",
    "MultiHeadAttention",
    "PatchEmbedding",
    "PositionalEncoding",
    "PreActivationBottleneck",
    "ResidualStem",
    "ScaledDotProductAttention",
    "ShiftedPatchEmbedding",
    "StandardizedConv2D",
    "TemporalConvBlock",
    "TemporalConvNet",
    "TransformerDecoderBlock",
    "TransformerEncoderBlock",
    "gelu_tanh",
    "masks",
    "quick_gelu",
]
