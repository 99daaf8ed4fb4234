"""One training step of a Vision Transformer: ours beside the same model of other libraries.

    python benchmarks/train_step.py [--size tiny] [--image-size 224] [--batch-size 8] [--rounds 9]
    KERAS_BACKEND=jax python benchmarks/train_step.py --size base --batch-size 256 \
        --precision bfloat16

Forward, backward and AdamW on cross entropy of 1000 classes, patches of 16×16, no dropout, random
images already in memory. "Keras' attention" is our model with `keras.layers.MultiHeadAttention` in
its blocks; keras-hub and timm (PyTorch, eager) take part where they are installed. Each has a
process of its own and all take turns within each round; the ratio is the median over the rounds of
a model's rate / that of the best Keras model that is not ours, so that a machine whose speed
drifts moves both. Above 1 is faster.

MFU, the model FLOPs utilisation (Chowdhery et al. 2022, appendix B), is the share of the device's
peak that the architecture's own products reach: 6 FLOPs per multiply-add of the forward pass (2 in
it, 4 in the backward pass), nothing for norms, activations or recomputation.
"""

import argparse
import importlib.metadata
import importlib.util
import multiprocessing
import os
import statistics
import time

PATCH_SIZE = 16
NUM_CLASSES = 1000

# Kind of device, as JAX and CUDA name it, begins with: peak bfloat16 FLOP/s without sparsity.
# NVIDIA's data sheets of A100, H100 (SXM) and H200; cloud.google.com/tpu/docs/system-architecture.
PEAKS = {
    "NVIDIA A100": 312e12,
    "NVIDIA H100 80GB HBM3": 989e12,
    "NVIDIA H200": 989e12,
    "TPU v4": 275e12,
    "TPU v5 lite": 197e12,
    "TPU v6 lite": 918e12,
}


def ours(case):
    """`models.vit`."""
    from keras_seqattn import models

    model = models.vit(case.size, PATCH_SIZE, (case.image_size, case.image_size, 3), NUM_CLASSES,
                       dtype=policy(case))
    return keras_steps(model, case)


def keras_attention(case):
    """`models.vit` with Keras' attention in its blocks."""
    import keras

    from keras_seqattn import layers

    class Attention(keras.layers.MultiHeadAttention):
        def __init__(self, *args, num_kv_heads, use_qkv_bias, **kwargs):
            super().__init__(*args, **kwargs)

    layers.TransformerEncoderBlock.attention_class = Attention
    return ours(case)


def keras_hub(case):
    """`keras_hub.models.ViTImageClassifier`."""
    import keras
    import keras_hub

    num_layers, num_heads, embed_dim, mlp_dim = case.sizes
    backbone = keras_hub.models.ViTBackbone(
        (case.image_size, case.image_size, 3), PATCH_SIZE, num_layers, num_heads, embed_dim,
        mlp_dim, dtype=policy(case))
    task = keras_hub.models.ViTImageClassifier(backbone, NUM_CLASSES, head_dtype="float32")
    # Bare of the task, whose `fit` would prepare images with tf.data first.
    return keras_steps(keras.Model(task.inputs, task.outputs), case)


def timm(case):
    """`timm.models.VisionTransformer`, on the GPU if PyTorch has one."""
    import torch
    from timm.models import vision_transformer

    num_layers, num_heads, embed_dim, mlp_dim = case.sizes
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = vision_transformer.VisionTransformer(
        case.image_size, PATCH_SIZE, num_classes=NUM_CLASSES, embed_dim=embed_dim,
        depth=num_layers, num_heads=num_heads, mlp_ratio=mlp_dim / embed_dim).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=0.05)
    images = torch.rand(case.batch_size, 3, case.image_size, case.image_size, device=device) * 2 - 1
    labels = torch.arange(case.batch_size, device=device) % NUM_CLASSES

    def run(steps):
        for _ in range(steps):
            with torch.autocast(device, torch.bfloat16, enabled=case.precision == "bfloat16"):
                loss = torch.nn.functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        loss.item()

    kind = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    return run, sum(weight.numel() for weight in model.parameters()), kind


CONTENDERS = {"ours": ours, "Keras' attention": keras_attention, "keras-hub": keras_hub,
              "timm": timm}
RIVALS = ("Keras' attention", "keras-hub")


def policy(case):
    """Keras' name of a precision."""
    return {"float32": "float32", "bfloat16": "mixed_bfloat16"}[case.precision]


def keras_steps(model, case):
    """A function that trains some steps, the number of weights, the kind of device."""
    import keras

    model.compile(keras.optimizers.AdamW(1e-3, weight_decay=0.05),
                  keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    shape = (case.batch_size, case.image_size, case.image_size, 3)
    images = keras.random.uniform(shape, -1.0, 1.0)
    labels = keras.ops.arange(case.batch_size) % NUM_CLASSES

    def run(steps):
        batches = ((images, labels) for _ in range(steps))
        model.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=0)

    return run, model.count_params(), device_kind(keras.backend.backend())


def device_kind(backend):
    """Name of the first device a backend computes on."""
    if backend == "jax":
        import jax

        return jax.devices()[0].device_kind
    if backend == "torch":
        import torch

        return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    import tensorflow as tf

    devices = tf.config.list_physical_devices("GPU")
    return next(map(tf.config.experimental.get_device_details, devices),
                {"device_name": "cpu"})["device_name"]


def work(name, case, pipe):
    """Process of one contender: warms up, then tells the seconds of as many steps as asked."""
    run, num_weights, device = CONTENDERS[name](case)
    run(2)
    pipe.send((num_weights, device))
    while steps := pipe.recv():
        start = time.perf_counter()
        run(steps)
        pipe.send(time.perf_counter() - start)


def training_flops(sizes, image_size):
    """FLOPs of one training step per image: 6 per multiply-add of the forward pass."""
    num_layers, _, embed_dim, mlp_dim = sizes
    patches = (image_size // PATCH_SIZE) ** 2
    tokens = patches + 1
    dense = 4 * embed_dim ** 2 + 2 * embed_dim * mlp_dim
    attention = 2 * tokens * embed_dim
    multiply_adds = (patches * PATCH_SIZE ** 2 * 3 * embed_dim
                     + num_layers * tokens * (dense + attention) + embed_dim * NUM_CLASSES)
    return 6 * multiply_adds


def measure(case):
    """Name of each contender to its weights, device and images per second in each round."""
    context = multiprocessing.get_context("spawn")
    names = [name for name in CONTENDERS
             if name not in ("keras-hub", "timm")
             or importlib.util.find_spec(name.replace("-", "_"))]
    pipes = {}
    for name in names:
        pipes[name], end = context.Pipe()
        context.Process(target=work, args=(name, case, end), daemon=True).start()
        end.close()
    facts = {name: pipe.recv() for name, pipe in pipes.items()}
    rates = {name: [] for name in names}
    for round_ in range(case.rounds):
        for i in range(len(names)):
            name = names[(round_ + i) % len(names)]
            pipes[name].send(case.steps)
            rates[name].append(case.batch_size * case.steps / pipes[name].recv())
    for pipe in pipes.values():
        pipe.send(0)
    return {name: (*facts[name], rates[name]) for name in names}


def report(case, results):
    """Prints one row per contender."""
    import keras

    backend = keras.backend.backend()
    packages = [backend, "keras", *(name for name in results if name in ("keras-hub", "timm")),
                *(["torch"] if "timm" in results else [])]
    print(", ".join(f"{name} {version(name)}" for name in dict.fromkeys(packages)))
    flops = training_flops(case.sizes, case.image_size)
    print(f"ViT {case.size}/{PATCH_SIZE}, {case.image_size}×{case.image_size}, batch "
          f"{case.batch_size}, {case.precision}, {flops / 1e9:.2f} GFLOP per image; "
          f"{os.cpu_count()} CPU threads; {case.rounds} rounds of {case.steps} steps")
    best = max((name for name in RIVALS if name in results),
               key=lambda name: statistics.median(results[name][-1]))
    print(f"{'model':18} {'weights':>11} {'images/s':>10} {'ratio':>7} {'MFU':>9}  device")
    for name, (num_weights, device, rates) in results.items():
        rate = statistics.median(rates)
        ratio = statistics.median(a / b for a, b in zip(rates, results[best][-1], strict=True))
        peak = next((PEAKS[kind] for kind in PEAKS if device.startswith(kind)), None)
        known = peak is not None and case.precision == "bfloat16"
        mfu = f"{rate * flops / peak:.1%}" if known else "unknown"
        print(f"{name:18} {num_weights:11,} {rate:10.2f} {ratio:7.2f} {mfu:>9}  {device}")


def version(package):
    """Version of a package; TensorFlow's may be installed under the name of its CPU build."""
    names = (package, f"{package}-cpu")
    return next(importlib.metadata.version(name) for name in names
                if importlib.util.find_spec(package.replace("-", "_")))


def main(case):
    """Measures and prints."""
    from keras_seqattn.models.vision_transformer import SIZES

    case.sizes = SIZES[case.size]
    # Several processes share one accelerator: none may take all its memory.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    report(case, measure(case))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="tiny", help="a size of models.vit")
    parser.add_argument("--image-size", type=int, default=224, help="side of the image in pixels")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=3, help="steps of each turn")
    main(parser.parse_args())
