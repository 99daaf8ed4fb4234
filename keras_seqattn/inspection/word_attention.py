"""Which part of a picture a captioner looks at for each word, as arrays and as a figure."""

import math
import typing
from collections.abc import Sequence

import numpy as np
from keras import ops

from keras_seqattn.inspection.canvas import canvas, overlay, picture

if typing.TYPE_CHECKING:
    from matplotlib.figure import Figure

    from keras_seqattn.data.tokenizer import Tokenizer
    from keras_seqattn.models.image_captioner import Captioner

COLUMNS = 6


def words(model: "Captioner", image: np.ndarray, tokenizer: "Tokenizer",
          beam: int = 1) -> tuple[list[str], np.ndarray]:
    """Writes a caption and keeps what was looked at for each word.

    Args:
        model: Captioner with attention.
        image: Float, `(height, width, channels)`, as the model takes it.
        tokenizer: The tokeniser that the model was trained with.
        beam: Number of beginnings that are followed; 1 is greedy decoding.

    Returns:
        The `T` tokens of the caption as texts, without the end, and the scores with which each was
        written. The scores are float, `(T, GH, GW)`; each map sums to 1.

    Raises:
        ValueError: the model has no attention, or `beam` is out of its range.
    """
    images = np.asarray(image, "float32")[None]
    ids = [int(token) for token in model.write(images, beam)[0]
           if token not in (model.pad_token, model.end_token)]
    state, scores = model.start(ops.convert_to_tensor(images)), []
    for token in (model.start_token, *ids):
        _, state, looked = model.step(
            ops.array([token], "int32"), state, return_attention_scores=True)
        scores.append(ops.convert_to_numpy(looked)[0])
    return ([tokenizer.decode([token]) for token in ids],
            np.reshape(scores[:len(ids)], (-1, *model.grid)))


def words_figure(image: np.ndarray, tokens: Sequence[str], scores: np.ndarray) -> "Figure":
    """Draws the picture once for each word, with what was looked at for that word over it.

    Args:
        image: `(height, width, 3)`, uint8.
        tokens: Texts, as `words` returns them.
        scores: Float, `(T, GH, GW)`, as `words` returns them.

    Returns:
        A figure of the picture and `T` panels, read row by row. All panels share one scale of
        colours.
    """
    columns = min(COLUMNS, len(tokens) + 1)
    rows = math.ceil((len(tokens) + 1) / columns)
    figure = canvas(2.0 * columns, 2.3 * rows)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes:
        axis.set_axis_off()
    picture(axes[0], image)
    for axis, token, looked in zip(axes[1:], tokens, scores, strict=False):
        axis.set_title(token, fontsize=10)
        overlay(axis, image, looked, highest=scores.max())
    return figure
