"""Keys inside a block of a Vision Transformer in a file."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Parts:
    """Keys inside a block, or inside a head that pools by attention.

    Attributes:
        attention: Pairs of a key and of the projections that it holds on top of each other. A
            projection is `"query"`, `"key"`, `"value"` or `"output"`.
        hidden: Key of the first layer of the feed-forward network.
        output: Key of its second.
        norms: Dictionary from the names of the norms here to their keys.
        scales: The same of the factors of LayerScale.
        linear: Key of the linear half of a gated network. If it is `hidden`, the outputs of both
            halves lie there, those of the linear half behind the others.
        qk_norms: Dictionary from the names of the norms of queries and keys to their keys.
        relative: Key of the table of relative positions.
        unbiased: Projections whose biases the file lacks. They are zero.
    """

    attention: tuple[tuple[str, tuple[str, ...]], ...]
    hidden: str
    output: str
    norms: dict[str, str]
    scales: dict[str, str] = dataclasses.field(default_factory=dict)
    linear: str | None = None
    qk_norms: dict[str, str] = dataclasses.field(default_factory=dict)
    relative: str | None = None
    unbiased: tuple[str, ...] = ()
