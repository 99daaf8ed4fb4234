#!/usr/bin/env bash
# Software: Keras 3.15.1 with JAX 0.10.2.
#
# Behaviour: on a TPU `keras.ops.dot_product_attention` without a mask, over 128
# positions, is causal although `is_causal` is False, and its logits are not divided
# by the square root of the head's size. There is no error and no warning. Other
# devices compute what was asked for.
#
# A reader expects: the same numbers on every device, but for rounding.
#
# No TPU is needed: the script tells Keras that the device is a TPU, and JAX
# interprets the TPU's kernel on the CPU, as Pallas offers for tests.
#
# Seen, largest differences of the TPU's way from attention on the CPU:
#   full attention:                    4.49
#   causal attention:                  4.29
#   causal attention with a scale of 1: 9.5e-07
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" || exit 2
"$folder/venv/bin/pip" install --quiet keras==3.15.1 jax==0.10.2 jaxlib==0.10.2 || exit 2
cd "$folder"
export KERAS_BACKEND=jax JAX_PLATFORMS=cpu
venv/bin/python - <<'END'
import sys
from unittest import mock

import jax
import keras
import numpy as np
from jax.experimental.pallas import tpu


class Device:
    platform = "tpu"


positions, size = 128, 128
numbers = np.random.default_rng(0)
query, key, value = (numbers.normal(size=(1, positions, 1, size)).astype("float32")
                     for _ in range(3))
attend = keras.ops.dot_product_attention
on_cpu = {
    "full attention": attend(query, key, value),
    "causal attention": attend(query, key, value, is_causal=True),
    "causal attention with a scale of 1": attend(query, key, value, is_causal=True, scale=1.0),
}
with mock.patch.object(jax, "devices", lambda *_: [Device]), tpu.force_tpu_interpret_mode():
    on_tpu = attend(query, key, value)
seen = {name: float(abs(on_tpu - output).max()) for name, output in on_cpu.items()}
for name, difference in seen.items():
    print(f"{name + ':':<36}{difference:.3g}")
full, causal, unscaled = seen.values()
if not (full > 1 and causal > 1 and unscaled < 1e-4):
    sys.exit("changed: on a TPU attention is no longer causal with a scale of 1")
END
