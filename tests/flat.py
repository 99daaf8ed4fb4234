"""Functions as the bytes of `.tflite` files, straight from the converter, and their runs."""

import collections
import tempfile

import keras

from keras_seqattn.edge.tflite import schema


def converted(function, layers, **inputs):
    """The file of a function that uses some layers; `name=(shape, dtype)` for each input."""
    import tensorflow as tf

    def serve(*tensors):
        made = keras.tree.flatten(function(*tensors))
        return {f"output_{i}": tensor for i, tensor in enumerate(made)}

    archive = keras.export.ExportArchive()
    for layer in layers:
        archive.track(layer)
    archive.add_endpoint("serving_default", serve, input_signature=[
        keras.InputSpec(shape=shape, dtype=dtype, name=name)
        for name, (shape, dtype) in inputs.items()])
    with tempfile.TemporaryDirectory() as folder:
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        return converter.convert()


def runner(flat):
    """A function from arrays by name to the list of outputs; it keeps its interpreter."""
    from ai_edge_litert.interpreter import Interpreter

    signature = Interpreter(model_content=flat, num_threads=1).get_signature_runner()

    def run(**arrays):
        outputs = signature(**arrays)
        return [outputs[f"output_{i}"] for i in range(len(outputs))]

    return run


def ops(flat):
    """How many of each op a file has, in all its graphs."""
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(flat)
    return collections.Counter(
        flatbuffer_utils.opcode_to_name(model, op.opcodeIndex)
        for graph in model.subgraphs for op in graph.operators)


def rewritten(flat, *rewrites):
    """The file after some rewrites `(model) -> bool`; `flat` itself if none found anything."""
    model = schema.unpacked(flat)
    changed = [rewrite(model) for rewrite in rewrites]
    return schema.packed(model) if any(changed) else flat


def quantised(flat, precision):
    """AI Edge Quantizer's copy of a file under one of its recipes."""
    from ai_edge_quantizer import quantizer, recipe

    quantize = quantizer.Quantizer(flat, getattr(recipe, precision)())
    return bytes(quantize.quantize().quantized_model)
