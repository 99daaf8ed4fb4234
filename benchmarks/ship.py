"""Ships a trained classifier: measures it on its test split and writes its folder in `models/`.

    python benchmarks/ship.py RUN NAME [--before EARLIER_RUN] [--also "from scratch=OTHER_RUN"]
    python benchmarks/ship.py      # lists what translation.py and captioning.py shipped, no more

The folder gets `model.keras`, `labels.txt`, `card.toml` and `README.md`; then the list of shipped
models in the package and the table in `models/README.md` are written anew. No number in them is
typed. `--before` adds the epochs and the time of runs that this one went on from; `--also` puts the
test accuracy of other runs of the same data on the card.
"""

import argparse
import json
import pathlib
import shutil

import tomllib

from keras_seqattn import data, models, training
from keras_seqattn.data.batches import scale
from keras_seqattn.files import whole
from keras_seqattn.models import pretrained
from keras_seqattn.training import journal

ROOT = pathlib.Path(__file__).parents[1]
SHIPPED = ROOT / "keras_seqattn" / "models" / "shipped.json"
# How the result of a kind of model is told, and where its card has it.
RESULTS = {
    "accuracy {:.4f}": ("test", "accuracy"),
    "BLEU {:.1f} greedy": ("test", "bleu_greedy"),
    "CIDEr-D {:.2f} on unseen pictures of known concepts": ("styles", "beam_4", "cider_d"),
}


def measure(run):
    """Accuracy of a run's model on the test split of its source, and the number of images."""
    model = models.load(run)
    source = training.read(run / "recipe.yaml").data.source
    examples = data.load(source, "test", model.input_shape[1:])
    return data.accuracy(lambda images: model.predict_on_batch(scale(images)), examples)


def main():
    """Measures, copies and writes; see above."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("run", type=pathlib.Path, nargs="?")
    arguments.add_argument("name", nargs="?")
    arguments.add_argument("--also", action="append", default=[], metavar="TITLE=RUN")
    arguments.add_argument("--before", action="append", default=[], metavar="RUN")
    arguments = arguments.parse_args()
    if arguments.run is not None:
        ship(arguments)
    write_lists()


def ship(arguments):
    """Measures a run and writes its folder."""
    folder = ROOT / "models" / arguments.name
    folder.mkdir(exist_ok=True)
    best = arguments.run / "best.keras"
    shutil.copyfile(best if best.exists() else arguments.run / "model.keras",
                    folder / "model.keras")
    shutil.copyfile(arguments.run / "labels.txt", folder / "labels.txt")
    accuracy, count = measure(arguments.run)
    results = {"accuracy": round(accuracy, 4), "examples": count}
    for each in arguments.also:
        title, _, run = each.rpartition("=")
        results[f"accuracy_{title.replace(' ', '_')}"] = round(measure(pathlib.Path(run))[0], 4)
    card = (arguments.run / journal.CARD).read_text(encoding="utf-8")
    earlier = [training.read_run(pathlib.Path(run)) for run in arguments.before]
    if earlier:
        epochs = sum(len(run.history["loss"]) for run in earlier)
        seconds = sum(run.seconds for run in earlier)
        card += f"\n[before]\nepochs_before = {epochs}\nseconds_before = {seconds:.1f}\n"
    lines = ["[test]", *(f"{name} = {json.dumps(value)}" for name, value in results.items())]
    with whole(folder / journal.CARD) as path:
        path.write_text(card + "\n" + "\n".join(lines) + "\n", encoding="utf-8")
    with whole(folder / "README.md") as path:
        path.write_text(page(arguments.name, folder, card, results), encoding="utf-8")


def write_lists():
    """Writes the list in the package and the table of `models/`."""
    listing = json.loads(SHIPPED.read_text(encoding="utf-8"))
    listing["models"] = pretrained.list_shipped(ROOT / "models")
    with whole(SHIPPED) as path:
        path.write_text(json.dumps(listing, indent=1) + "\n", encoding="utf-8")
    with whole(ROOT / "models" / "README.md") as path:
        path.write_text(index(listing["models"]), encoding="utf-8")


def page(name, folder, card, results):
    """The model's README: how to use it, and its card."""
    size = (folder / "model.keras").stat().st_size
    return (f"# {name}\n\n```python\nfrom keras_seqattn import models\n\n"
            f"model = models.load(\"{name}\")      # float images in [-1, 1] to logits\n"
            f"labels = models.labels(\"{name}\")\n```\n\n"
            f"Accuracy on {results['examples']:,} test images: **{results['accuracy']:.4f}**; "
            f"{size / 1e6:.1f} MB. The model is the epoch of the lowest validation loss; the test "
            "images chose nothing.\n\nTrained by `recipe.yaml`; the card, written by "
            "`benchmarks/ship.py`:\n\n```toml\n"
            f"{card.rstrip()}\n\n[test]\n"
            + "\n".join(f"{key} = {json.dumps(value)}" for key, value in results.items())
            + "\n```\n" + licence(name))


def licence(name):
    """What the licence of the training data asks to be said, if the folder says it."""
    notice = ROOT / "models" / name / "NOTICE"
    return f"\n{notice.read_text(encoding='utf-8')}" if notice.exists() else ""


def index(shipped):
    """The table of all shipped models."""
    lines = ["# Trained models", "",
             "Written by `benchmarks/ship.py`; `models.load(NAME)` loads one.", "",
             "| model | parameters | bytes | test result | epochs | training time |",
             "|---|---|---|---|---|---|"]
    for name, files in sorted(shipped.items()):
        card = tomllib.loads((ROOT / "models" / name / journal.CARD).read_text(encoding="utf-8"))
        before = card.get("before", {"epochs_before": 0, "seconds_before": 0.0})
        seconds = card["training"]["seconds"] + before["seconds_before"]
        lines.append(
            f"| [{name}]({name}/README.md) | {card['model']['parameters']:,} "
            f"| {files['model.keras']['bytes']:,} | {result(card)} "
            f"| {card['training']['epochs'] + before['epochs_before']} "
            f"| {seconds / 60:.0f} min on 2 shared CPU cores |")
    return "\n".join(lines) + "\n"


def result(card):
    """The figure that a kind of model is known by."""
    for text, place in RESULTS.items():
        value = card
        for key in place:
            value = value.get(key, {}) if isinstance(value, dict) else {}
        if value != {}:
            return text.format(value)
    raise ValueError(f"the card has none of {list(RESULTS.values())}")


if __name__ == "__main__":
    main()
