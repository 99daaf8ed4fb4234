"""The report on an exported file: what it is, whether it does what Keras does, how fast."""

import dataclasses


@dataclasses.dataclass
class Report:
    """Facts about one exported file, measured, none assumed.

    Attributes:
        file: Path of the file.
        precision: AI Edge Quantizer's name of its precision, or `"unknown"`.
        bytes: Size of the file.
        sha256: Hash of the file.
        inputs: `{"name", "shape", "dtype"}` of each input.
        outputs: `{"name", "shape", "dtype"}` of each output.
        signatures: Names of its signatures.
        ops: Name of each builtin or custom op to its count.
        max_rank: Largest rank of a tensor; GPU delegates take 4 at most.
        flex_ops: Ops that need TensorFlow's kernels, which no LiteRT package has.
        partitions: Pieces that run on XNNPACK; 1 is best.
        max_abs_error: Largest difference of an output from the Keras model's.
        top1_agreement: Share of examples with the same largest logit, or `None`.
        accuracy: `{"keras", "edge", "examples"}`, or `None` where no targets were given.
        latency: `{"median_ms", "p90_ms", "runs", "threads"}` of one example.
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
    max_rank: int
    flex_ops: list
    partitions: int
    max_abs_error: float
    top1_agreement: float | None
    accuracy: dict | None
    latency: dict
    warnings: list
    failures: list

    @property
    def holds(self):
        """Whether the file may be shipped."""
        return not self.failures

    def to_dict(self):
        """Returns the fields as a dictionary for JSON."""
        return dataclasses.asdict(self)
