"""The block of an encoder with the parts that newer Vision Transformers have."""

import functools
import typing

import keras

from keras_seqattn.errors import explain
from keras_seqattn.layers.encoder_block import TransformerEncoderBlock
from keras_seqattn.layers.feed_forward import FeedForward
from keras_seqattn.layers.gated_feed_forward import GatedFeedForward
from keras_seqattn.layers.multi_head import MultiHeadAttention
from keras_seqattn.layers.query_key_norm import QueryKeyNormAttention
from keras_seqattn.layers.relative_position import RelativePositionAttention


@keras.saving.register_keras_serializable(package="keras_seqattn")
class VisionEncoderBlock(TransformerEncoderBlock):
    """A `TransformerEncoderBlock` that may have a gate, other norms and relative positions.

    The call is that of `TransformerEncoderBlock`. So are the arguments but these.

    Args:
        gated: Whether the network is a `GatedFeedForward`.
        use_qk_norm: Whether attention is `QueryKeyNormAttention`.
        norm_branches: Whether the norms stand at the end of the branches, before they are added.
            `norm` does not count then.
        relative_grid: `(GH, GW)` of the patches for `RelativePositionAttention`. `None` has none.

    Raises:
        ValueError: as for `TransformerEncoderBlock`. Or both `use_qk_norm` and `relative_grid`
            are given.

    Example:

    >>> block = VisionEncoderBlock(num_heads=3, mlp_dim=7, gated=True, activation="silu")
    >>> tuple(block(keras.ops.ones((2, 5, 12))).shape)
    (2, 5, 12)

    Masking: consumes the mask in attention and passes it on.
    Cost: that of `TransformerEncoderBlock`, with those of the other parts.
    Paper: Liu et al. 2022, "Swin Transformer V2", section 3.2, for norms that end the branches.
    """

    def __init__(self, num_heads: int, mlp_dim: int, *args: typing.Any, gated: bool = False,
                 use_qk_norm: bool = False, norm_branches: bool = False,
                 relative_grid: tuple[int, int] | None = None, **kwargs: typing.Any):
        super().__init__(num_heads, mlp_dim, *args, **kwargs)
        if use_qk_norm and relative_grid is not None:
            raise ValueError(explain(
                "norms of queries and keys, and relative positions, do not go together",
                use_qk_norm=use_qk_norm, relative_grid=tuple(relative_grid),
                fix="leave one of them out"))
        self.gated = gated
        self.use_qk_norm = use_qk_norm
        self.norm_branches = norm_branches
        self.relative_grid = None if relative_grid is None else (
            relative_grid[0], relative_grid[1])

    def attention_class(self, *args: typing.Any, **kwargs: typing.Any) -> MultiHeadAttention:
        """Makes the attention part."""
        make: typing.Callable[..., MultiHeadAttention] = MultiHeadAttention
        if self.use_qk_norm:
            make = functools.partial(QueryKeyNormAttention, epsilon=self.epsilon)
        elif self.relative_grid is not None:
            make = functools.partial(RelativePositionAttention, grid=self.relative_grid)
        return make(*args, **kwargs)

    def feed_forward_class(self, *args: typing.Any, **kwargs: typing.Any) -> FeedForward:
        """Makes the feed-forward network."""
        return (GatedFeedForward if self.gated else FeedForward)(*args, **kwargs)

    def _residual(self, x, branch, name, training):
        if not self.norm_branches:
            return super()._residual(x, branch, name, training)
        norm, scale = getattr(self, f"_{name}_norm"), getattr(self, f"_{name}_scale")
        made = norm(branch(x))
        return x + self._drop_path(made if scale is None else scale(made), training=training)

    def get_config(self) -> dict[str, typing.Any]:
        return {
            **super().get_config(),
            "gated": self.gated,
            "use_qk_norm": self.use_qk_norm,
            "norm_branches": self.norm_branches,
            "relative_grid": self.relative_grid,
        }
