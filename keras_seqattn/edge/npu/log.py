"""What the NPU's compiler says: which ops it takes, which it leaves and why, what ended it."""

import re
import typing

UNKNOWN = "the compiler does not say why"
SDK = re.compile(r"Applying plugin with SDK version: v?([\d.]+)")
GRAPH = re.compile(r"Partitioned subgraph<(\d+)>, selected (\d+) ops, from a total of (\d+) ops\. "
                   r"resulted in (\d+) partitions")
LEFT = re.compile(r"LiteRT Op #\d+ '(\w+)' \(code=\d+\) is not supported in Qualcomm Compiler")
FAILED = re.compile(r"QNN op validation failed: '\w+' \(type=(\w+)(?:, operation=(\w+))?\)")
TENSOR = re.compile(r'\[\d+\] name="([^"]*)"')
DTYPE = re.compile(r'\[\d+\] name="[^"]*" dtype=QNN_DATATYPE_(\w+) dims=\[([\d,]*)\] '
                   r"(per-channel)?")
ERROR = re.compile(r"^ERROR: \[(?!apply_plugin)[\w.]+:\d+\] *(\S.*)$", re.MULTILINE)
SAID = re.compile(r"<E> (.+?)(?=\s+\d+\.0ms \[|$)", re.MULTILINE)
# Said of every graph, or after a line that tells more.
NOISE = ("unexpected GraphHtpSettings", "Failed to add node with err", "graphMainFinalize",
         "Failed to construct common node", "Failed to validate op", "QnnBackend_validateOpConfig",
         "Please refer", "Requested I/O", "Supported I/O", "LiteRT Op")
VALIDATED = "QnnBackend_validateOpConfig"
LOOP = "its turns are taken, the loop itself runs on the CPU"
SHOWN = 3


class Left(typing.NamedTuple):
    """An op that stays on the CPU.

    Attributes:
        layer: Name of the node that the op was written for.
        op: Name of the op, as the compiler spells it.
        reason: Types and sizes that the NPU does not compute, inputs before outputs.
    """

    layer: str
    op: str
    reason: str


class Graph(typing.NamedTuple):
    """What becomes of one graph of a file.

    Attributes:
        ops: Number of its ops.
        taken: Number of those that the NPU computes.
        partitions: Number of programs on the NPU.
        left: `Left` of each other op.
    """

    ops: int
    taken: int
    partitions: int
    left: tuple[Left, ...]

    @property
    def whole(self) -> bool:
        """Whether the NPU computes all of it, in one program."""
        return self.taken == self.ops and self.partitions == 1


def sdk(said: str) -> str | None:
    """Returns the version of Qualcomm's SDK, or `None` if the compiler did not come that far."""
    found = SDK.search(said)
    return found and found[1]


def graphs(said: str) -> dict[int, Graph]:
    """Reads what becomes of each graph.

    Args:
        said: What the compiler wrote to its standard error.

    Returns:
        `Graph` by its number in the file.
    """
    found: dict[int, Graph] = {}
    left: list[Left] = []
    reason = None
    lines = said.splitlines()
    for place, line in enumerate(lines):
        if graph := GRAPH.search(line):
            number, taken, ops, partitions = map(int, graph.groups())
            found[number] = Graph(ops, taken, partitions, tuple(left))
            left = []
        elif failed := FAILED.search(line):
            reason = _types(failed[2] or failed[1], _block(lines, place))
        elif op := LEFT.search(line):
            names = TENSOR.findall(_block(lines, place).partition("Outputs:")[2])
            why = LOOP if op[1] == "While" else reason or UNKNOWN
            left.append(Left(names[0].partition(";")[0] if names else "?", op[1], why))
            reason = None
    return found


def _block(lines, place):
    """The indented lines behind a line."""
    end = place + 1
    while end < len(lines) and lines[end].startswith("  "):
        end += 1
    return "\n".join(lines[place + 1:end])


def _types(kind, block):
    given, _, made = block.partition("Outputs:")
    texts = [", ".join(
        f"{'channelwise ' if channelwise else ''}{dtype.lower()} [{dims}]"
        for dtype, dims, channelwise in DTYPE.findall(part)) for part in (given, made)]
    return f"no {kind} of {texts[0]} to {texts[1]}"


def failure(said: str, printed: str) -> str:
    """Says in one line what ended the compiler.

    Args:
        said: What it wrote to its standard error.
        printed: What Qualcomm's libraries wrote to its standard output.
    """
    errors = [each for each in ERROR.findall(said) if not _is_noise(each)]
    behind = printed.rpartition(VALIDATED)[2]    # ops that stay behind end nothing
    more = [each for each in SAID.findall(behind) if not _is_noise(each)]
    texts = list(dict.fromkeys([*more[:SHOWN], *errors[-1:]]))
    return "; ".join(" ".join(text.split()) for text in texts) or UNKNOWN


def _is_noise(text):
    return any(each in text for each in NOISE)
