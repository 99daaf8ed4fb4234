"""TFLite's own metadata, which MediaPipe reads: the tables of `metadata_schema.fbs`.

Version 1.5.0 of the schema, https://github.com/google-ai-edge/LiteRT; the slots and codes below are
its fields and enumerations in their order.
"""

import flatbuffers
import numpy as np

from keras_seqattn.edge.tflite.head import table, vector
from keras_seqattn.edge.tflite.op_versions import opened

NAME = "TFLITE_METADATA"
IDENTIFIER = b"M001"
PARSER = "1.0.0"    # the first knows all that is written here
TENSOR_AXIS_LABELS = 2
IMAGE_PROPERTIES = 2
NORMALIZATION_OPTIONS = 1
COLOUR = {3: 1, 1: 2}   # channels: RGB, GRAYSCALE


def metadata(path, contract, labels_file):
    """Writes the metadata of a file.

    Args:
        path: The `.tflite` file, whose order of tensors counts.
        contract: What `metadata.describe` returns.
        labels_file: Name of the labels' file in the archive at the file's end.

    Returns:
        Bytes of a flatbuffer `ModelMetadata`.
    """
    builder = flatbuffers.Builder(1024)
    described = {each["name"]: _tensor(builder, each, contract, labels_file)
                 for each in contract["inputs"] + contract["outputs"]}
    inputs, outputs = (vector(builder, [described[name] for name in names])
                       for names in _order(path))
    subgraph = table(builder, {2: inputs, 3: outputs})
    texts = {0: contract["name"], 5: contract["licence"], 7: PARSER}
    written = {slot: builder.CreateString(text) for slot, text in texts.items() if text}
    root = table(builder, {**written, 3: vector(builder, [subgraph])})
    builder.Finish(root, IDENTIFIER)
    return bytes(builder.Output())


def _order(path):
    """Names of the inputs and outputs by the signature, in the order of the graph."""
    with opened(path) as model:
        graph, signature = model.Subgraphs(0), model.SignatureDefs(0)
        for indices, entries, count in (
                (graph.InputsAsNumpy(), signature.Inputs, signature.InputsLength()),
                (graph.OutputsAsNumpy(), signature.Outputs, signature.OutputsLength())):
            names = {each.TensorIndex(): each.Name().decode()
                     for each in map(entries, range(count))}
            yield [names[index] for index in indices]


def _tensor(builder, facts, contract, labels_file):
    slots = {0: builder.CreateString(facts["name"])}
    if facts["content"] == "image":
        image = table(builder, scalars={0: ("Int8", COLOUR[facts["shape"][-1]])})
        slots[3] = table(builder, {1: image}, {0: ("Uint8", IMAGE_PROPERTIES)})
        if facts["dtype"] != "uint8":
            mean, std = (builder.CreateNumpyVector(np.ravel(facts[key]).astype("float32"))
                         for key in ("mean", "std"))
            options = table(builder, {0: mean, 1: std})
            unit = table(builder, {1: options}, {0: ("Uint8", NORMALIZATION_OPTIONS)})
            slots[4] = vector(builder, [unit])
    if facts["content"] == "logits" and contract["labels"]:
        labels = builder.CreateString(labels_file)
        axis = table(builder, {0: labels}, {2: ("Int8", TENSOR_AXIS_LABELS)})
        slots[6] = vector(builder, [axis])
    return table(builder, slots)
