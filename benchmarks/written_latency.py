"""Latency of the files that the house writes, beside those of TensorFlow's converter.

    git worktree add --detach ../before 6a5deb0
    python benchmarks/written_latency.py [--models NAME…] [--rounds 60] [--beside ../before]

Both files of a model take turns on one thread, in that thread's time. Shares are of the medians, of
neighbouring runs and of the least times. Models that write sequences run `greedy`; their other file
is what another commit's `edge.export` wrote by the converter.
"""

import argparse
import functools
import importlib
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import timeit

import keras
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from keras_seqattn import edge, models

PRECISIONS, WRITERS = ("float32", "dynamic_wi8_afp32"), ("translate_fra_eng", "captioner_emoji")
HERE = pathlib.Path(__file__).resolve().parents[1]
MAIN, WARM, WORKER = "greedy", 5, "--worker"


def hub(backbone, **sizes):
    """A backbone of KerasHub; one that reads texts, for 64 tokens."""
    model = getattr(importlib.import_module("keras_hub.models"), backbone)(**sizes)
    inputs = {each.name: keras.Input([size or 64 for size in each.shape[1:]], dtype=each.dtype,
                                     name=each.name) for each in model.inputs}
    return keras.Model(inputs, model(inputs)) if len(inputs) > 1 else model


MODELS = {
    "vit_eurosat": lambda: models.load("vit_eurosat"),
    "vit_small": lambda: models.vit("small", 16, (224, 224, 3), 1000),
    **dict.fromkeys(WRITERS),
    "lstm": lambda: models.recurrent("lstm", 64, 10, (50, 16), num_layers=2),
    "gru": lambda: models.recurrent("gru", 64, 10, (50, 16), num_layers=2),
    "tcn": lambda: models.temporal(64, 10, (128, 16)),
    **{name: functools.partial(getattr(keras.applications, name), weights=None, classes=100,
                               input_shape=(224, 224, 3)) for name in (
        "MobileNetV2", "MobileNetV3Small", "EfficientNetB0", "ResNet50V2", "NASNetMobile")},
    "bert": lambda: hub("BertBackbone", vocabulary_size=1000, num_layers=4, num_heads=4,
                        hidden_dim=256, intermediate_dim=1024),
    "swin": lambda: hub("SwinTransformerBackbone", embed_dim=48, depths=[2] * 4, window_size=7,
                        image_shape=(224, 224, 3), num_heads=[3, 6, 12, 24]),
}


def write(writer, name, folder):
    """The files of a model by the house, by the converter, or by the running tree's `export`."""
    if writer == "own":
        from keras_seqattn.edge import conversion, formats
        form = formats.of("x.tflite")
        prepared = (conversion.prepare_writer(models.load(name), 4) if name in WRITERS
                    else conversion.prepare(MODELS[name](), form))
    elif name not in WRITERS:
        import tensorflow as tf
        from tensorflow.python.framework import convert_to_constants

        model = MODELS[name]()
        frozen = convert_to_constants.convert_variables_to_constants_v2(tf.function(
            lambda *given: model(keras.tree.pack_sequence_as(model.input, given), training=False),
            input_signature=[tf.TensorSpec((1, *each.shape[1:]), each.dtype, name=each.name)
                             for each in model.inputs]).get_concrete_function())
    for precision in PRECISIONS:
        path = folder / f"{writer}_{precision}.tflite"
        if writer == "own":
            conversion.write(prepared, path, form, precision, str(folder))
        elif name in WRITERS:
            edge.export(models.load(name), path, precision, tokenizer=models.tokenizer(name))
        else:
            converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
            converter.optimizations = [tf.lite.Optimize.DEFAULT] * (precision != "float32")
            path.write_bytes(converter.convert())


def opened(path):
    """LiteRT's interpreter of a file, and a function that runs one example."""
    interpreter, rng = Interpreter(str(path), num_threads=1), np.random.default_rng(7)
    interpreter.allocate_tensors()
    run = MAIN in interpreter.get_signature_list() and interpreter.get_signature_runner(MAIN)
    details = run.get_input_details() if run else {
        each["index"]: each for each in interpreter.get_input_details()}
    examples = {key: (rng.normal(size=each["shape"]) if each["dtype"] == np.float32 else
                      rng.integers(0, 2, each["shape"])).astype(each["dtype"])
                for key, each in details.items()}
    for index in () if run else examples:
        interpreter.set_tensor(index, examples[index])
    return interpreter, functools.partial(run, **examples) if run else interpreter.invoke


def compare(files, rounds):
    """One row: ops, partitions, the converter's milliseconds, and the three shares."""
    from keras_seqattn.edge.tflite import schema

    interpreters, runs = zip(*map(opened, files), strict=True)
    own, other = np.array([[timeit.timeit(run, number=1, timer=time.thread_time) for run in runs]
                           for _ in range(WARM + rounds)])[WARM:].T
    planned = [schema.planned_ops(each) for each in interpreters]
    parts = [ops.count("DELEGATE") for ops in planned]
    return (f"{len(planned[0]) - parts[0]:4}/{len(planned[1]) - parts[1]:4} "
            f"{parts[0]:5}/{parts[1]:4} "
            f"{1e3 * np.median(other):12.2f} {np.median(own) / np.median(other):7.3f} "
            f"{np.median(own / other):6.3f} {own.min() / other.min():6.3f}")


def write_all(name, folder, beside):
    """Lets processes write the files of a model that are not there yet."""
    for writer, tree in (("own", HERE), ("tf", beside if name in WRITERS else HERE)):
        if not all((folder / f"{writer}_{each}.tflite").exists() for each in PRECISIONS):
            paths = os.pathsep.join([str(tree), os.environ.get("PYTHONPATH", "")])
            subprocess.run([sys.executable, HERE / "benchmarks/written_latency.py", WORKER, writer,
                            name, folder], check=True, capture_output=True, cwd=tree,
                           env={**os.environ, "PYTHONPATH": paths})


def main(models, rounds, beside, kept):
    """Prints one row for each model and precision."""
    print(f"{'model':18} {'precision':18}       ops partitions converter ms medians  pairs minima")
    for name in [name for name in models if beside or name not in WRITERS]:
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(kept or folder) / name
            folder.mkdir(parents=True, exist_ok=True)
            write_all(name, folder, beside)
            for precision in PRECISIONS:
                files = [folder / f"{writer}_{precision}.tflite" for writer in ("own", "tf")]
                print(f"{name:18} {precision:18} {compare(files, rounds)}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == [WORKER]:
        write(sys.argv[2], sys.argv[3], pathlib.Path(sys.argv[4]))
        sys.exit()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--beside", type=os.path.abspath, help="for models that write")
    parser.add_argument("--kept", type=os.path.abspath, help="folder of files to write once")
    main(**vars(parser.parse_args()))
