"""Every tolerance of the tests, with its reason."""

EXACT = 0.0
FLOAT32 = 1e-5      # sums of at most a few hundred products in another order
FLOAT16 = 2e-3      # one rounding of a result near 1 to 10 bits of mantissa
BFLOAT16 = 2e-2     # the same to 7 bits
GOLDEN = 2e-5       # a whole nano model, other kernels and other backends
EDGE_FLOAT32 = 1e-4  # the bar for an exported float32 file
