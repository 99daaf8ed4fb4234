"""Latency of exported files: every precision, keras-hub, ONNX Runtime, and the floor of both.

    python benchmarks/edge_latency.py [--runs 60] [--models small vit_eurosat]

The floor is the model's own dense layers and convolutions in int8 with nothing between them but
sums: no norm, no attention product, no softmax, no activation. keras-hub's ViT of the same sizes
leaves by its own best path, Keras' `export(format="litert")` with a fixed batch and AI Edge
Quantizer's dynamic int8. All files take turns, ten runs in a row each, two threads, one example.
"""

import argparse
import pathlib
import tempfile

import keras
import numpy as np

from keras_seqattn import data, edge, models
from keras_seqattn.data.batches import scale
from keras_seqattn.edge.lower.trace import lower
from keras_seqattn.edge.tflite.converter import convert, saved_model
from keras_seqattn.models.vision_transformer import SIZES

THREADS = 2


def build(name):
    """A shipped model, or a size of ViT with weights as wide as trained ones."""
    if name not in SIZES:
        model = models.load(name)
        images, _ = data.load("sample:eurosat", "train", model.input_shape[1:]).read(np.arange(64))
        return model, scale(images)
    model = models.vit(name, 16, (224, 224, 3), 1000)
    rng = np.random.default_rng(7)
    model.set_weights([
        np.ones(w.shape) if w.name == "gamma" else
        rng.normal(scale=1 / np.sqrt(np.prod(w.shape[:-1]) or 1), size=w.shape)
        for w in model.weights])
    return model, rng.uniform(-1, 1, (32, 224, 224, 3)).astype("float32")


def floor(model, path):
    """Writes the model's dense layers and convolutions alone, in int8."""
    graph = lower(model)
    for node in list(graph.nodes):
        node.settings.pop("activation", None)
        if node.kind == "norm":
            for user in graph.nodes:
                user.inputs = [node.inputs[0] if value == node.outputs[0] else value
                               for value in user.inputs]
            graph.nodes.remove(node)
        elif node.kind == "attention":
            query, key, value = node.inputs
            between = graph.add("add", f"{node.name}/q", [query, key])
            total = graph.add("add", f"{node.name}/k", [between, value])
            place = graph.nodes.index(node)
            added = graph.nodes[-2:]
            added[1].outputs = node.outputs
            graph.nodes[place:] = [*added, *graph.nodes[place + 1:-2]]
            del total
    export_graph(graph, model, path, "dynamic_wi8_afp32")


def export_graph(graph, model, path, precision):
    """A graph to a file, without metadata and verification."""
    specs = [keras.InputSpec(shape=(1, *each.shape[1:]), dtype=each.dtype, name=each.name)
             for each in model.inputs]
    with tempfile.TemporaryDirectory() as folder:
        saved_model.write(graph, specs, folder)
        convert.convert(folder, path, precision)


def keras_hub(name, folder):
    """keras-hub's ViT of the same sizes: float32 and dynamic int8 files."""
    import keras_hub
    from ai_edge_quantizer import quantizer, recipe

    num_layers, num_heads, embed_dim, mlp_dim = SIZES[name]
    backbone = keras_hub.models.ViTBackbone(
        image_shape=(224, 224, 3), patch_size=16, num_layers=num_layers, num_heads=num_heads,
        hidden_dim=embed_dim, mlp_dim=mlp_dim)
    model = keras_hub.models.ViTImageClassifier(
        backbone, num_classes=1000, preprocessor=None, pooling="token")
    exact, small = folder / "hub_float32.tflite", folder / "hub_int8.tflite"
    model.export(str(exact), format="litert", verbose=False, input_signature=[
        keras.InputSpec(shape=(1, 224, 224, 3), dtype="float32", name="images")])
    quantize = quantizer.Quantizer(str(exact), recipe.dynamic_wi8_afp32())
    quantize.quantize(serialize_to_path=str(small), enable_progress_report=False)
    return {"keras-hub float32": exact, "keras-hub int8": small}


def files_of(name, folder):
    """Writes every file to time; title to path."""
    model, examples = build(name)
    files = {"floor: dense layers int8": folder / "floor.tflite"}
    floor(model, files["floor: dense layers int8"])
    for precision in edge.PRECISIONS:
        files[precision] = folder / f"{precision}.tflite"
        edge.export(model, files[precision], precision, calibration=examples)
    for precision in ("float32", "dynamic_wi8_afp32"):
        files[f"onnx {precision}"] = folder / f"{precision}.onnx"
        edge.export(model, files[f"onnx {precision}"], precision)
    if name in SIZES:
        files.update(keras_hub(name, folder))
    return files


def main(names, runs):
    """Prints one table per model."""
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            files = files_of(name, pathlib.Path(folder))
            slow = [title for title in files if "ai16" in title]
            fast = [title for title in files if title not in slow]
            results = dict(zip(fast, edge.benchmark(
                [files[title] for title in fast], THREADS, runs), strict=True))
            results.update(zip(slow, edge.benchmark(
                [files[title] for title in slow], THREADS, 5), strict=True))
            least = results["floor: dense layers int8"]["median_ms"]
            print(f"{name}, {THREADS} threads, {runs} runs of each file (5 of 16-bit ones)")
            print(f"{'file':28} {'bytes':>12} {'median ms':>10} {'p90 ms':>9} {'/ floor':>8}")
            for title, row in results.items():
                print(f"{title:28} {files[title].stat().st_size:12,} {row['median_ms']:10.3f} "
                      f"{row['p90_ms']:9.3f} {row['median_ms'] / least:8.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["small", "vit_eurosat"])
    parser.add_argument("--runs", type=int, default=60, help="timed runs of each file")
    arguments = parser.parse_args()
    main(arguments.models, arguments.runs)
