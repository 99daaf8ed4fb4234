"""Greedy decoding: ours with a cache, without one, and keras-hub's decoder and sampler.

    pip install 'keras_seqattn[bench]'
    python benchmarks/decoding.py [--batch 1] [--rounds 5] [--no-xla]

A decoder of 6 blocks, 256 wide (4 heads, inner width 1,024, 8,000 tokens) writes 128 tokens. The
two libraries hold the same weights, and the tokens are compared before anything is timed. All ways
are compiled, on TensorFlow with XLA, take turns within each round, and the ratio is the median over
the rounds. Without a cache the prefix is run again for each token, once as long as it is (a graph
of any length, without XLA, which would compile every length) and once padded to its full length
within one compiled loop; the faster of the two counts.
"""

import argparse
import statistics
import time

import keras
import numpy as np
from keras import ops

from keras_seqattn import decoding, layers
from keras_seqattn.models.generator import START

LAYERS, WIDTH, HEADS, INNER, VOCAB, LENGTH = 6, 256, 4, 1024, 8_000, 128


class Ours:
    """A decoder-only model of this library's blocks."""

    def __init__(self):
        keras.utils.set_random_seed(7)
        self.embedding = keras.layers.ReversibleEmbedding(VOCAB, WIDTH)
        self.position = layers.LearnedPositionEmbedding(max_length=LENGTH)
        self.blocks = [layers.TransformerDecoderBlock(HEADS, INNER, epsilon=1e-5)
                       for _ in range(LAYERS)]
        self.norm = keras.layers.LayerNormalization(epsilon=1e-5)
        self.full(ops.zeros((1, LENGTH), "int32"))

    def full(self, tokens):
        """Logits of a whole sequence, `(B, T, V)`."""
        x = self.position(self.embedding(tokens))
        for block in self.blocks:
            x = block(x)
        return self.embedding(self.norm(x), reverse=True)

    def start(self, rows):
        caches = tuple(block.start(rows, LENGTH) for block in self.blocks)
        return {"position": ops.zeros((), "int32"), "caches": caches}

    def step(self, tokens, state):
        position, caches = state["position"], []
        x = self.position(self.embedding(ops.expand_dims(tokens, 1)), start=position)
        for block, cache in zip(self.blocks, state["caches"], strict=True):
            x, cache = block.step(x, cache, position)
            caches.append(cache)
        logits = ops.squeeze(self.embedding(self.norm(x), reverse=True), 1)
        return logits, {"position": position + 1, "caches": tuple(caches)}

    def padded_step(self, tokens, state):
        """A step that runs the whole padded sequence again."""
        position, written = state
        place = ops.cast(ops.equal(ops.arange(LENGTH), position), "int32")
        written = written + ops.expand_dims(tokens, 1) * place
        return ops.take(self.full(written), position, axis=1), (position + 1, written)


class Theirs:
    """The same model of keras-hub's layers, with the weights of ours."""

    def __init__(self, ours):
        import keras_hub

        self.embedding, self.position, self.norm = ours.embedding, ours.position, ours.norm
        self.blocks = [keras_hub.layers.TransformerDecoder(
            INNER, HEADS, activation="gelu", layer_norm_epsilon=1e-5, normalize_first=True)
            for _ in range(LAYERS)]
        for block, own in zip(self.blocks, ours.blocks, strict=True):
            block(ops.zeros((1, LENGTH, WIDTH)))
            attention, mine = block._self_attention_layer, own.self_attention
            for name in ("query_dense", "key_dense", "value_dense", "output_dense"):
                getattr(attention, f"_{name}").set_weights(getattr(mine, name).get_weights())
            for theirs, mine in (
                    (block._self_attention_layer_norm, own.self_attention_norm),
                    (block._feedforward_layer_norm, own.feed_forward_norm),
                    (block._feedforward_intermediate_dense, own.feed_forward.hidden_dense),
                    (block._feedforward_output_dense, own.feed_forward.output_dense)):
                theirs.set_weights(mine.get_weights())
        self.sampler = keras_hub.samplers.GreedySampler()

    def next(self, prompt, cache, index):
        """What keras-hub's sampler calls: logits of the token at `index`."""
        rows = ops.shape(prompt)[0]
        x = ops.slice(prompt, (0, index - 1), (rows, 1))
        x, updated = self.position(self.embedding(x), start=index - 1), []
        for i, block in enumerate(self.blocks):
            x, each = block(x, self_attention_cache=cache[:, i],
                            self_attention_cache_update_index=index - 1)
            updated.append(each)
        logits = ops.squeeze(self.embedding(self.norm(x), reverse=True), 1)
        return logits, ops.squeeze(x, 1), ops.stack(updated, axis=1)

    def write(self, first):
        rows = ops.shape(first)[0]
        prompt = ops.concatenate(
            [ops.expand_dims(first, 1), ops.zeros((rows, LENGTH), "int32")], axis=1)
        cache = ops.zeros((rows, LAYERS, 2, LENGTH + 1, HEADS, WIDTH // HEADS))
        written = self.sampler(self.next, prompt, cache=cache, index=1, mask=prompt > 0,
                               stop_token_ids=None)
        return written[:, 1:]


def of_any_length(function, variables):
    """Compiles a function of sequences once for all lengths, where the backend can."""
    if keras.backend.backend() != "tensorflow":
        return decoding.compiled(function, variables)
    import tensorflow as tf

    return tf.function(function, reduce_retracing=True)


def ways(rows, xla):
    """Name of each way to its function, which returns the tokens."""
    ours = Ours()
    theirs = Theirs(ours)
    first = ops.full((rows,), START, "int32")

    def cached(first):
        return decoding.greedy(ours.step, first, ours.start(rows), end=-1,
                               max_length=LENGTH).tokens

    def padded(first):
        state = (ops.zeros((), "int32"), ops.zeros((rows, LENGTH), "int32"))
        return decoding.greedy(ours.padded_step, first, state, end=-1, max_length=LENGTH).tokens

    variables = [variable for layer in (ours.embedding, ours.position, ours.norm, *ours.blocks)
                 for variable in layer.variables]
    last = of_any_length(lambda tokens: ops.argmax(ours.full(tokens)[:, -1], axis=-1), variables)

    def growing():
        tokens = np.full((rows, 1), START, "int32")
        for _ in range(LENGTH):
            new = ops.convert_to_numpy(last(ops.convert_to_tensor(tokens)))
            tokens = np.concatenate([tokens, new[:, None].astype("int32")], axis=1)
        return tokens[:, 1:]

    theirs_variables = variables + [v for block in theirs.blocks for v in block.variables]
    compiled = {"ours, cached": decoding.compiled(cached, variables, xla),
                "keras-hub, cached": decoding.compiled(theirs.write, theirs_variables, xla),
                "ours, prefix padded": decoding.compiled(padded, variables, xla)}
    return {**{name: lambda function=function: ops.convert_to_numpy(function(first))
               for name, function in compiled.items()}, "ours, prefix growing": growing}


def main(rows, rounds, xla):
    """Prints tokens per second and the two ratios."""
    timed = ways(rows, xla)
    reference = timed["ours, cached"]()
    for name, function in timed.items():
        if not np.array_equal(function(), reference):
            print(f"note: {name} writes other tokens")
    seconds = {name: [] for name in timed}
    for _ in range(rounds):
        for name, function in timed.items():
            start = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - start)
    print(f"{keras.backend.backend()}{', XLA' if xla else ''}, batch {rows}, {LENGTH} tokens, "
          f"{rounds} rounds\n")
    print("| way | tokens/s | ours is faster by |\n|---|---|---|")
    own = seconds["ours, cached"]
    for name, each in seconds.items():
        ratio = statistics.median(b / a for a, b in zip(own, each, strict=True))
        print(f"| {name} | {rows * LENGTH / statistics.median(each):,.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--batch", type=int, default=1)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--no-xla", action="store_true")
    arguments = arguments.parse_args()
    main(arguments.batch, arguments.rounds, not arguments.no_xla)
