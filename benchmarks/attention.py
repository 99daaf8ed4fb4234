"""Our MultiHeadAttention beside Keras': time of a forward pass and of a training step.

    python benchmarks/attention.py [--rounds 15]

Both layers hold the same weights and take turns within each round, so a machine whose speed drifts
moves both. The ratio is the median over the rounds of ours / Keras'. Below 1 ours is faster.
"""

import argparse
import functools
import statistics
import time
from collections.abc import Callable

import keras
import numpy as np

from keras_seqattn import layers

# name: (batch, positions, features, heads, call arguments)
CASES = {
    "ViT-Ti, 197 tokens": (8, 197, 192, 3, {}),
    "ViT nano, 64 tokens": (64, 64, 128, 4, {}),
    "causal, 256 tokens": (8, 256, 128, 4, {"use_causal_mask": True}),
    "with scores, 64 tokens": (64, 64, 128, 4, {"return_attention_scores": True}),
}


def build(layer_cls: type[keras.layers.Layer], shape: tuple[int, ...], heads: int,
          call: dict[str, bool]) -> keras.Model:
    """Makes a model of one layer, compiled for training. The same seed gives the same weights."""
    keras.utils.set_random_seed(7)
    inputs = keras.Input(shape[1:])
    output = layer_cls(heads, shape[2] // heads)(inputs, inputs, **call)
    model = keras.Model(inputs, output[0] if isinstance(output, tuple) else output)
    model.compile("sgd", "mse")
    return model


def seconds(function: Callable[[], object], repeats: int = 5) -> float:
    """Returns the mean duration of a few calls in a row. A first call is left out."""
    function()
    start = time.perf_counter()
    for _ in range(repeats):
        function()
    return (time.perf_counter() - start) / repeats


def main(rounds: int) -> None:
    """Prints one row per case."""
    print(f"{keras.backend.backend()}, keras {keras.__version__}, {rounds} rounds")
    print(f"{'case':26} {'forward ms':>20} {'ratio':>7} {'training ms':>20} {'ratio':>7}")
    for name, (batch, positions, features, heads, call) in CASES.items():
        shape = (batch, positions, features)
        x = np.random.default_rng(7).normal(size=shape).astype("float32")
        ours, theirs = (build(layer, shape, heads, call) for layer in (
            layers.MultiHeadAttention, keras.layers.MultiHeadAttention))
        cells = []
        for step, arguments in (("predict_on_batch", (x,)), ("train_on_batch", (x, x))):
            own, other = (functools.partial(getattr(model, step), *arguments)
                          for model in (ours, theirs))
            pairs = [(seconds(own), seconds(other)) for _ in range(rounds)]
            own, other = (statistics.median(each) * 1e3 for each in zip(*pairs, strict=True))
            ratio = statistics.median(a / b for a, b in pairs)
            cells += [f"{own:8.2f} vs {other:8.2f}", f"{ratio:.2f}"]
        print(f"{name:26} {cells[0]:>20} {cells[1]:>7} {cells[2]:>20} {cells[3]:>7}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="rounds per case")
    main(parser.parse_args().rounds)
