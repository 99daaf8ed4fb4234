"""How large the numbers inside a model are: what quantisation will see."""

import numpy as np

from keras_seqattn.inspection.attention import as_array
from keras_seqattn.inspection.watch import encoder_blocks, watched

PLACES = ("input", "attention_norm", "attention", "after_attention", "feed_forward_norm", "hidden",
          "output")
STATISTICS = ("min", "low", "high", "max", "std", "channel_ratio")


def activation_ranges(model, inputs):
    """Ranges of what flows through each encoder block.

    The places are a block's `"input"`, what leaves its `"attention_norm"` and its `"attention"`,
    the residual stream `"after_attention"`, what leaves its `"feed_forward_norm"` and the
    `"hidden"` layer of its feed-forward network, activation included, and its `"output"`.

    Args:
        model: `keras.Model`; the blocks may lie anywhere in it.
        inputs: What the model takes, `(B, …)`.

    Returns:
        `{place: {statistic: NumPy float (L,)}}`, over all inputs, tokens and features: `"min"`,
        `"max"`, the quantiles `"low"` (0.1 %) and `"high"` (99.9 %), `"std"`, and
        `"channel_ratio"`: the largest size of any feature over the median of the features'
        largest sizes, which is how much finer most features could be rounded on their own.

    Raises:
        ValueError: the model has no encoder block.

    Example:

    >>> from keras_seqattn import models
    >>> model = models.vit("nano", patch_size=8, image_shape=(16, 24, 3))
    >>> ranges = activation_ranges(model, np.zeros((2, 16, 24, 3), "float32"))
    >>> ranges["hidden"]["max"].shape
    (6,)
    """
    entering, leaving = {}, {}
    for block in encoder_blocks(model):
        entering[block] = "input"
        # the residual stream enters the second part: by its norm, or past it
        second = block.feed_forward_norm if block.norm == "pre" else block.feed_forward
        entering[second] = "after_attention"
        leaving |= {block.attention_norm: "attention_norm", block.attention: "attention",
                    block.feed_forward_norm: "feed_forward_norm",
                    block.feed_forward.hidden_dense: "hidden", block: "output"}
    found = {place: [] for place in PLACES}

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


def _statistics(x):
    low, high = np.quantile(x, (0.001, 0.999))
    channels = abs(x).reshape(-1, x.shape[-1]).max(axis=0)
    ratio = channels.max() / max(np.median(channels), np.finfo("float32").tiny)
    return x.min(), low, high, x.max(), x.std(), ratio
