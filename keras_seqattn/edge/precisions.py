"""The precisions that a model can leave in, one row each.

The names are those of AI Edge Quantizer, where it has one.
"""

import typing


class Precision(typing.NamedTuple):
    """How a precision computes, how far it may be off, and which models leave in it.

    Attributes:
        weights: Bits of the weights of dense layers, `"float16"`, or `None` for float32. Kernels
            of convolutions have 8 bits at least.
        dense: How dense layers compute. `"float"` in float, with weights stored as floats.
            `"weight_only"` in float, with weights stored as integers. `"dynamic"` in integers, with
            inputs that become int8 as they come. `"static"` in integers, with fixed ranges of
            inputs and outputs.
        tolerance: Root mean square of an output's errors that is still rounding, as a share of the
            root mean square of the output. A file of wrong weights or ranges is off by more than
            half.
        products: Whether attention's products of activations compute on integers.
        everything: Whether every op does, as far as there are kernels.
        activations: Bits of activations with fixed ranges, or `None`.
        recurrent: Whether recurrent layers leave in it. LiteRT has no loops and no LSTMs of 16-bit
            activations.
        classifies: Whether models that compute their outputs in one pass leave in it.
        writes: Whether models that write sequences do. Their choice of a token turns on small
            differences.
    """

    weights: int | str | None
    dense: str
    tolerance: float
    products: bool = False
    everything: bool = False
    activations: int | None = None
    recurrent: bool = True
    classifies: bool = True
    writes: bool = False

    @property
    def bits(self) -> int:
        """Bits of a weight in the file."""
        named = {None: 32, "float16": 16}
        return self.weights if isinstance(self.weights, int) else named[self.weights]

    @property
    def needs_calibration(self) -> bool:
        """Whether ranges must be found on examples."""
        return self.activations is not None


ALL_PRECISIONS = {
    # Sums in another order: errors of 1e-6 and less.
    "float32": Precision(None, "float", tolerance=2e-5, writes=True),
    # 11 bits of mantissa: errors of 5e-4.
    "float16": Precision("float16", "float", tolerance=5e-3),
    # 255 levels of a weight, as in the dynamic one.
    "weight_only_wi8_afp32": Precision(
        8, "weight_only", tolerance=0.05, classifies=False, writes=True),
    # 255 levels of a weight: errors of 0.005 to 0.015. Of a model that writes, only wide layers
    # that run once for a source compute on integers.
    "dynamic_wi8_afp32": Precision(8, "dynamic", tolerance=0.05, writes=True),
    # 15 levels of a weight: errors of 0.06 to 0.17.
    "dynamic_wi4_afp32": Precision(4, "dynamic", tolerance=0.25),
    # 8-bit products of attention on top of 8-bit weights: errors of 0.01 to 0.04.
    "mixed_wi8_ai8": Precision(8, "dynamic", tolerance=0.1, products=True, activations=8),
    # 255 levels of what enters a product, and clipping: errors of 0.03 to 0.2.
    "static_wi8_ai8": Precision(8, "static", tolerance=0.3, products=True, activations=8),
    # 8-bit weights, and clipping where ranges are means: errors of 0.02 to 0.16.
    "static_wi8_ai16": Precision(
        8, "static", tolerance=0.25, products=True, everything=True, activations=16,
        recurrent=False),
}
PRECISIONS = {name: row for name, row in ALL_PRECISIONS.items() if row.classifies}
WRITER_PRECISIONS = {name: row for name, row in ALL_PRECISIONS.items() if row.writes}
