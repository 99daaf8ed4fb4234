"""Writes the table of the demo into README.md: the only way its numbers get there.

    seqattn demo --out runs/demo && python benchmarks/readme.py runs/demo/report.json
"""

import json
import pathlib
import sys

README = pathlib.Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- demo:begin, written by benchmarks/readme.py -->", "<!-- demo:end -->"


def table(report):
    """Returns the Markdown of a demo's report."""
    train, data = report["train"], report["data"]
    lines = [
        f"A ViT of {train['parameters']:,} parameters on `{data['source']}` "
        f"({data['test_examples']} test images), {train['epochs']} epochs in "
        f"{train['seconds']:.0f} s on 2 CPU cores; accuracy of Keras "
        f"{report['keras']['accuracy']:.3f}.", "",
        "| precision | bytes | of float32 | accuracy | agreement with Keras | largest error "
        "| median latency |", "|---|---|---|---|---|---|---|"]
    lines += [
        f"| `{each['precision']}` | {each['bytes']:,} "
        f"| {each['bytes'] / report['edge'][0]['bytes']:.3f} | {each['accuracy']['edge']:.3f} "
        f"| {each['top1_agreement']:.3f} | {each['max_abs_error']:.1e} "
        f"| {each['latency']['median_ms']:.2f} ms |" for each in report["edge"]]
    return "\n".join(lines)


def main(path):
    """Replaces what stands between the two marks."""
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    report = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    README.write_text(f"{before}{BEGIN}\n{table(report)}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
