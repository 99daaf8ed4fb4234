"""vit_eurosat on photographs of flowers: probed and fine-tuned as in the ViT paper.

    python benchmarks/transfer.py --packs FOLDER [--out runs/transfer]

Writes `benchmarks/figures/transfer.md` and `.json`, and the line about them in README.md. FOLDER
holds `flowers_3670_128px_jpeg.npz`. The steps and the batch are smaller than the paper's, which the
table says; the number of steps is chosen with the learning rate, on validation images that are kept
from the training split. What `--out` holds is not done again.
"""

import argparse
import json
import pathlib
import shutil

from keras_seqattn import cli, models
from keras_seqattn.training.vit_paper import published, reproduction

ROOT = pathlib.Path(__file__).parents[1]
FIGURES = ROOT / "benchmarks" / "figures"
PACK = "flowers_3670_128px_jpeg.npz"
PROBES = (("--probe", "linear"), ("--probe", "linear", "--shots", "5"))
WEIGHTS = "vit_eurosat"
# The paper has 500 steps of 512 images and rates from 0.001 to 0.03.
STEPS, BATCH_SIZE, RATES = (60, 120, 240, 480), 64, (0.003, 0.01, 0.03, 0.1)
BEGIN, END = ("<!-- transfer:begin, written by benchmarks/transfer.py -->",
              "<!-- transfer:end -->")


def main(packs, out):
    """Fills the cells and writes what they say."""
    source = f"pack:{next(pathlib.Path(packs).rglob(PACK))}"
    steps = chosen_steps(source, pathlib.Path(out) / "steps")
    fine_tuning = ("--steps", str(steps), "--batch-size", str(BATCH_SIZE),
                   "--learning-rates", ",".join(map(str, RATES)))
    for run in (*PROBES, fine_tuning):
        try:
            cli.main(["reproduce", "vit-paper", "--weights", WEIGHTS, "--dataset", source,
                      "--out", out, *run])
        except SystemExit as end:
            if end.code:
                raise
    FIGURES.mkdir(exist_ok=True)
    for suffix in (".md", ".json"):
        shutil.copyfile(pathlib.Path(out) / f"table{suffix}", FIGURES / f"transfer{suffix}")
    cells = json.loads((FIGURES / "transfer.json").read_text(encoding="utf-8"))["cells"]
    readme = ROOT / "README.md"
    before, rest = readme.read_text(encoding="utf-8").split(BEGIN)
    _, after = rest.split(END)
    readme.write_text(f"{before}{BEGIN}\n{line(cells)}\n{END}{after}", encoding="utf-8")


def chosen_steps(source, out):
    """The number of steps of the highest accuracy on validation images."""
    image_shape = models.load(WEIGHTS).input_shape[1:]
    found = {}
    for steps in STEPS:
        (plan,) = published.plans(source, steps=steps, learning_rates=RATES,
                                  batch_size=BATCH_SIZE).values()
        found[steps] = max(reproduction.choose(
            plan, {"weights": WEIGHTS}, image_shape, out / str(steps)).values())
        print(f"{steps} steps: {found[steps]:.3f} of the validation images right")
    return max(found, key=found.get)


def line(cells):
    """One sentence of the cells."""
    told = "; ".join(f"{each['method']} {each['mean']:.1f} ± {each['deviation']:.1f} %"
                     for each in cells)
    (task,) = cells[0]["tasks"].values()
    return ("`vit_eurosat`, trained on satellite images, on "
            f"{task['examples']} test photographs of flowers, {len(cells[0]['accuracies'])} runs "
            f"each: {told} ([table](benchmarks/figures/transfer.md)).")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packs", required=True, metavar="FOLDER")
    parser.add_argument("--out", default="runs/transfer")
    arguments = parser.parse_args()
    main(arguments.packs, arguments.out)
