"""Weights of PyTorch's `nn.MultiheadAttention`, `nn.LSTM`, `nn.Transformer` and its encoder alone.

Every loader takes the module's `state_dict()`, or the path of a `.safetensors` file of it. It
reads all sizes from the arrays.

Masks must be inverted: PyTorch's say `True` where nothing may be read, ours where something may.
Batches come first, as with `batch_first=True`.
"""

from keras_seqattn.checkpoints.torch.attention import multi_head_attention
from keras_seqattn.checkpoints.torch.recurrent import lstm
from keras_seqattn.checkpoints.torch.stacks import transformer, transformer_encoder

__all__ = ["lstm", "multi_head_attention", "transformer", "transformer_encoder"]
