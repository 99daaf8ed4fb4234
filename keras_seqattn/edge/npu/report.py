"""What NPUs make of a file, chip by chip."""

import dataclasses
import typing

from keras_seqattn.edge.npu.log import Graph


@dataclasses.dataclass
class Compiled:
    """What became of a file on one chip.

    Attributes:
        chip: Name of the chip.
        architecture: Generation of its NPU.
        graphs: `log.Graph` by name: that of the signature, with `/loop` behind it for what a loop
            repeats and `/condition` for what ends the loop.
        error: What ended the compiler, or `None`.
        file: Path of the compiled file, or `None` where none was written.
        note: What ended the compiler before loops were left to the CPU, or `None`.
    """

    chip: str
    architecture: int
    graphs: dict[str, Graph]
    error: str | None = None
    file: str | None = None
    note: str | None = None

    @property
    def whole(self) -> bool:
        """Whether the NPU computes all ops, in one program for each signature."""
        return self.error is None and bool(self.graphs) and all(
            graph.whole for graph in self.graphs.values())

    @property
    def ops(self) -> int:
        """Number of the file's ops."""
        return sum(graph.ops for graph in self.graphs.values())

    @property
    def taken(self) -> int:
        """Number of the ops that the NPU computes; 0 if no file came of it."""
        return 0 if self.error else sum(graph.taken for graph in self.graphs.values())

    @property
    def partitions(self) -> int:
        """The most programs of one graph."""
        return 0 if self.error else max(
            (graph.partitions for graph in self.graphs.values()), default=0)

    @property
    def signatures(self) -> list[str]:
        """Names of the signatures that the NPU computes whole."""
        return [] if self.error else [
            name for name, graph in self.graphs.items() if graph.whole and "/" not in name]

    @property
    def left(self) -> list[str]:
        """Each op that stays on the CPU, with its layer and the reason; one text each."""
        notes = [f"loops stay on the CPU: {self.note}"] if self.note else []
        return notes + [f"{name}: {left.layer} ({left.op}): {left.reason}"
                        for name, graph in self.graphs.items() for left in graph.left]


@dataclasses.dataclass
class NpuReport:
    """What NPUs make of a file.

    Attributes:
        source: Path of the portable file.
        sdk: Version of Qualcomm's SDK that compiled, or `None`.
        floats: Names of the weights that are integers on the CPU and floats on the NPU.
        chips: `Compiled` by name of the chip.
    """

    source: str
    sdk: str | None
    floats: list[str]
    chips: dict[str, Compiled]

    def to_dict(self) -> dict[str, typing.Any]:
        """Returns the report as a dictionary for JSON."""
        return {"source": self.source, "sdk": self.sdk, "floats": self.floats, "chips": {
            name: {"architecture": each.architecture, "file": each.file, "error": each.error,
                   "whole": each.whole, "signatures": each.signatures, "ops": each.ops,
                   "taken": each.taken, "partitions": each.partitions, "left": each.left,
                   "graphs": {key: {"ops": graph.ops, "taken": graph.taken,
                                    "partitions": graph.partitions}
                              for key, graph in each.graphs.items()}}
            for name, each in self.chips.items()}}
