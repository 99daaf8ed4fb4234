#!/usr/bin/env bash
# Software: KerasHub 0.32.0 with Keras 3.15.1 and TensorFlow 2.21.0.
#
# Behaviour: a new `CLIPVisionEncoder` gives every token the first position. Its
# `position_ids` are a weight that begins as zeros and is never trained, so a model that
# is trained from scratch cannot tell where a patch stands. The `SigLIPVisionEncoder`
# beside it numbers its positions.
#
# A reader expects: `position_ids` are 0, 1, 2, … in both.
#
# Seen, `position_ids` of new encoders of 8 × 8 pixels with patches of 4, and how much
# the mean token of CLIP changes when two patches change places:
#   CLIP    [0, 0, 0, 0, 0]
#   SigLIP  [0, 1, 2, 3]
#   change  0.0
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" || exit 2
"$folder/venv/bin/pip" install --quiet keras==3.15.1 keras-hub==0.32.0 tensorflow==2.21.0 \
    || exit 2
cd "$folder"
export KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=
venv/bin/python - 2> log <<'END' || { cat log >&2; exit 1; }
import sys

import keras_hub
import numpy as np

SIZES = dict(patch_size=4, hidden_dim=8, num_layers=1, num_heads=2, intermediate_dim=16,
             image_shape=(8, 8, 3))
clip = keras_hub.models.CLIPVisionEncoder(**SIZES)
siglip = keras_hub.models.SigLIPVisionEncoder(**SIZES)


def positions(model):
    ids, = (each for each in model.weights if each.path.endswith("position_ids"))
    return np.array(ids).ravel().tolist()


image = np.random.default_rng(0).normal(size=(1, 8, 8, 3)).astype("float32")
turned = image.copy()
turned[:, :4, :4], turned[:, 4:, 4:] = image[:, 4:, 4:], image[:, :4, :4]
means = [np.array(clip.predict(each, verbose=0)).mean(axis=1) for each in (image, turned)]
change = float(np.abs(means[0] - means[1]).max())
print("CLIP   ", positions(clip))
print("SigLIP ", positions(siglip))
print("change ", round(change, 5))
if any(positions(clip)) or positions(siglip) != [0, 1, 2, 3] or change > 1e-5:
    sys.exit("changed: a new CLIP encoder tells positions apart")
END
