"""Names of the nodes behind a file's ops, and the patterns that users name them by."""

import fnmatch

from keras_seqattn.edge.tflite.file import Op


def node(op: Op) -> str:
    """Returns the name of the node that an op was written for."""
    return op.outputs[0].name.partition(";")[0]


def covers(pattern: str, name: str) -> bool:
    """Whether a pattern is the name of a node, of a layer on its path, or matches all of it.

    >>> covers("block_0", "vit/block_0/hidden"), covers("block_0/hidden", "vit/block_0/hidden")
    (True, True)
    >>> covers("block", "vit/block_0/hidden"), covers("*/block_?/*", "vit/block_0/hidden")
    (False, True)
    """
    return f"/{pattern}/" in f"/{name}/" or fnmatch.fnmatchcase(name, pattern)
