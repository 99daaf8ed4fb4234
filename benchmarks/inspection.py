"""Collecting all attention scores of a model against its plain forward pass.

    python benchmarks/inspection.py [--size small] [--images 16] [--rounds 7]

A ViT of 224×224 images with patches of 16 pixels calls 16 images. The scores of all blocks are
brought to NumPy, as is the output of either. Both run eagerly and compiled (on TensorFlow by
`tf.function`, on JAX by `jax.jit`); the two take turns within each round, after one of warm-up. The
ratio is that of the medians. The outputs are compared before anything is timed.
"""

import argparse
import statistics
import time

import keras
import numpy as np
from keras import ops

from keras_seqattn import inspection, models
from keras_seqattn.decoding import compiled


def seconds(function, images):
    """Time of one call, with what it returns as NumPy arrays."""
    start = time.perf_counter()
    result = [ops.convert_to_numpy(each) for each in keras.tree.flatten(function(images))]
    return time.perf_counter() - start, result[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--size", default="small")
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    model = models.vit(options.size, 16, (224, 224, 3), 1000)
    shape = (options.images, 224, 224, 3)
    images = ops.convert_to_tensor(
        np.random.default_rng(0).uniform(-1, 1, size=shape).astype("float32"))

    def plain(images):
        return model(images, training=False)

    def scored(images):
        return inspection.call_with_scores(model, images)

    print(f"ViT-{options.size}, {options.images} images, Keras on {keras.backend.backend()}, "
          f"median of {options.rounds} rounds")
    print("| | forward pass | with all scores | ratio |\n|---|---|---|---|")
    ways = {"eager": (plain, scored), "compiled": tuple(
        compiled(function, model.variables) for function in (plain, scored))}
    for name, pair in ways.items():
        (_, expected), (_, found) = (seconds(function, images) for function in pair)
        np.testing.assert_allclose(found, expected, atol=1e-4)
        times = [[seconds(function, images)[0] for function in pair]
                 for _ in range(options.rounds)]
        forward, all_scores = (statistics.median(each) for each in zip(*times, strict=True))
        print(f"| {name} | {forward * 1e3:.0f} ms | {all_scores * 1e3:.0f} ms "
              f"| {all_scores / forward:.2f} |")


if __name__ == "__main__":
    main()
