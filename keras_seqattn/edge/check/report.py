"""The report on an exported file: what it is, how right and how fast."""

import dataclasses
import typing

from keras_seqattn.edge import formats
from keras_seqattn.edge.contract.checksum import sha256
from keras_seqattn.edge.contract.contract import facts_of
from keras_seqattn.edge.run.runner import Runner


@dataclasses.dataclass
class Report:
    """Facts about one exported file, measured, none assumed.

    What needs a run of the file is `None` where the file has custom ops, since it was not run.

    Attributes:
        file: Path of the file.
        precision: AI Edge Quantizer's name of its precision, or `"unknown"`.
        bytes: Size of the file.
        sha256: Hash of the file.
        inputs: `{"name", "shape", "dtype"}` of each input.
        outputs: `{"name", "shape", "dtype"}` of each output.
        signatures: Names of its signatures.
        ops: Name of each builtin or custom op to its count.
        custom_ops: Names of the ops that are no builtins.
        flex_ops: Ops that need TensorFlow's kernels, which no LiteRT package has.
        max_rank: Largest rank of a tensor; GPU delegates take 4 at most.
        partitions: Pieces that run on XNNPACK; 1 is best.
        weight_bytes: Size of its constant numbers, indices and shapes left out.
        largest_value: `{"tensor", "value"}` of the largest finite magnitude inside the file, sums
            of means included. GPUs that compute in 16 bits hold 65,504 at most.
        clipped: Name of each integer activation to the share of its values at an end of its range.
        max_abs_error: Largest difference of an output of floats from the Keras model's.
        max_abs_errors: The same for each output of floats by name. Outputs of another signature
            than the main one have the signature's name and a `/` before their own.
        equal: Name of each output of integers or booleans to the share that equals the Keras
            model's.
        cosine: Smallest cosine between an example's output of floats and the Keras model's.
        kl_divergence: Mean divergence of the softmax of the logits, in nats, or `None`.
        top1_agreement: Share of examples with the same largest logit, or `None`.
        top5_agreement: Share of examples with the same five largest; `None` up to five classes.
        accuracy: `{"keras", "edge", "examples"}`, or `None` where no targets were given.
        latency: `{"median_ms", "p90_ms", "runs", "threads"}` of one run of the main signature.
        gpu: What LiteRT's GPU accelerator made of the file, or `None` where it was not asked. It
            holds the `device`, whether each signature was taken `whole`, what was `refused`, and
            the `errors` of each output. These are root mean squares, `"gpu"` beside `"cpu"`, as a
            share of the output's.
        seconds: Seconds that verification took, the runs of the model and of the file included.
        quantised: What quantisation did, for JSON; `None` where it did nothing.
        notes: What was folded, what was left alone and what verification cannot see, one sentence
            each.
        warnings: What may be worth mending, one sentence each.
        failures: What must not be shipped, one sentence each; empty if the file holds.
    """

    file: str
    precision: str
    bytes: int
    sha256: str
    inputs: list
    outputs: list
    signatures: list
    ops: dict
    custom_ops: list
    flex_ops: list
    max_rank: int
    partitions: int
    weight_bytes: int
    largest_value: dict | None = None
    clipped: dict = dataclasses.field(default_factory=dict)
    max_abs_error: float | None = None
    max_abs_errors: dict = dataclasses.field(default_factory=dict)
    equal: dict = dataclasses.field(default_factory=dict)
    cosine: float | None = None
    kl_divergence: float | None = None
    top1_agreement: float | None = None
    top5_agreement: float | None = None
    accuracy: dict | None = None
    latency: dict | None = None
    gpu: dict | None = None
    seconds: float | None = None
    quantised: dict | None = None
    notes: list = dataclasses.field(default_factory=list)
    warnings: list = dataclasses.field(default_factory=list)
    failures: list = dataclasses.field(default_factory=list)

    @classmethod
    def of(cls, runner: Runner, *examples: dict) -> "Report":
        """Begins the report on a file with what the file is made of.

        Args:
            runner: `Runner` of the file.
            *examples: Array `(n, …)` by input name, on which values inside the file are looked at.
                Of several signatures such arrays for each of `runner.signatures`, in their order.
        """
        facts = formats.of(runner.file).facts(runner, *examples)
        return cls(
            file=str(runner.file), precision=runner.contract.get("precision", "unknown"),
            bytes=runner.file.stat().st_size, sha256=sha256(runner.file),
            inputs=facts_of(runner.inputs), outputs=facts_of(runner.outputs),
            flex_ops=[name for name in facts.custom_ops if name.startswith("Flex")], **vars(facts))

    @property
    def holds(self) -> bool:
        """Whether the file may be shipped."""
        return not self.failures

    def to_dict(self) -> dict[str, typing.Any]:
        """Returns the fields as a dictionary for JSON."""
        return dataclasses.asdict(self)

    def lines(self) -> list[tuple[str, str]]:
        """Returns what a person wants to read, `(label, text)` for each line."""
        return [line for line in self._all_lines() if line[1]]

    def _all_lines(self):
        def share(value):
            return "" if value is None else f"{value:.1%}"

        yield "file", f"{self.file}, {self.precision}, {self.bytes:,} bytes"
        yield "accuracy", "" if self.accuracy is None else (
            f"{self.accuracy['edge']:.4f}, Keras {self.accuracy['keras']:.4f}, "
            f"{self.accuracy['examples']:,} examples")
        yield "same first class", share(self.top1_agreement)
        yield "same first five", share(self.top5_agreement)
        yield "divergence", "" if self.kl_divergence is None else f"{self.kl_divergence:.2g} nats"
        yield "largest error", ", ".join(
            f"{name} {error:.2g}" for name, error in self.max_abs_errors.items())
        yield "equal", ", ".join(f"{name} {share(each)}" for name, each in self.equal.items())
        yield "largest value", "" if self.largest_value is None else (
            f"{self.largest_value['value']:.3g} in {self.largest_value['tensor']}")
        yield "latency", "" if self.latency is None else (
            f"{self.latency['median_ms']:.2f} ms (median of {self.latency['runs']}, "
            f"{self.latency['threads']} threads), {self.partitions} partitions")
        yield "verified", "" if self.seconds is None else f"in {self.seconds:.2f} s"
        for label in ("notes", "warnings", "failures"):
            for text in getattr(self, label):
                yield label.removesuffix("s"), text
