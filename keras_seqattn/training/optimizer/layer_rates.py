"""Layer-wise learning rates: the nearer a layer is to the pixels, the more slowly it learns.

Paper: Bao et al. 2022, "BEiT", appendix H.
"""

import keras


def rate_shares(model: keras.Model, decay: float) -> dict[str, float]:
    """Returns the share of the learning rate that each weight gets.

    Args:
        model: `keras.Model` with layers `block_0` … `block_{L-1}`.
        decay: Factor from one block to the one before it, in `(0, 1]`.

    Returns:
        Path of each trainable weight to its share in `(0, 1]`:

        - 1 for the last norm and the head,
        - `decay` for the last block and `decay^L` for the first one,
        - `decay^(L+1)` for what comes before the first block.
    """
    blocks = sum(layer.name.startswith("block_") for layer in model.layers)
    shares, height = {}, 0
    for layer in model.layers:
        if layer.name.startswith("block_"):
            height += 1
        # After the last block the height stays at L, but the norm and the head stand above it.
        above = height == blocks and not layer.name.startswith("block_")
        for weight in layer.trainable_weights:
            shares[weight.path] = 1.0 if above else decay ** (blocks + 1 - height)
    return shares
