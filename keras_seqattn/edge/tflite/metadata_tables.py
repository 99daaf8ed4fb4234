"""TFLite's own metadata, which MediaPipe reads: the tables of `metadata_schema.fbs`.

Version 1.5.0 of the schema, https://github.com/google-ai-edge/LiteRT. The slots and codes below are
its fields and enumerations in their order.
"""

import typing

import flatbuffers
import numpy as np

from keras_seqattn.edge.tflite.builder import table, vector
from keras_seqattn.edge.tflite.file import File

NAME = "TFLITE_METADATA"
IDENTIFIER = b"M001"
PARSER = "1.0.0"    # the first knows all that is written here
TENSOR_AXIS_LABELS = 2
IMAGE_PROPERTIES = 2
NORMALIZATION_OPTIONS = 1
LABELS = "labels.txt"
COLOUR = {3: 1, 1: 2}   # channels: RGB, GRAYSCALE


def label_files(contract: dict[str, typing.Any]) -> dict[str, tuple[str, list[str]]]:
    """Finds what text files of labels a contract makes: one line for each value of an output.

    An output of one value has the label of yes alone.

    Args:
        contract: What `contract.describe` returns.

    Returns:
        By name of the output the name of its file, and the lines. A single file is `labels.txt`.
    """
    labelled = [each for each in contract["outputs"] if each.get("labels")]
    return {each["name"]: (LABELS if len(labelled) == 1 else f"{each['name']}.{LABELS}",
                           each["labels"][-each["shape"][-1]:]) for each in labelled}


def metadata(file: File, contract: dict[str, typing.Any]) -> bytes:
    """Writes the metadata of a file of one signature.

    Args:
        file: What `reader.read` gives; its order of tensors counts.
        contract: What `contract.describe` returns.

    Returns:
        Bytes of a flatbuffer `ModelMetadata`.
    """
    builder, files = flatbuffers.Builder(1024), label_files(contract)
    described = {each["name"]: _tensor(builder, each, files)
                 for each in contract["inputs"] + contract["outputs"]}
    inputs, outputs = (vector(builder, [described[name] for name in names])
                       for names in (file.signatures[0].inputs, file.signatures[0].outputs))
    subgraph = table(builder, {2: inputs, 3: outputs})
    texts = {0: contract["name"], 5: contract["licence"], 7: PARSER}
    written = {slot: builder.CreateString(text) for slot, text in texts.items() if text}
    root = table(builder, {**written, 3: vector(builder, [subgraph])})
    builder.Finish(root, IDENTIFIER)
    return bytes(builder.Output())


def _tensor(builder: flatbuffers.Builder, facts: dict[str, typing.Any],
            files: dict[str, tuple[str, list[str]]]) -> int:
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
    if facts["name"] in files:
        labels = builder.CreateString(files[facts["name"]][0])
        axis = table(builder, {0: labels}, {2: ("Int8", TENSOR_AXIS_LABELS)})
        slots[6] = vector(builder, [axis])
    return table(builder, slots)
