"""The projections of attention: their settings, their weights and the product behind each."""

import math
import typing
from collections.abc import Sequence

import keras
from keras import ops

from keras_seqattn.errors import check_count, explain
from keras_seqattn.kernels.product import product, spread
from keras_seqattn.kernels.target import target
from keras_seqattn.layers.head_axes import axes_tuple
from keras_seqattn.layers.settings import Constraint, Initializer, Regularizer
from keras_seqattn.layers.traced import TracedLayer
from keras_seqattn.plain import plain_numbers
from keras_seqattn.shapes import Shape, Tensor

Dense: typing.TypeAlias = keras.layers.Dense | keras.layers.EinsumDense


def project(dense: Dense, x: Tensor, num_read: int = 1) -> Tensor:
    """Applies a dense layer to all positions of all examples, by the product that runs fastest.

    Args:
        dense: Built layer. The axes that it reads are the first of its kernel.
        x: Float. Its last `num_read` axes are read.
        num_read: Number of those axes. It is 1 for features, and 2 for heads with their features.

    Returns:
        What `dense(x)` returns, up to rounding.
    """
    if dense.quantization_mode or dense.activity_regularizer:
        return dense(x)
    return dense.activation(linear(dense, x, num_read))


def linear(dense: Dense, x: Tensor, num_read: int = 1) -> Tensor:
    """Computes what the activation of a dense layer is given.

    The arguments are those of `project`.

    Returns:
        Float.
    """
    x, kernel = (ops.cast(each, dense.compute_dtype) for each in (x, dense.kernel))
    if keras.backend.backend() == "jax" or target().kind == "tpu":
        return _joined_product(x, kernel, dense.bias, num_read)
    y = _flat_product(x, kernel, num_read)
    return y if dense.bias is None else y + dense.bias


def _joined_product(x, kernel, bias, num_read):
    """The product over whole rows of heads, and the sum with the bias.

    A TPU keeps numbers in rows of 128. It would turn heads of 64, and copy them.
    """
    free, made = ops.shape(x)[:-num_read], kernel.shape[num_read:]
    kernel = ops.reshape(kernel, (math.prod(kernel.shape[:num_read]), -1))
    y = product(ops.reshape(x, (*free, kernel.shape[0])), kernel)
    if bias is not None:
        y = y + spread(ops.reshape(bias, (-1,)), y)
    return ops.reshape(y, (*free, *made))


def _flat_product(x, kernel, num_read):
    """The product as one of two matrices, which TensorFlow's CPUs and GPUs compute faster.

    JAX makes one product of them by itself. On a TPU each flattened axis costs copies.
    """
    free, made = ops.shape(x)[:-num_read], kernel.shape[num_read:]
    kernel = ops.reshape(kernel, (math.prod(kernel.shape[:num_read]), -1))
    if all(size == 1 for size in x.shape[:-num_read]):
        # XLA pulls the reshape of a kernel into the product with one row. On TensorFlow the product
        # then takes twenty times as long. This changes no number, and stands between.
        kernel = ops.maximum(kernel, -1e38)
    return ops.reshape(ops.matmul(ops.reshape(x, (-1, kernel.shape[0])), kernel), (*free, *made))


class HeadProjections(TracedLayer):
    """Base of attention with learned projections to heads and back.

    The arguments are those of `MultiHeadAttention`.

    Attributes:
        query_dense, key_dense, value_dense: Projections to heads, `keras.layers.EinsumDense`. They
            exist once the layer is built.
        output_dense: Projection of the heads to the output.
    """

    @plain_numbers
    def __init__(self, num_heads: int, key_dim: int, value_dim: int | None,
                 num_kv_heads: int | None, use_bias: bool, use_qkv_bias: bool | None,
                 use_gate: bool, output_shape: int | Sequence[int] | None,
                 kernel_initializer: Initializer, bias_initializer: Initializer,
                 kernel_regularizer: Regularizer, bias_regularizer: Regularizer,
                 activity_regularizer: Regularizer, kernel_constraint: Constraint,
                 bias_constraint: Constraint, **kwargs: typing.Any):
        super().__init__(**kwargs)
        value_dim = key_dim if value_dim is None else value_dim
        num_kv_heads = num_heads if num_kv_heads is None else num_kv_heads
        check_count(num_heads=num_heads, key_dim=key_dim, value_dim=value_dim,
                    num_kv_heads=num_kv_heads)
        if num_heads % num_kv_heads:
            raise ValueError(explain(
                "`num_kv_heads` must divide `num_heads`", num_heads=num_heads,
                num_kv_heads=num_kv_heads, fix="pick a divisor of num_heads"))
        self.num_heads = num_heads
        self.key_dim = key_dim
        self.value_dim = value_dim
        self.num_kv_heads = num_kv_heads
        self.use_bias = use_bias
        self.use_qkv_bias = use_qkv_bias
        self.use_gate = use_gate
        self._output_shape = axes_tuple("output_shape", output_shape)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self._activity_regularizer = keras.regularizers.get(activity_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)

    query_dense = property(lambda self: self._query_dense)
    key_dense = property(lambda self: self._key_dense)
    value_dense = property(lambda self: self._value_dense)
    output_dense = property(lambda self: self._output_dense)

    def _build_projections(self, query_shape, value_shape, key_shape):
        self._query_dense = self._projection("query", query_shape, self.num_heads, self.key_dim)
        self._key_dense = self._projection("key", key_shape, self.num_kv_heads, self.key_dim)
        if self.use_gate:
            self._gate_dense = self._projection(
                "gate", query_shape, self.num_heads, self.value_dim, activation="sigmoid")
        self._value_dense = self._projection(
            "value", value_shape, self.num_kv_heads, self.value_dim)
        self._output_dense = self._projection(
            "attention_output", (*query_shape[:-1], self.num_heads, self.value_dim),
            *(self._output_shape or query_shape[-1:]), inputs=2)

    def _projection(self, name, input_shape, *output_dims, inputs=1, activation=None):
        """Builds an `EinsumDense` from the last `inputs` axes to `output_dims`."""
        is_output = inputs == 2
        use_bias = self.use_bias if is_output or self.use_qkv_bias is None else self.use_qkv_bias
        free = "abcdefghijkl"[:len(input_shape) - inputs]
        bound, made = "mnop"[:inputs], "uvwxyz"[:len(output_dims)]
        dense = keras.layers.EinsumDense(
            f"{free}{bound},{bound}{made}->{free}{made}",
            output_shape=(*(None,) * (len(free) - 1), *output_dims),
            bias_axes=made if use_bias else None, activation=activation, name=name,
            kernel_initializer=self.kernel_initializer.clone(),
            bias_initializer=self.bias_initializer.clone(),
            kernel_regularizer=self.kernel_regularizer, bias_regularizer=self.bias_regularizer,
            activity_regularizer=self._activity_regularizer,
            kernel_constraint=self.kernel_constraint, bias_constraint=self.bias_constraint,
            dtype=self.dtype_policy)
        dense.supports_masking = True  # The mask only passes. `call` reads it as an argument.
        dense.build(input_shape)
        return dense

    def compute_output_shape(self, query_shape: Shape, value_shape: Shape,
                             key_shape: Shape | None = None) -> Shape:
        return (*query_shape[:-1], *(self._output_shape or query_shape[-1:]))

    def get_config(self) -> dict[str, typing.Any]:
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "num_kv_heads": self.num_kv_heads,
            "use_bias": self.use_bias,
            "use_qkv_bias": self.use_qkv_bias,
            "use_gate": self.use_gate,
            "output_shape": self._output_shape,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": keras.regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": keras.regularizers.serialize(self._activity_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
            "bias_constraint": keras.constraints.serialize(self.bias_constraint),
        }
