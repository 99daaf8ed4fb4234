"""Scores of a trained captioner beside the nearest neighbour: does it know more than it has seen?

    python benchmarks/captioning.py RUN [--out models/NAME] [data.source=pack:FILE.npz]

Measures a run of a captioner recipe on a pack's `test` (unseen concepts) and `styles` (unseen
pictures of known concepts). The nearest neighbour copies the caption of the training picture that
is most alike: by the cosine of the captioner's own features, averaged over the picture, or by raw
pixels. Words are compared in lower case and without punctuation; each picture has one reference.
Of the run's two models (last epoch, lowest validation loss) the one with the higher CIDEr-D on the
validation split is taken, and its weights are rounded to the grid of int8, so that an int8 file
has the same ones; no score on a test split chooses anything (that weights are rounded was decided
on how many test pictures an int8 file captions as Keras does). With `--out` it is exported too, in
float32 and int8, so that the card says how many of all test pictures get the caption that Keras
writes, and the model, its tokenizer, card and page are written to that folder.
"""

import argparse
import json
import pathlib
import shutil
import tempfile

import numpy as np

from keras_seqattn import edge, models, training
from keras_seqattn.data import captions, tokenizer
from keras_seqattn.data.batches import scale
from keras_seqattn.edge.tflite.quantize import rounding
from keras_seqattn.files import whole
from keras_seqattn.trained import TOKENIZER
from keras_seqattn.training.run_folder import journal
from keras_seqattn.training.scores import scoring
from keras_seqattn.training.tasks import captioning

SPLITS = {"test": "unseen concepts", "styles": "unseen pictures of known concepts"}
BATCH = 64


def scores(written, examples):
    """Every metric of captions against those of the examples."""
    return {name: round(value, 4)
            for name, value in scoring.caption_scores(written, examples).items()}


def nearest(images, trained, texts, embed):
    """The caption of the most alike training picture, for each image."""
    ours, theirs = (np.concatenate([embed(scale(each[start:start + BATCH]))
                                    for start in range(0, len(each), BATCH)])
                    for each in (images, trained))
    near = np.concatenate([np.argmax(part @ theirs.T - np.square(theirs).sum(1) / 2, axis=1)
                           for part in np.array_split(ours, max(len(ours) // 256, 1))])
    return [texts[index][0] for index in near]


def by_features(model):
    """Mean features of length 1, among which the nearest has the largest cosine."""
    def embed(images):
        features = np.asarray(model.encoder.predict_on_batch(images))
        features = features.reshape(len(features), -1, features.shape[-1]).mean(1)
        return features / np.linalg.norm(features, axis=-1, keepdims=True)
    return embed


def by_pixels(images):
    """The pixels themselves."""
    return images.reshape(len(images), -1)


def read(examples):
    """All images of a split."""
    return examples.read(np.arange(len(examples)))[0]


def measure(run, recipe):
    """Chooses one of a run's models; returns it, its words, the pictures and the scores."""
    source, shape = recipe.data.source, recipe.model.image_shape
    known = tokenizer.Tokenizer.from_json((run / TOKENIZER).read_text("utf-8"))
    load = {split: captions.load(source, split, shape) for split in
            ("train", "validation", *SPLITS)}
    chosen = {}
    for name in ("model.keras", "best.keras"):
        model = models.load(run / name)
        found = scores(scoring.captions(model, known, load["validation"], beam=4),
                       load["validation"])
        chosen[name] = found, model
    name = max(chosen, key=lambda each: chosen[each][0]["cider_d"])
    model, results = chosen[name][1], {"validation": {"beam_4": chosen[name][0]}}
    rounding.round_weights(model)
    trained, texts = read(load["train"]), captioning.texts_of(load["train"])
    for split in SPLITS:
        images = read(load[split])
        results[split] = {
            title: scores(written, load[split]) for title, written in {
                "beam_4": scoring.captions(model, known, load[split], beam=4),
                "greedy": scoring.captions(model, known, load[split], beam=1),
                "nearest_features": nearest(images, trained, texts, by_features(model)),
                "nearest_pixels": nearest(images, trained, texts, by_pixels)}.items()}
        results[split]["examples"] = len(images)
    return model, known, [load[split] for split in SPLITS], results


def edge_results(model, known, splits):
    """How files of two precisions agree with Keras over all test pictures, and their sizes."""
    def write(writer, beam):
        return [text for split in splits for text in scoring.captions(writer, known, split, beam)]

    found, images = {}, splits[0].read(np.arange(BATCH))[0]
    expected = {beam: write(model, beam) for beam in (1, 4)}
    with tempfile.TemporaryDirectory() as folder:
        for precision in ("float32", "dynamic_wi8_afp32"):
            report = edge.export(model, pathlib.Path(folder) / f"{precision}.tflite", precision,
                                 tokenizer=known, inputs=scale(images))
            runner, found[precision] = edge.load(report.file), {"bytes": report.bytes}
            for beam, name in ((1, "greedy"), (4, "beam_4")):
                same = [ours == theirs for ours, theirs in zip(
                    write(runner, beam), expected[beam], strict=True)]
                found[precision][f"{name}_as_keras"] = round(sum(same) / len(same), 4)
    return found


def table(results, split):
    """One split as Markdown."""
    names = list(results[split]["beam_4"])
    lines = ["| | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    lines += [f"| {title.replace('_', ' ')} | " + " | ".join(
        f"{found[name]:.3f}" for name in names) + " |"
        for title, found in results[split].items() if title != "examples"]
    return "\n".join(lines)


def compare(results, split):
    """One sentence: the captioner against the better of the two neighbours."""
    found = results[split]
    best = max(("nearest_features", "nearest_pixels"), key=lambda each: found[each]["cider_d"])
    ours, theirs = found["beam_4"]["cider_d"], found[best]["cider_d"]
    verdict = "above" if ours > theirs else "below" if ours < theirs else "equal to"
    return (f"On {found['examples']:,} {SPLITS[split]} (`{split}`) its CIDEr-D is {ours:.3f}, "
            f"{verdict} the {theirs:.3f} of the nearest neighbour (by "
            f"{best.removeprefix('nearest_')}), and {found['beam_4']['exact_match']:.1%} of its "
            f"captions are right word by word, against {found[best]['exact_match']:.1%}.")


def page(name, folder, card, results):
    """The model's README."""
    size, files = (folder / "model.keras").stat().st_size, results["tflite"]
    notice = folder / "NOTICE"
    parts = [
        f"# {name}", "Writes the name of an emoji: 64x64 RGB pictures, drawn on white, to English "
        "words. Such names have 3.6 words on average; they are no sentences, and scores on them "
        "cannot be compared with those of captions of photographs.",
        "```python\nfrom keras_seqattn import models\n\n"
        f"model, tokenizer = models.load(\"{name}\"), models.tokenizer(\"{name}\")\n"
        "[tokenizer.decode(ids) for ids in model.write(images, beam=4)]   # images in [-1, 1]\n"
        "```", f"{size / 1e6:.1f} MB. No score on a test split chose anything; that the weights "
        "are rounded to the grid of int8 was decided when too few test pictures got the caption "
        "of Keras from an int8 file without it.",
        *(f"## {SPLITS[split].capitalize()}\n\n{compare(results, split)}\n\n"
          f"{table(results, split)}" for split in SPLITS),
        "Words in lower case, without punctuation; one reference each. The nearest neighbour "
        "copies the caption of the most alike training picture.",
        "As one `.tflite`, over all test pictures: " + "; ".join(
            f"{title} has {files[precision]['bytes'] / 1e6:.1f} MB and writes "
            f"{files[precision]['greedy_as_keras']:.1%} of the captions as Keras does, "
            f"{files[precision]['beam_4_as_keras']:.1%} with a beam of 4"
            for title, precision in (("float32", "float32"), ("int8", "dynamic_wi8_afp32"))) + ".",
        "Trained by `recipe.yaml`; the card, written by `benchmarks/captioning.py`:",
        f"```toml\n{card.rstrip()}\n```",
        *([notice.read_text("utf-8").rstrip()] if notice.exists() else [])]
    return "\n\n".join(parts) + "\n"


def main():
    """Measures, prints, and with `--out` writes; see above."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("run", type=pathlib.Path)
    arguments.add_argument("overrides", nargs="*")
    arguments.add_argument("--out", type=pathlib.Path)
    arguments = arguments.parse_intermixed_args()
    run, out = arguments.run, arguments.out
    model, known, splits, results = measure(
        run, training.read(run / "recipe.yaml", arguments.overrides))
    for split in SPLITS:
        print(f"{compare(results, split)}\n\n{table(results, split)}\n")
    if out is None:
        return
    results["tflite"] = edge_results(model, known, splits)
    out.mkdir(exist_ok=True)
    journal.save_model(model, out / "model.keras")
    shutil.copyfile(run / TOKENIZER, out / TOKENIZER)
    lines = [(run / journal.CARD).read_text("utf-8").rstrip(), ""]
    for split, systems in results.items():
        for title, found in systems.items():
            if title != "examples":
                lines += [f"[{split}.{title}]", *(
                    f"{key} = {json.dumps(value)}" for key, value in found.items()), ""]
    card = "\n".join(lines)
    with whole(out / journal.CARD) as path:
        path.write_text(card, encoding="utf-8")
    with whole(out / "README.md") as path:
        path.write_text(page(out.name, out, card, results), encoding="utf-8")


if __name__ == "__main__":
    main()
