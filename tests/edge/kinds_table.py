"""The table of tflite/README.md that says what leaves how: `python tests/edge/kinds_table.py`.

Each kind of node stands with the ops that its examples are written with, and with the layers of
Keras that become it.
"""

import pathlib
import sys
import textwrap

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import keras
from kind_examples import EXAMPLES
from written import graph_of, model_of

from keras_seqattn.edge.lower.handlers import HANDLERS
from keras_seqattn.edge.lower.trace import lower
from keras_seqattn.edge.tflite import schema
from keras_seqattn.edge.tflite.write import writer
from keras_seqattn.edge.tflite.write.body import Content

NAMES = {number: name for name, number in schema.numbers("BuiltinOperator").items()}
README = pathlib.Path(__file__).parents[2] / "tflite" / "README.md"
BEGIN, END = "<!-- kinds:begin, written by tests/edge/kinds_table.py -->", "<!-- kinds:end -->"
TOKENS, IMAGE, IDS, STEPS = (7, 6), (9, 8, 6), ((7,), "int32"), (13, 6)
INNER = keras.layers.Dense(3)
# Layer of Keras, its arguments, what it reads.
LAYERS = {
    "Activation": (["gelu"], TOKENS), "ELU": ([], TOKENS), "LeakyReLU": ([], TOKENS),
    "PReLU": ([], TOKENS), "ReLU": ([], TOKENS), "Softmax": ([], TOKENS),
    "Dense": ([3], TOKENS), "EinsumDense": (["abc,cd->abd", (None, 3)], TOKENS),
    "Embedding": ([11, 3], IDS), "ReversibleEmbedding": ([11, 3], IDS), "Identity": ([], TOKENS),
    "Masking": ([], TOKENS), "Lambda": ([keras.ops.tanh], TOKENS),
    "AdditiveAttention": ([], TOKENS, TOKENS), "Attention": ([], TOKENS, TOKENS),
    "MultiHeadAttention": ([2, 3], TOKENS, TOKENS),
    "GroupQueryAttention": ([3, 2, 1], TOKENS, TOKENS),
    "Conv1D": ([3, 3], TOKENS), "Conv2D": ([3, 3], IMAGE), "Conv1DTranspose": ([3, 3], TOKENS),
    "Conv2DTranspose": ([3, 3], IMAGE), "DepthwiseConv1D": ([3], TOKENS),
    "DepthwiseConv2D": ([3], IMAGE), "SeparableConv1D": ([3, 3], TOKENS),
    "SeparableConv2D": ([3, 3], IMAGE),
    **{f"{kind}Pooling{rank}D": ([2], shape) for kind in ("Average", "Max")
       for rank, shape in ((1, TOKENS), (2, IMAGE))},
    **{f"Global{kind}Pooling{rank}D": ([], shape) for kind in ("Average", "Max")
       for rank, shape in ((1, TOKENS), (2, IMAGE))},
    **{f"Adaptive{kind}Pooling{rank}D": ([3], shape) for kind in ("Average", "Max")
       for rank, shape in ((1, TOKENS), (2, IMAGE))},
    "BatchNormalization": ([], TOKENS), "GroupNormalization": ([3], TOKENS),
    "LayerNormalization": ([], TOKENS), "RMSNormalization": ([], TOKENS),
    "UnitNormalization": ([], TOKENS), "SpectralNormalization": ([INNER], TOKENS),
    **dict.fromkeys(("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply",
                     "Subtract"), ([], TOKENS, TOKENS)), "Dot": ([2], TOKENS, TOKENS),
    "Cropping1D": ([1], TOKENS), "Cropping2D": ([1], IMAGE), "Flatten": ([], TOKENS),
    "Permute": ([(2, 1)], TOKENS), "RepeatVector": ([3], (6,)), "Reshape": ([(-1,)], TOKENS),
    "UpSampling1D": ([2], TOKENS), "UpSampling2D": ([2], IMAGE), "ZeroPadding1D": ([1], TOKENS),
    "ZeroPadding2D": ([1], IMAGE),
    "Bidirectional": ([keras.layers.LSTM(3)], STEPS), "GRU": ([3], STEPS), "LSTM": ([3], STEPS),
    "RNN": ([keras.layers.LSTMCell(3)], STEPS), "SimpleRNN": ([3], STEPS),
    "TimeDistributed": ([keras.layers.Conv1D(3, 2)], (3, 7, 6)),
    "ActivityRegularization": ([], TOKENS), "AlphaDropout": ([0.1], TOKENS),
    "Dropout": ([0.1], TOKENS), "GaussianDropout": ([0.1], TOKENS),
    "GaussianNoise": ([0.1], TOKENS), "SpatialDropout1D": ([0.1], TOKENS),
    "SpatialDropout2D": ([0.1], IMAGE),
    "CategoryEncoding": ([11], IDS), "CenterCrop": ([3, 5], IMAGE),
    "Discretization": ([[0.0, 1.0]], TOKENS), "Normalization": ([-1, 0.1, 2.0], IMAGE),
    "Rescaling": ([0.1, 1.0], IMAGE), "Resizing": ([5, 3], IMAGE),
    "RandomBrightness": ([0.1], IMAGE), "RandomContrast": ([0.1], IMAGE),
    "RandomCrop": ([5, 3], IMAGE), "RandomFlip": ([], IMAGE), "RandomRotation": ([0.1], IMAGE),
    "RandomTranslation": ([0.1, 0.1], IMAGE), "RandomZoom": ([0.1], IMAGE),
}
SEVERAL = ("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract", "Dot",
           "AdditiveAttention", "Attention")     # read a list


def graph_of_layer(name):
    """The graph of a layer of Keras."""
    args, *specs = LAYERS[name]
    layer = getattr(keras.layers, name)(*args)
    return lower(model_of((lambda *x: layer(list(x))) if name in SEVERAL else layer, *specs))


def ops_of(kind):
    """The ops that the examples of a kind are written with."""
    found = set()
    for example in EXAMPLES[kind]:
        graph, inputs = graph_of(kind, example)
        content = Content()
        body = content.body("x")
        writer.emit(body, graph, [body.input(name, array.shape, array.dtype.name)
                                  for name, array in inputs.items()])
        found |= {NAMES[code.builtinCode] for code in content.model.operatorCodes}
    return sorted(found)


def functions():
    """Names of the functions of `keras.ops` and `keras.activations` that handlers know."""
    names = {cls.__name__ for cls in HANDLERS if cls.__module__.startswith("keras.src.ops")}
    known = {name.replace("_", "").lower(): name for name in dir(keras.ops) if name[0] != "_"}
    known |= {name.replace("_", "").lower(): name for name in dir(keras.ops.image)}
    return sorted({known[name.lower()] for name in names if name.lower() in known})


def table():
    """The lines of the table and of the list below it."""
    makers = {}
    for name in LAYERS:
        for node in graph_of_layer(name).nodes:
            makers.setdefault(node.kind, {})[name] = None
    rows = ["| kind of node | ops in the file | layers of Keras that become it |", "|---|---|---|"]
    for kind in sorted(writer.WRITERS):
        ops = ", ".join(f"`{op}`" for op in ops_of(kind)) or "–"
        layers = ", ".join(f"`{name}`" for name in sorted(makers.get(kind, ()))) or "–"
        rows.append(f"| `{kind}` | {ops} | {layers} |")
    known = ", ".join(f"`{name}`" for name in functions())
    return [*rows, "", *textwrap.wrap(f"Functions of `keras.ops` that are known: {known}.", 100)]


def written():
    """The README with the table of today."""
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    return "\n".join([before + BEGIN, *table(), END]) + rest.split(END)[1]


if __name__ == "__main__":
    README.write_text(written(), encoding="utf-8")
