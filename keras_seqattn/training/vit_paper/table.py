"""The table of a reproduction as Markdown, beside the published numbers."""

import collections.abc
import typing

from keras_seqattn.training.vit_paper.published import DATASETS, MODELS, PUBLISHED


def markdown(cells: collections.abc.Sequence[dict[str, typing.Any]]) -> str:
    """Returns cells as Markdown, a line each; `reproduction.cell` makes them."""
    lines = ["| data set | model | method | accuracy, % | published, % | chosen | runs | steps "
             "| pixels | parameters | changed |", "|---|---|---|---|---|---|---|---|---|---|---|"]
    for each in cells:
        title = DATASETS.get(each["dataset"], {}).get("title", each["dataset"])
        name = MODELS.get(each["model"], {}).get("title", each["model"])
        chosen = "; ".join(_chosen(task["chosen"]) for task in each["tasks"].values())
        lines.append(" | ".join((
            f"| {title}", name, each["method"], _spread(each["mean"], each["deviation"]),
            _spread(each["published"], each["published_deviation"]),
            chosen if len(each["tasks"]) == 1 else "per task", str(len(each["accuracies"])),
            f"{each['steps']:,}" if each["steps"] else "–",
            ", ".join(f"{height}×{width}" for height, width, _ in each["image_shapes"]),
            f"{each['parameters']:,}",
            ", ".join(each["changes"]) or "–")) + " |")
    days = [f"{MODELS[name]['title']} {MODELS[name]['core_days']:,}"
            for name in dict.fromkeys(each["model"] for each in cells) if name in MODELS]
    lines += ["", f"Published: {PUBLISHED['source']}. Mean and deviation over the runs; *changed* "
              "are settings that differ from the paper's.", *(
                  [f"TPUv3-core-days of pre-training, published: {', '.join(days)}."]
                  if days else [])]
    return "\n".join(lines) + "\n"


def _spread(mean: float | None, deviation: float | None) -> str:
    if mean is None:
        return "–"
    return f"{mean:.2f}" if deviation is None else f"{mean:.2f} ± {deviation:.2f}"


def _chosen(value: float | list[float]) -> str:
    values = value if isinstance(value, list) else [value]
    return ", ".join(f"{each:g}" for each in dict.fromkeys(values))
