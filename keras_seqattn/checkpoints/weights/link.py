"""Arrays of a file paired with weights of a model, to be read in both directions."""

import dataclasses

import keras
import numpy as np
from keras import ops

from keras_seqattn.checkpoints.weights.filling import hand_over
from keras_seqattn.checkpoints.weights.state import State


@dataclasses.dataclass(frozen=True)
class Link:
    """An array of a file, and the weights that have the same numbers.

    Attributes:
        keys: Keys of the array. It has several if it is in pieces, which lie side by side on
            axis 1.
        shape: Shape of each piece.
        weights: Weights of the model. Several share an axis of the array evenly.
        axes: Order in which a weight has the axes of its share. `None` is the order of the file.
        shared: The axis that several weights share.
    """

    keys: tuple[str, ...]
    shape: tuple[int, ...]
    weights: tuple[keras.Variable, ...]
    axes: tuple[int, ...] | None = None
    shared: int = 0

    def fill(self, state: State) -> None:
        """Sets the weights from the arrays of a `State`.

        Raises:
            ValueError: as for `State.take`.
        """
        pieces = [state.take(key, *self.shape, layer=self.weights[0].path) for key in self.keys]
        whole = pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=1)
        shares = np.split(whole, len(self.weights), axis=self.shared)
        for weight, share in zip(self.weights, shares, strict=True):
            share = share if self.axes is None else share.transpose(self.axes)
            hand_over(weight, np.reshape(share, weight.shape))

    def read(self) -> dict[str, np.ndarray]:
        """Returns the arrays as the file has them: dictionary from keys to NumPy float32."""
        share = list(self.shape)
        if len(self.keys) > 1:
            share[1] *= len(self.keys)
        share[self.shared] //= len(self.weights)
        axes = self.axes or tuple(range(len(share)))
        turned = [share[axis] for axis in axes]
        whole = np.concatenate([
            ops.convert_to_numpy(weight).astype("float32", copy=False).reshape(turned)
            .transpose(np.argsort(axes)) for weight in self.weights], axis=self.shared)
        pieces = [whole] if len(self.keys) == 1 else np.split(whole, len(self.keys), axis=1)
        return {key: np.ascontiguousarray(piece)
                for key, piece in zip(self.keys, pieces, strict=True)}


def same(key: str, *weights: keras.Variable, stacked: bool = False) -> Link:
    """A weight that has the shape of its array, or one of each block on top of each other."""
    shape = tuple(weights[0].shape)
    return Link((key,), (len(weights), *shape) if stacked else shape, weights)
