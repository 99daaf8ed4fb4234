"""Cuts the two sample sets out of the full ones. Run by hand, only to change the samples:

    python examples/data/make_samples.py FOLDER_OF_THE_FULL_SETS

FOLDER holds eurosat/eurosat_10000_jpeg.npz and emoji_captions/{emoji_64px_jpeg.npz,captions.tsv}.
Encoded pictures are copied byte for byte. Which ones are taken follows from the SHA-1 of their
bytes, or for emoji of a prefix and their code points (the split is by the code points alone), so
that running it twice writes the same samples.
"""

import csv
import hashlib
import itertools
import pathlib
import sys

import numpy as np

HERE = pathlib.Path(__file__).parent
TRAIN_PER_CLASS, TEST_PER_CLASS = 200, 50
CONCEPTS = 750


def sha1(data):
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def read(path):
    """Returns the encoded images of a pack and its other arrays."""
    with np.load(path, allow_pickle=False) as pack:
        blob, offset = pack["bytes"].tobytes(), pack["offset"]
        rest = {key: pack[key] for key in pack.files if key not in ("bytes", "offset")}
    return [blob[a:b] for a, b in itertools.pairwise(offset)], rest


def write(path, images, **arrays):
    np.savez_compressed(
        path, bytes=np.frombuffer(b"".join(images), "uint8"),
        offset=np.cumsum([0, *map(len, images)]), **arrays)
    print(path, len(images), "images", path.stat().st_size, "bytes")


def eurosat(folder):
    images, rest = read(folder / "eurosat" / "eurosat_10000_jpeg.npz")
    chosen = []
    for test, count in ((0, TRAIN_PER_CLASS), (1, TEST_PER_CLASS)):
        for label in range(len(rest["classes"])):
            members = np.flatnonzero((rest["label"] == label) & (rest["test"] == test))
            chosen += sorted(members, key=lambda i: sha1(images[i]))[:count]
    write(HERE / "eurosat_sample.npz", [images[i] for i in chosen], label=rest["label"][chosen],
          test=rest["test"][chosen], classes=rest["classes"])


def emoji(folder):
    images, _ = read(folder / "emoji_captions" / "emoji_64px_jpeg.npz")
    with open(folder / "emoji_captions" / "captions.tsv", encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
                if row["style"] in ("noto", "fluent3d") and row["skin_variant"] == "0"]
    styles = {}
    for row in rows:
        styles.setdefault(row["codepoints"], set()).add(row["style"])
    both = sorted((c for c, found in styles.items() if len(found) == 2),
                  key=lambda c: sha1(f"emoji_sample {c}".encode()))[:CONCEPTS]
    rows = [row for row in rows if row["codepoints"] in set(both)]
    write(HERE / "emoji_sample.npz", [images[int(row["index"])] for row in rows],
          test=np.array([int(row["test"]) for row in rows], "uint8"),
          **{key: np.array([row[key] for row in rows])
             for key in ("style", "codepoints", "name", "keywords", "category")})


if __name__ == "__main__":
    eurosat(pathlib.Path(sys.argv[1]))
    emoji(pathlib.Path(sys.argv[1]))
