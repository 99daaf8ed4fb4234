#!/usr/bin/env bash
# Software: Keras 3.15.1 with TensorFlow 2.21.0.
#
# Behaviour: `keras.layers.MultiHeadAttention` takes the mask off the tensor that it is
# given, and the mask does not come back. Whatever reads the same tensor afterwards reads
# the padding as if it were real. In the `call` of a subclassed model a residual sum
# `x + attention(x, x)` is such a reader: the sum has no mask, and the layers behind it
# read the padding too. There is no warning. A functional model of the same layers keeps
# the mask of the sum.
#
# A reader expects: to call a layer changes nothing about the layer's inputs, and the two
# ways to write a model give the same numbers.
#
# Seen, for means of the tokens 1 and 3, followed by two of padding that read as 100 each:
#   before attention: 2.0
#   the same tensor after attention: 51.0
#   functional model, a sum with an attention of weights 0: 2.0
#   subclassed model, the same sum: 51.0
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" || exit 2
"$folder/venv/bin/pip" install --quiet keras==3.15.1 tensorflow==2.21.0 || exit 2
cd "$folder"
export KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=
venv/bin/python - <<'END'
import sys

import keras
import numpy as np

tokens = np.array([[1, 2, 0, 0]])
embed = keras.layers.Embedding(3, 1, mask_zero=True)
attend = keras.layers.MultiHeadAttention(num_heads=1, key_dim=1)
mean = keras.layers.GlobalAveragePooling1D()
embed.build((1, 4))
embed.set_weights([np.array([[100.0], [1.0], [3.0]])])
attend.build((1, 4, 1), (1, 4, 1))
attend.set_weights([np.zeros(weight.shape) for weight in attend.get_weights()])


def add_attention(x):
    return mean(keras.layers.Add()([x, attend(x, x)]))


class Subclassed(keras.Model):
    def build(self, shape):
        pass

    def call(self, inputs):
        return add_attention(embed(inputs))


x = embed(tokens)
before = mean(x)
attend(x, x)
after = mean(x)
inputs = keras.Input((4,), dtype="int32")
functional = keras.Model(inputs, add_attention(embed(inputs)))
seen = {
    "before attention": before,
    "the same tensor after attention": after,
    "functional model, a sum with an attention of weights 0": functional(tokens),
    "subclassed model, the same sum": Subclassed().predict(tokens, verbose=0),
}
for name, value in seen.items():
    print(f"{name}: {float(value[0, 0])}")
if not np.allclose(np.ravel(list(seen.values())), [2.0, 51.0, 2.0, 51.0]):
    sys.exit("changed: the mask stays on the tensor, or is lost elsewhere")
END
