"""Ships a trained translator: its BLEU, that of a twin without attention, and its files.

    python benchmarks/translation.py RUN --twin RUN --out models/NAME [data.source=pairs:FILE]

Both runs, of equally many epochs, are scored by sacrebleu on the test split, greedily and with a
beam of 4; then the translator is exported and test sentences are translated by its files, so that
the card says how many come out as from Keras. Before anything is measured the translator's weights
are rounded to the grid of int8, so that int8 files lose nothing by them. The folder gets the model,
its tokenizer, card and page; no number in them is typed, and the test split chose nothing. What a
run scored is kept in it as `test.json` and `files.json`, for the next call; delete them to measure
again. The first RUN may also be a copy of a folder that was written so, to get another twin.
"""

import argparse
import json
import pathlib
import shutil
import tempfile
import time

from keras_seqattn import edge, models, training
from keras_seqattn.data import pairs, tokenizer
from keras_seqattn.edge.precisions import WRITER_PRECISIONS
from keras_seqattn.edge.tflite.quantize import rounding
from keras_seqattn.errors import explain
from keras_seqattn.files import whole
from keras_seqattn.trained import TOKENIZER
from keras_seqattn.training.run_folder import journal
from keras_seqattn.training.scores import scoring

BEAM = 4
SHOWN = 12


def score(run, known, source, rounded=False):
    """Test results of a run: scores by beam width, the model, its greedy translations."""
    model, examples = models.load(run), pairs.load(source, "test")
    if rounded:
        rounding.round_weights(model)
    kept = run / "test.json"
    if not kept.is_file():
        written = {beam: scoring.translations(
            model, known, list(examples.references()), int(beam)) for beam in ("1", str(BEAM))}
        kept.write_text(json.dumps(written), encoding="utf-8")
    written = json.loads(kept.read_text(encoding="utf-8"))
    found = {int(beam): scoring.bleu_scores(texts, examples) for beam, texts in written.items()}
    return found, model, written["1"]


def edge_results(run, model, known, source, limit):
    """How files of each precision agree with Keras, over test sentences of all lengths."""
    kept = run / "files.json"
    if kept.is_file():
        return json.loads(kept.read_text(encoding="utf-8"))
    texts = list(pairs.load(source, "test").references())
    texts = texts[::max(len(texts) // (limit or len(texts)), 1)]
    expected = scoring.translations(model, known, texts)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for precision in WRITER_PRECISIONS:
            report = edge.export(model, pathlib.Path(folder) / f"{precision}.tflite", precision,
                                 tokenizer=known)
            runner = edge.load(report.file)
            start = time.perf_counter()
            written = scoring.translations(runner, known, texts, batch_size=1)
            seconds = time.perf_counter() - start
            tokens = sum(len(known.encode(text)) + 1 for text in written)
            found[precision] = {
                "bytes": report.bytes, "sentences": len(texts),
                "same_as_keras": sum(a == b for a, b in zip(expected, written, strict=True))
                / len(texts), "tokens_per_s": round(tokens / seconds, 1)}
    kept.write_text(json.dumps(found), encoding="utf-8")
    return found


def flat(results):
    """The test section of the card."""
    ours, twin, files = results["ours"], results["twin"], results["files"]
    section = {"sentences": ours[1]["sentences"], "pairs": ours[1]["pairs"],
               "sacrebleu": ours[1]["signature"]}
    for title, found in (("", ours), ("twin_", twin)):
        for beam, name in ((1, "greedy"), (BEAM, f"beam_{BEAM}")):
            section[f"{title}bleu_{name}"] = round(found[beam]["bleu"], 2)
            section[f"{title}bleu_{name}_all_references"] = round(
                found[beam]["bleu_all_references"], 2)
    section |= {f"twin_{name}": value for name, value in results["twin_training"].items()}
    for precision, each in files.items():
        section |= {f"{precision}_{key}": round(value, 4) for key, value in each.items()}
    return section


def page(name, folder, card, section, shown):
    """The model's README."""
    notice = folder / "NOTICE"
    size, values = (folder / "model.keras").stat().st_size, values_of(card)
    samples = "\n".join(f"| {source} | {ours} | {twin} | {reference} |"
                        for source, ours, twin, reference in shown)
    return (
        f"# {name}\n\nEnglish to French, short sentences as of a phrase book.\n\n"
        "```python\nfrom keras_seqattn import models\n"
        "from keras_seqattn.training.scores import scoring\n\n"
        f"model, tokenizer = models.load(\"{name}\"), models.tokenizer(\"{name}\")\n"
        "scoring.translations(model, tokenizer, [\"We are here.\"], beam=4)\n```\n\n"
        "| | parameters | training | BLEU greedy | BLEU beam 4 | against all translations, greedy "
        "| beam 4 |\n|---|---|---|---|---|---|---|\n"
        f"| Transformer | {int(values['parameters']):,} | {values['epochs']} epochs, "
        f"{float(values['seconds']) / 60:.0f} min "
        f"| {section['bleu_greedy']} | {section[f'bleu_beam_{BEAM}']} "
        f"| {section['bleu_greedy_all_references']} "
        f"| {section[f'bleu_beam_{BEAM}_all_references']} |\n"
        f"| LSTM encoder-decoder, no attention | {section['twin_parameters']:,} "
        f"| {section['twin_epochs']} epochs, {section['twin_seconds'] / 60:.0f} min "
        f"| {section['twin_bleu_greedy']} | {section[f'twin_bleu_beam_{BEAM}']} "
        f"| {section['twin_bleu_greedy_all_references']} "
        f"| {section[f'twin_bleu_beam_{BEAM}_all_references']} |\n\n"
        f"Corpus BLEU by sacrebleu (`{section['sacrebleu']}`) on the test split, "
        f"{section['pairs']:,} pairs of {section['sentences']:,} distinct English sentences of "
        "which none was trained on: each pair for itself, and each sentence against all its "
        "translations. Both read the same pairs with the same tokenizer, on two CPU cores that did "
        "other work beside, which weighs on the times. Validation loss after the last epoch: "
        f"{float(values['last_val_loss']):.3f} and {section['twin_val_loss']:.3f}.\n\n"
        f"As one `.tflite`, over {section['float32_sentences']:,} test sentences of all lengths: "
        f"float32 ({section['float32_bytes'] / 1e6:.1f} MB) translates "
        f"{section['float32_same_as_keras']:.1%} as Keras does, int8 "
        f"({section['dynamic_wi8_afp32_bytes'] / 1e6:.1f} MB) "
        f"{section['dynamic_wi8_afp32_same_as_keras']:.1%}, at "
        f"{section['dynamic_wi8_afp32_tokens_per_s']:.0f} tokens/s, and `weight_only_wi8_afp32` "
        f"{section['weight_only_wi8_afp32_same_as_keras']:.1%} at "
        f"{section['weight_only_wi8_afp32_tokens_per_s']:.0f} (float32: "
        f"{section['float32_tokens_per_s']:.0f}). The weights of this model lie on the grid of "
        "int8: they were rounded after training, before anything was measured.\n\n"
        "Sentences of the test split from short to long, greedily:\n\n"
        f"| English | Transformer | LSTM | a reference |\n|---|---|---|---|\n{samples}\n\n"
        f"The Keras file has {size / 1e6:.1f} MB. Trained by `recipe.yaml`, its twin by "
        "`lstm.yaml`; the card, written by `benchmarks/translation.py`:\n\n"
        f"```toml\n{card.rstrip()}\n```\n"
        + (f"\n{notice.read_text(encoding='utf-8')}" if notice.exists() else ""))


def values_of(card):
    """Fields of a card as text, by name."""
    return dict(line.split(" = ", 1) for line in card.splitlines() if " = " in line)


def main():
    """Measures, copies and writes; see above."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("overrides", nargs="*", help="SECTION.FIELD=VALUE")
    parser.add_argument("--twin", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--limit", type=int, help="About how many sentences files translate.")
    arguments = parser.parse_intermixed_args()
    source = training.read(arguments.run / "recipe.yaml", arguments.overrides).data.source
    known = tokenizer.Tokenizer.from_json(
        (arguments.run / TOKENIZER).read_text("utf-8"))
    card = (arguments.run / journal.CARD).read_text(encoding="utf-8").split("\n[test]\n")[0]
    run = training.read_run(arguments.twin)
    epochs, twin_epochs = int(values_of(card)["epochs"]), len(run.history["loss"])
    if epochs != twin_epochs:
        raise ValueError(explain("both runs must have as many epochs", epochs=epochs,
                                 twin_epochs=twin_epochs, fix="train the shorter one for as long"))
    ours, model, written = score(arguments.run, known, source, rounded=True)
    twin, other, twins = score(arguments.twin, known, source)
    section = flat({
        "ours": ours, "twin": twin, "twin_training": {
            "parameters": other.count_params(), "epochs": twin_epochs,
            "seconds": round(run.seconds, 1), "val_loss": run.history["val_loss"][-1]},
        "files": edge_results(arguments.run, model, known, source, arguments.limit)})
    references = pairs.load(source, "test").references()
    shown = [(source, ours, twin, known_as[0]) for (source, known_as), ours, twin in list(zip(
        references.items(), written, twins, strict=True))[:: len(references) // SHOWN]]
    folder = arguments.out
    folder.mkdir(parents=True, exist_ok=True)
    with whole(folder / "model.keras") as path:
        model.save(path)
    shutil.copyfile(arguments.run / TOKENIZER, folder / TOKENIZER)
    card += "\n[test]\n" + "".join(
        f"{name} = {json.dumps(value)}\n" for name, value in section.items())
    with whole(folder / journal.CARD) as path:
        path.write_text(card, encoding="utf-8")
    with whole(folder / "README.md") as path:
        path.write_text(page(folder.name, folder, card, section, shown), encoding="utf-8")
    print(json.dumps(section, indent=1))


if __name__ == "__main__":
    main()
