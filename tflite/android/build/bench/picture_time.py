"""Median ms of CPU that Python takes per picture, inference apart: decode, resize, normalise, rank.

Prints them, and those of them that Pillow's decoder takes.

Run `python picture_time.py FILE WIDTH HEIGHT CLASSES RUNS`.
"""

import io
import pathlib
import statistics
import sys
import time
import warnings

import numpy as np
from PIL import Image

from keras_seqattn.data import images
from keras_seqattn.edge.contract.pixels import normalise

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    file = pathlib.Path(sys.argv[1]).read_bytes()
    width, height, classes, runs = map(int, sys.argv[2:])
    logits = np.random.default_rng(0).normal(size=classes).astype("float32")
    labels = [f"class {index}" for index in range(classes)]
    times, decoding = [], []
    for _ in range(2 * runs):
        start = time.thread_time()
        Image.open(io.BytesIO(file)).load()
        decoding.append(time.thread_time() - start)
        start = time.thread_time()
        normalise(images.decode(file, (height, width)), 127.5, 127.5)
        shares = np.exp(logits - logits.max())
        shares /= shares.sum()
        best = [(labels[index], shares[index]) for index in np.argsort(-shares)[:5]]
        times.append(time.thread_time() - start)
    print(*(statistics.median(each[runs:]) * 1e3 for each in (times, decoding)))
