"""The precisions a model can leave in, under AI Edge Quantizer's names where it has one."""

import typing


class Precision(typing.NamedTuple):
    """How a precision computes.

    Attributes:
        weights: Bits of the weights of dense layers, `"float16"`, or `None` for float32. Kernels
            of convolutions have 8 bits at least.
        dense: `"float"`, `"weight_only"` (weights are stored as integers and computed with in
            float), `"dynamic"` (inputs become int8 as they come) or `"static"` (inputs and outputs
            have fixed ranges).
        products: Whether attention's products of activations compute on integers.
        everything: Whether every op does, as far as there are kernels.
        activations: Bits of activations with fixed ranges, or `None`.
    """

    weights: int | str | None
    dense: str
    products: bool
    everything: bool
    activations: int | None

    @property
    def needs_calibration(self):
        """Whether ranges must be found on examples."""
        return self.activations is not None


PRECISIONS = {
    "float32": Precision(None, "float", False, False, None),
    "float16": Precision("float16", "float", False, False, None),
    "dynamic_wi8_afp32": Precision(8, "dynamic", False, False, None),
    "dynamic_wi4_afp32": Precision(4, "dynamic", False, False, None),
    "mixed_wi8_ai8": Precision(8, "dynamic", True, False, 8),
    "static_wi8_ai8": Precision(8, "static", True, False, 8),
    "static_wi8_ai16": Precision(8, "static", True, True, 16),
}
# Those of a model that writes sequences, whose choice of a token turns on small differences: in the
# dynamic one only wide layers that run once per source compute on integers, see `quantize`.
WRITER_PRECISIONS = {
    "float32": PRECISIONS["float32"],
    "weight_only_wi8_afp32": Precision(8, "weight_only", False, False, None),
    "dynamic_wi8_afp32": PRECISIONS["dynamic_wi8_afp32"],
}
ALL_PRECISIONS = {**PRECISIONS, **WRITER_PRECISIONS}
