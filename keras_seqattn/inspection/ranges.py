"""How large the numbers inside a model are: what quantisation will see."""

import keras
import numpy as np

from keras_seqattn.inspection.attention import as_array
from keras_seqattn.inspection.watch import encoder_blocks, watched
from keras_seqattn.shapes import Tensor

PLACES = ("input", "attention_norm", "attention", "after_attention", "feed_forward_norm", "hidden",
          "output")
STATISTICS = ("min", "low", "high", "max", "std", "channel_ratio")


def activation_ranges(model: keras.Model, inputs: Tensor) -> dict[str, dict[str, np.ndarray]]:
    """Ranges of what flows through each encoder block.

    The places in a block are:

    - `"input"` and `"output"` of the block;
    - the residual stream `"after_attention"`;
    - what leaves `"attention_norm"`, `"attention"` and `"feed_forward_norm"`;
    - what leaves the `"hidden"` layer of the feed-forward network, activation included.

    The statistics of a place are over all inputs, tokens and features:

    - `"min"`, `"max"` and the standard deviation `"std"`;
    - the quantiles `"low"` (0.1 %) and `"high"` (99.9 %);
    - `"channel_ratio"`: the largest size of any feature over the median of the features' largest
      sizes. So much finer could most features be rounded on their own.

    Args:
        model: The blocks may lie anywhere in it.
        inputs: What the model takes, `(B, …)`.

    Returns:
        For each place a dictionary, which holds a float array `(L,)` for each statistic.

    Raises:
        ValueError: the model has no encoder block.

    Example:

    >>> from keras_seqattn import models
    >>> model = models.vit("nano", patch_size=8, image_shape=(16, 24, 3))
    >>> ranges = activation_ranges(model, np.zeros((2, 16, 24, 3), "float32"))
    >>> ranges["hidden"]["max"].shape
    (6,)
    """
    entering: dict[keras.Layer, str] = {}
    leaving: dict[keras.Layer, str] = {}
    for block in encoder_blocks(model):
        entering[block] = "input"
        # the residual stream enters the second part: by its norm, or past it
        second = block.feed_forward_norm if block.norm == "pre" else block.feed_forward
        entering[second] = "after_attention"
        leaving |= {block.attention_norm: "attention_norm", block.attention: "attention",
                    block.feed_forward_norm: "feed_forward_norm",
                    block.feed_forward.hidden_dense: "hidden", block: "output"}
    found: dict[str, list] = {place: [] for place in PLACES}

    def around(layer, call, inputs, *arguments, **keywords):
        output = call(inputs, *arguments, **keywords)
        for places, tensor in ((entering, inputs), (leaving, output)):
            if layer in places:
                found[places[layer]].append(_statistics(as_array(tensor)))
        return output

    with watched({**entering, **leaving}, around):
        model(inputs, training=False)
    return {place: dict(zip(STATISTICS, np.array(rows).T, strict=True))
            for place, rows in found.items()}


def _statistics(x: np.ndarray) -> tuple:
    """Numbers of the `STATISTICS` of what flows through a place."""
    low, high = np.quantile(x, (0.001, 0.999))
    channels = abs(x).reshape(-1, x.shape[-1]).max(axis=0)
    ratio = channels.max() / max(np.median(channels), np.finfo("float32").tiny)
    return x.min(), low, high, x.max(), x.std(), ratio
