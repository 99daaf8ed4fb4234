"""What the NPUs of Snapdragon phones make of files, and how right they compute, without a phone.

    python benchmarks/npu.py [MODEL[=SOURCE] …] [--examples 100] [--chips SM8550,SM8750] [--write]

The first table has a row for each model and precision and a column for each chip: ops taken of all,
and the most programs of one signature. Of a model that writes, the signatures that are taken whole
stand behind. The second table runs the files of each MODEL with a SOURCE in Qualcomm's emulator of
SM8750, on the first test images. *error* is the mean error of the logits from Keras, as a share of
their standard deviation: on the CPU, on the NPU. Nothing is run on a chip.

It needs the extra `npu`. The first table takes about a second for each chip and MiB, the second up
to a second for each image. `--write` puts the first table into `tflite/README.md`, between two
comments.
"""

import argparse
import pathlib
import tempfile

import numpy as np

from keras_seqattn import edge, models
from keras_seqattn.cli import sources
from keras_seqattn.edge.npu import emulator
from keras_seqattn.edge.npu.chips import CHIPS
from keras_seqattn.edge.precisions import PRECISIONS, WRITER_PRECISIONS

README = pathlib.Path(__file__).parents[1] / "tflite" / "README.md"
BEGIN, END = "<!-- npu:begin, written by benchmarks/npu.py -->", "<!-- npu:end -->"
MODELS = ("vit_eurosat=sample:eurosat", "captioner_emoji", "translate_fra_eng")
SHOWN = ("SM8350", "SM8450", "SM8550", "SM8650", "SM8750", "SM8850")
EMULATED = "SM8750"
FAILS = "not at all"


def exported(name, source, folder):
    """Path of the file of each precision of a model; what cannot leave is left out."""
    model = models.load(name)
    writes = sources.writes(model)
    options = ({"tokenizer": sources.tokenizer(name, model)} if writes else
               {"calibration": source} if source else {})
    files = {}
    for precision in WRITER_PRECISIONS if writes else PRECISIONS:
        if PRECISIONS.get(precision) and PRECISIONS[precision].needs_calibration and not source:
            continue
        path = folder / f"{name}-{precision}.tflite"
        edge.export(model, path, precision, advise=False, **options)
        files[precision] = path
    return model, files


def cell(made):
    """What a chip makes of a file."""
    if made.error:
        return FAILS
    text = f"{made.taken} of {made.ops}, {made.partitions}"
    return text if made.whole else f"{text}; whole: {', '.join(made.signatures) or 'none'}"


def emulated(file, model, images, targets):
    """Accuracy and error of a file on the CPU and on the emulated NPU."""
    made = edge.compile_for_npu(file, EMULATED).chips[EMULATED]
    wanted = model.predict(images, verbose=0)
    on_npu, = emulator.run(made.file, {next(iter(model.input_names)): images}).values()
    on_cpu = edge.load(file)(images)
    rows = {"Keras": wanted, "CPU": on_cpu, "NPU": on_npu}
    return {"accuracy": [np.mean(each.argmax(-1) == targets) for each in rows.values()],
            "agreement": np.mean(on_npu.argmax(-1) == wanted.argmax(-1)),
            "errors": [np.abs(each - wanted).mean() / wanted.std() for each in (on_cpu, on_npu)]}


def taken(rows, chips):
    """The first table in Markdown."""
    lines = [f"| model | precision | {' | '.join(chips)} |", "|" + "---|" * (2 + len(chips))]
    return "\n".join(lines + [
        f"| {name} | `{precision}` | "
        f"{' | '.join(cell(report.chips[chip]) for chip in chips)} |"
        for (name, precision), report in rows.items()])


def write(text):
    """Puts the table into the README between its two marks."""
    before, rest = README.read_text(encoding="utf-8").split(BEGIN)
    README.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}", encoding="utf-8")


def main():
    """Measures and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=MODELS)
    parser.add_argument("--examples", type=int, default=100)
    parser.add_argument("--chips", default=",".join(SHOWN))
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    chips = [name for name in options.chips.split(",") if name in CHIPS]
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        kept = []
        for each in options.models:
            name, _, source = each.partition("=")
            model, files = exported(name, source, pathlib.Path(folder))
            for precision, file in files.items():
                rows[name, precision] = edge.compile_for_npu(file, chips, write=False)
            kept += [(name, source, model, files)] if source else []
        print(taken(rows, chips), flush=True)
        if options.write:
            write(taken(rows, chips))
        if options.examples:
            print("\n| model | precision | Keras | CPU | NPU | agreement | error, CPU | error, NPU "
                  f"|\n{'|---' * 8}|", flush=True)
        for name, source, model, files in kept if options.examples else ():
            images, targets = (np.asarray(part)[:options.examples] for part in
                               sources.test_examples(source, name, model, False, None))
            for precision, file in files.items():
                found = emulated(file, model, images, targets)
                print(f"| {name} | `{precision}` | "
                      f"{' | '.join(f'{each:.3f}' for each in found['accuracy'])} | "
                      f"{found['agreement']:.3f} | "
                      f"{' | '.join(f'{each:.4f}' for each in found['errors'])} |", flush=True)


if __name__ == "__main__":
    main()
