"""One training step of a Vision Transformer as the TPU's own compiler sees it: ours beside others.

    python benchmarks/tpu_compile.py [--size small] [--image-size 224] [--batches 16 128]
        [--topology v5e:1x1] [--num-layers 12] [--out README.md]

Needs the extra `tpu-bench`, Linux on x86-64 and no TPU: nothing is run. Forward, backward and AdamW
on cross entropy of 1000 classes, patches of 16×16, bfloat16 where the library's own policy has it,
no dropout. keras-hub's is its `ViTImageClassifier` with Keras' AdamW. The third is a ViT of flax's
own `MultiHeadDotProductAttention`, `LayerNorm` and `Dense`, composed as `models/vit.py` of
google-research/big_vision does (its softmax is in bfloat16), with optax's AdamW; big_vision itself
is no package.

All figures are the compiler's, of one device, and the same in each run but for the seconds. With
`--out` the table replaces what stands between the two marks of that page. Six compilations take
about five minutes of a processor's core.
"""

import argparse
import importlib.metadata
import os
import pathlib
import typing

os.environ["KERAS_BACKEND"] = "jax"

import jax
import keras
import numpy as np

from keras_seqattn import models
from keras_seqattn.models.vision_transformer import SIZES
from keras_seqattn.training.doctor import (
    compiler,
    environment,
    figures,
    hlo,
    loans,
    step,
    topologies,
)
from keras_seqattn.training.optimizer.optimizer import AdamW

PATCH_SIZE, NUM_CLASSES = 16, 1000
MIB, MB = 2 ** 20, 10 ** 6
BEGIN, END = "<!-- compile:begin, written by benchmarks/tpu_compile.py -->", "<!-- compile:end -->"


def ours(case: typing.Any, batch_size: int) -> typing.Any:
    """`models.vit` with the optimizer of the recipes."""
    model = models.vit(case.size, PATCH_SIZE, (case.image_size, case.image_size, 3), NUM_CLASSES,
                       num_layers=case.num_layers, dtype="mixed_bfloat16")
    return of_keras(model, AdamW(1e-3, weight_decay=0.05), case, batch_size)


def keras_hub(case: typing.Any, batch_size: int) -> typing.Any:
    """`keras_hub.models.ViTImageClassifier`, bare of the task that would prepare images."""
    import keras_hub

    num_layers, num_heads, embed_dim, mlp_dim = case.sizes
    backbone = keras_hub.models.ViTBackbone(
        (case.image_size, case.image_size, 3), PATCH_SIZE, num_layers, num_heads, embed_dim,
        mlp_dim, dtype="mixed_bfloat16")
    task = keras_hub.models.ViTImageClassifier(backbone, NUM_CLASSES, head_dtype="float32")
    return of_keras(keras.Model(task.inputs, task.outputs),
                    keras.optimizers.AdamW(1e-3, weight_decay=0.05), case, batch_size)


def of_keras(model: keras.Model, optimizer: keras.optimizers.Optimizer, case: typing.Any,
             batch_size: int) -> typing.Any:
    """Lowers the step of Keras' own trainer."""
    model.compile(optimizer, keras.losses.CategoricalCrossentropy(from_logits=True))
    optimizer.build(model.trainable_variables)
    return step.trace(model, examples(case, batch_size), compiler.devices(case.place)).lower()


def examples(case: typing.Any, batch_size: int) -> tuple:
    """Shapes of images and of the shares of the classes."""
    return tuple(jax.ShapeDtypeStruct((batch_size, *sides), "float32") for sides in (
        (case.image_size, case.image_size, 3), (NUM_CLASSES,)))


def of_flax(case: typing.Any, batch_size: int) -> typing.Any:
    """A ViT of flax's own layers, in big_vision's order, with optax's AdamW."""
    import flax.linen as nn
    import jax.numpy as jnp
    import optax

    num_layers, num_heads, embed_dim, mlp_dim = case.sizes

    class Block(nn.Module):
        @nn.compact
        def __call__(self, x):
            y = nn.LayerNorm(dtype="bfloat16")(x)
            x = x + nn.MultiHeadDotProductAttention(
                num_heads, dtype="bfloat16", deterministic=True,
                kernel_init=nn.initializers.xavier_uniform())(y, y)
            y = nn.LayerNorm(dtype="bfloat16")(x)
            y = nn.gelu(nn.Dense(mlp_dim, dtype="bfloat16")(y))
            return x + nn.Dense(embed_dim, dtype="bfloat16")(y)

    class Model(nn.Module):
        @nn.compact
        def __call__(self, images):
            x = nn.Conv(embed_dim, (PATCH_SIZE, PATCH_SIZE), (PATCH_SIZE, PATCH_SIZE),
                        padding="VALID", dtype="bfloat16")(images)
            x = x.reshape(len(images), -1, embed_dim)   # (B, T, D)
            x = x + self.param("positions", nn.initializers.normal(0.02),
                               (1, x.shape[1], embed_dim)).astype(x.dtype)
            token = self.param("token", nn.initializers.zeros, (1, 1, embed_dim)).astype(x.dtype)
            x = jnp.concatenate([jnp.tile(token, (len(x), 1, 1)), x], axis=1)
            for _ in range(num_layers):
                x = Block()(x)
            x = nn.LayerNorm(dtype="bfloat16")(x)
            return nn.Dense(NUM_CLASSES)(x[:, 0])

    model, optimizer = Model(), optax.adamw(1e-3, weight_decay=0.05)

    def train(weights, kept, images, labels):
        def loss(weights):
            logits = model.apply(weights, images)
            return optax.softmax_cross_entropy(logits, labels).mean()

        value, gradients = jax.value_and_grad(loss)(weights)
        updates, kept = optimizer.update(gradients, kept, weights)
        return value, optax.apply_updates(weights, updates), kept

    batch = examples(case, batch_size)
    weights = jax.eval_shape(model.init, jax.random.key(0), batch[0])
    state = weights, jax.eval_shape(optimizer.init, weights)
    mesh = jax.sharding.Mesh(np.asarray(compiler.devices(case.place)), (step.BATCH,))

    def on(array, *axes):
        return jax.ShapeDtypeStruct(array.shape, array.dtype,
                                    sharding=jax.NamedSharding(mesh, jax.P(*axes)))

    return jax.jit(train, donate_argnums=(0, 1)).lower(
        *jax.tree.map(on, state), *(on(array, step.BATCH) for array in batch))


SIDES = {"ours": ours, "keras-hub": keras_hub, "flax, as big_vision": of_flax}


def measure(case: typing.Any) -> dict[str, dict[str, float]]:
    """Returns name and batch of each row to its figures."""
    with loans.without_values():
        model = models.vit(case.size, PATCH_SIZE, (case.image_size, case.image_size, 3),
                           NUM_CLASSES, num_layers=case.num_layers)
    products = figures.products(model, [(case.image_size, case.image_size, 3)])
    rows = {}
    for batch_size in case.batches:
        each = batch_size / case.place.devices
        for name, side in SIDES.items():
            with loans.without_values():
                lowered = side(case, batch_size)
            made = compiler.compile_lowered(lowered, case.place)
            rows[f"{name}, {batch_size}"] = {
                "flops": made.flops / (6 * products * each),
                "bytes": made.bytes_accessed / each / MB, "temporaries": made.temporaries / MIB,
                "copies": len(hlo.copies(hlo.read(made.text))), "seconds": made.seconds}
            print(f"{name}, batch {batch_size}: {rows[f'{name}, {batch_size}']}", flush=True)
    return rows


def table(case: typing.Any, rows: dict[str, dict[str, float]]) -> str:
    """Returns the figures as Markdown, each beside ours."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in (
        "jax", "libtpu", "keras", "keras-hub", "flax", "optax"))
    lines = [
        f"ViT-{case.size}/{PATCH_SIZE} with {case.sizes[0]} blocks at {case.image_size} px, "
        f"bfloat16, AdamW, compiled for {case.place.name} and not run (`{versions}`).", "",
        "| model, batch | operations ÷ the model's own | MB an image | ours ÷ it "
        "| temporaries, MiB | ours ÷ it | copies | seconds to compile |",
        "|---|---|---|---|---|---|---|---|"]
    for name, row in rows.items():
        own = rows[f"ours, {name.rpartition(', ')[2]}"]
        lines.append(
            f"| {name} | {row['flops']:.3f} | {row['bytes']:.0f} "
            f"| {own['bytes'] / row['bytes']:.2f} | {row['temporaries']:,.0f} "
            f"| {own['temporaries'] / row['temporaries']:.2f} | {row['copies']} "
            f"| {row['seconds']:.0f} |")
    return "\n".join(lines)


def main(case: typing.Any) -> None:
    """Compiles, prints and writes."""
    environment.prepare()
    num_layers, *others = SIZES[case.size]
    case.num_layers = case.num_layers or num_layers
    case.sizes = (case.num_layers, *others)
    case.place = topologies.parse(case.topology)
    text = table(case, measure(case))
    print(text)
    if case.out is not None:
        page = case.out.read_text(encoding="utf-8")
        before, rest = page.split(BEGIN)
        _, after = rest.split(END)
        case.out.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="small", help="a size of models.vit")
    parser.add_argument("--num-layers", type=int, help="by default those of the size")
    parser.add_argument("--image-size", type=int, default=224, help="side of the image in pixels")
    parser.add_argument("--batches", type=int, nargs="+", default=[16, 128])
    parser.add_argument("--topology", default="v5e:1x1")
    parser.add_argument("--out", type=pathlib.Path, help="the page whose table is replaced")
    main(parser.parse_args())
