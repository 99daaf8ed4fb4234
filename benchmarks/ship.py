"""Ships a trained classifier: measures it on its test split and writes its folder in `models/`.

    python benchmarks/ship.py RUN NAME [--before EARLIER_RUN] [--also "from scratch=OTHER_RUN"]
    python benchmarks/ship.py --packs FOLDER   # measures the exported files of all models anew
    python benchmarks/ship.py                  # writes the lists from what was measured before

The folder gets `model.keras`, `labels.txt`, `card.toml` and `README.md`; then the list of shipped
models in the package and the table in `models/README.md` are written anew. No number in them is
typed. `--before` adds the epochs and the time of runs that this one went on from; `--also` puts the
test accuracy of other runs of the same data on the card. What is measured of exported files lies in
`models/measured.json`; FOLDER holds the packs that the recipes name.
"""

import argparse
import json
import pathlib
import platform
import shutil
import tempfile

import tomllib
from edge_accuracy import sets

from keras_seqattn import data, edge, models, trained, training
from keras_seqattn.data.batches import scale
from keras_seqattn.files import whole
from keras_seqattn.training.run_folder import journal

ROOT = pathlib.Path(__file__).parents[1]
SHIPPED = ROOT / "keras_seqattn" / "models" / "shipped.json"
MEASURED = ROOT / "models" / "measured.json"
# What classifiers and what models that write are exported as.
CLASSIFIERS = ("float32", "dynamic_wi8_afp32", "mixed_wi8_ai8", "static_wi8_ai8",
               "dynamic_wi4_afp32")
WRITERS = ("float32", "dynamic_wi8_afp32")
THREADS, RUNS = 2, 50
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
    arguments.add_argument("--packs", metavar="FOLDER")
    arguments = arguments.parse_args()
    if arguments.run is not None:
        ship(arguments)
    if arguments.packs is not None:
        measure_files(arguments.packs)
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


def measure_files(packs):
    """Exports every model, measures the files and writes `measured.json`."""
    found = {}
    for name in sorted(trained.list_shipped(ROOT / "models")):
        model, known = models.load(name), models.tokenizer(name)
        with tempfile.TemporaryDirectory() as folder:
            files, rows = {}, {}
            if known is None:
                model, calibration, inputs, targets = sets(name, packs)
                options = {"inputs": inputs, "targets": targets, "labels": models.labels(name)}
            else:
                calibration, options = None, {"tokenizer": known}
            for precision in CLASSIFIERS if known is None else WRITERS:
                files[precision] = pathlib.Path(folder) / f"{precision}.tflite"
                report = edge.export(model, files[precision], precision, calibration=calibration,
                                     **options)
                rows[precision] = {"bytes": report.bytes}
                if report.accuracy:
                    rows[precision]["accuracy"] = round(report.accuracy["edge"], 4)
            speeds = edge.benchmark(list(files.values()), THREADS, RUNS)
            for row, speed in zip(rows.values(), speeds, strict=True):
                row["median_ms"] = round(speed["median_ms"], 2)
        found[name] = {"parameters": model.count_params(),
                       "multiply_adds": models.multiply_adds(model), "files": rows}
        print(name, rows, flush=True)
    with whole(MEASURED) as path:
        path.write_text(json.dumps({"device": device(), "threads": THREADS, "runs": RUNS,
                                    "models": found}, indent=1) + "\n", encoding="utf-8")


def device():
    """The processor that the files were timed on."""
    lines = pathlib.Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in lines.read_text().splitlines()
             if line.startswith("model name")] if lines.exists() else []
    return names[0] if names else platform.processor() or platform.machine()


def write_lists():
    """Writes the list in the package and the table of `models/`."""
    listing = json.loads(SHIPPED.read_text(encoding="utf-8"))
    listing["models"] = trained.list_shipped(ROOT / "models")
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
    """The tables of all shipped models, and what the licences of their data ask to be said."""
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    lines = ["# Trained models", "",
             "Written by `benchmarks/ship.py`; `models.load(NAME)` loads one, `seqattn summary "
             "NAME` shows it.", "",
             "| model | parameters | multiply-adds | bytes | test result | recipe | epochs "
             "| training time |", "|---|---|---|---|---|---|---|---|"]
    cards = {name: tomllib.loads((ROOT / "models" / name / journal.CARD).read_text(
        encoding="utf-8")) for name in sorted(shipped)}
    for name, card in cards.items():
        before = card.get("before", {"epochs_before": 0, "seconds_before": 0.0})
        seconds = card["training"]["seconds"] + before["seconds_before"]
        known = measured["models"].get(name, {})
        cost = known.get("multiply_adds")
        lines.append(
            f"| [{name}]({name}/README.md) | {card['model']['parameters']:,} "
            f"| {'–' if cost is None else f'{cost / 1e6:,.1f} M'} "
            f"| {shipped[name]['model.keras']['bytes']:,} | {result(card)} "
            f"| [recipe]({name}/recipe.yaml) "
            f"| {card['training']['epochs'] + before['epochs_before']} "
            f"| {seconds / 60:.0f} min on 2 shared CPU cores |")
    lines += ["", "Multiply-adds are those of one image; of a model that writes, of a source and a "
              "target of its largest length, read at once.", "", "## Exported files", "",
              f"On {measured['device']}, {measured['threads']} threads: median of "
              f"{measured['runs']} runs of one example, of greedy writing for models that write. "
              "*As Keras* is the share of outputs that are the Keras model's, token by token.", "",
              "| model | precision | bytes | of float32 | test result | median latency |",
              "|---|---|---|---|---|---|"]
    for name, known in measured["models"].items():
        whole_bytes = known["files"]["float32"]["bytes"]
        lines += [f"| {name} | `{precision}` | {row['bytes']:,} | {row['bytes'] / whole_bytes:.3f} "
                  f"| {quality(cards[name], precision, row)} | {row['median_ms']:.2f} ms |"
                  for precision, row in known["files"].items()]
    lines += ["", "## Data", ""]
    lines += [f"- {name}: {(ROOT / 'models' / name / 'NOTICE').read_text(encoding='utf-8').strip()}"
              for name in cards]
    return "\n".join(lines) + "\n"


def quality(card, precision, row):
    """What a file is known by: its accuracy, or how much of what it writes the Keras model does."""
    if "accuracy" in row:
        return f"accuracy {row['accuracy']:.4f}"
    same = card.get("tflite", {}).get(precision, {}).get(
        "greedy_as_keras", card["test"].get(f"{precision}_same_as_keras"))
    return "–" if same is None else f"as Keras {same:.4f}"


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
