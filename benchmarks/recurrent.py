"""An LSTM and a GRU on the edge: fused, unrolled and as a loop, in time and bytes.

    python benchmarks/recurrent.py [--rounds 300] [--plain]

One layer each over 32 features, with a batch of 1 and one thread, with XNNPACK or without it. The
files of a row hold the same weights and take turns, so that a machine whose speed drifts moves all;
times are medians.
"""

import argparse
import itertools
import statistics
import tempfile
import time

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from ai_edge_quantizer import quantizer, recipe

from keras_seqattn.edge.lower import recurrent
from keras_seqattn.edge.tflite import schema
from keras_seqattn.edge.tflite.rewrite import lstm

WIDTH = 32
UNITS = (16, 128)
STEPS = (4, 8, 16, 100)
FORMS = ("fused", "unrolled", "loop", "fused int8", "loop int8")


def convert(function, layer, steps):
    """Bytes of the file of a function of `(1, T, D)`."""
    archive = keras.export.ExportArchive()
    archive.track(layer)
    archive.add_endpoint("serving_default", function, input_signature=[
        keras.InputSpec(shape=(1, steps, WIDTH), dtype="float32", name="x")])
    with tempfile.TemporaryDirectory() as folder:
        archive.write_out(folder, verbose=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        return rewritten(converter.convert(), lstm.unclip)


def rewritten(file, rewrite):
    """Bytes of a file after one rewrite."""
    model = schema.unpacked(file)
    return schema.packed(model) if rewrite(model) else file


def files(layer, steps):
    """Each form that the layer has."""
    made = {}
    unrolled = type(layer).from_config({**layer.get_config(), "unroll": True})
    for each in (layer, unrolled):
        each.build((1, steps, WIDTH))
    unrolled.set_weights(layer.get_weights())
    if isinstance(layer, keras.layers.LSTM):
        fused, _ = recurrent.lowered(layer, {}, steps)
        made["fused"] = convert(fused, layer, steps)
        made["fused int8"] = rewritten(made["fused"], lstm.quantise)
    made["unrolled"] = convert(unrolled, unrolled, steps)
    made["loop"] = convert(layer, layer, steps)
    quantize = quantizer.Quantizer(made["loop"], recipe.dynamic_wi8_afp32())
    made["loop int8"] = bytes(quantize.quantize(
        enable_progress_bar=False, enable_progress_report=False).quantized_model)
    return made


def medians(made, steps, rounds, kernels):
    """Milliseconds of a run of each file."""
    x = np.random.default_rng(7).normal(size=(1, steps, WIDTH)).astype("float32")
    runs = {form: Interpreter(
        model_content=file, num_threads=1,
        experimental_op_resolver_type=kernels).get_signature_runner()
        for form, file in made.items()}
    times = {form: [] for form in made}
    for _ in range(rounds):
        for form, run in runs.items():
            run(x=x)
            start = time.perf_counter()
            run(x=x)
            times[form].append(time.perf_counter() - start)
    return {form: statistics.median(each) * 1e3 for form, each in times.items()}


def main(rounds, kernels):
    """Prints one row per layer, size and length."""
    print(f"{kernels.name}, {WIDTH} features, {rounds} rounds")
    print(f"{'layer':5} {'units':>5} {'steps':>5}" + "".join(f" {form:>19}" for form in FORMS))
    for layer_cls, units, steps in itertools.product(
            (keras.layers.LSTM, keras.layers.GRU), UNITS, STEPS):
        made = files(layer_cls(units), steps)
        found = medians(made, steps, rounds, kernels)
        cells = [f"{found[form]:.3f} ms {len(made[form]) / 1024:5.0f} KiB"
                 if form in made else "–" for form in FORMS]
        print(f"{layer_cls.__name__:5} {units:5} {steps:5}"
              + "".join(f" {each:>19}" for each in cells))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=300, help="runs of each file")
    parser.add_argument("--plain", action="store_true", help="without XNNPACK")
    arguments = parser.parse_args()
    main(arguments.rounds, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
         if arguments.plain else OpResolverType.BUILTIN)
