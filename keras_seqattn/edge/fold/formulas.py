"""The formulas of folding: pure functions from weights to weights.

| letter | meaning |
|---|---|
| `x` | token, a row |
| `n` | normalised token, a row |
| `W`, `b` | kernel `(D, E)` of a dense layer and its bias |
| `s`, `o` | scale and offset of a norm |
| `1` | row of ones |

Sources:

- centring: Ashkboos et al. 2024, "SliceGPT", section 3
- rotation: Ashkboos et al. 2024, "QuaRot", section 4
- balance of neighbours: the sources of `smooth_quant`
"""

import numpy as np


def centre(array: np.ndarray) -> np.ndarray:
    """Takes the mean over the features out of what is written: `W - W·1ᵀ1/D`, `b - mean(b)`.

    LayerNorm does not see that mean. Where everything written into a stream has none, the stream
    has none, and LayerNorm equals RMSNorm.

    >>> centre(np.array([[1.0, 3.0]])).tolist()
    [[-1.0, 1.0]]
    """
    return array - array.mean(axis=-1, keepdims=True)


def absorb_norm(kernel: np.ndarray, bias: np.ndarray | None, scale: np.ndarray | None,
                offset: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Moves a norm's scale and offset into the dense layer behind it.

    `(n·s + o)·W + b = n·(diag(s)·W) + (o·W + b)`. Returns the new kernel and bias.
    """
    added = 0.0 if offset is None else offset @ kernel
    kernel = kernel if scale is None else scale[:, None] * kernel
    return kernel, added + (np.zeros_like(kernel[0]) if bias is None else bias)


def absorb_value_bias(kernel: np.ndarray, bias: np.ndarray | None, value_bias: np.ndarray,
                      ) -> np.ndarray:
    """Moves the bias of the value through the scores, which sum to one, into the output's bias.

    `(A·(v + 1ᵀb_v))·W + b = (A·v)·W + (b_v·W + b)`. Returns the new bias.
    """
    return value_bias @ kernel + (0.0 if bias is None else bias)


def balance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Factors that give neighbours of extents `first` and `second` the same extent.

    Channel `c` of what the first makes is divided by `r_c = √(first_c / second_c)`, and what reads
    it multiplied by `r_c`; the geometric mean of all factors is 1.

    >>> balance(np.array([4.0, 1.0]), np.array([1.0, 1.0])).round(4).tolist()
    [1.4142, 0.7071]
    """
    tiny = np.finfo("float32").tiny
    factors = np.sqrt(np.maximum(first, tiny) / np.maximum(second, tiny))
    factors[(first <= tiny) | (second <= tiny)] = 1.0
    return factors / np.exp(np.mean(np.log(factors)))


def rotation(size: int, seed: int = 0) -> np.ndarray:
    """A random orthogonal matrix `(size, size)`: Hadamard's with random signs, else from QR."""
    rng = np.random.default_rng(seed)
    signs = rng.choice([-1.0, 1.0], size)
    if size & (size - 1):
        q, r = np.linalg.qr(rng.normal(size=(size, size)))
        return q * np.sign(np.diag(r)) * signs
    matrix = np.ones((1, 1))
    while len(matrix) < size:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return signs[:, None] * matrix / np.sqrt(size)
