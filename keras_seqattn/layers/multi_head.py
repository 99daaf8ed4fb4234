"""Attention between two sequences through several learned projections."""

import math

import keras
from keras import ops

from keras_seqattn.errors import check_count, check_share, explain
from keras_seqattn.layers import masks
from keras_seqattn.layers.attention import attend, check_flash, finite, join_masks
from keras_seqattn.layers.projection import project


@keras.saving.register_keras_serializable(package="keras_seqattn")
class MultiHeadAttention(keras.layers.Layer):
    """Lets each position of one sequence read another through several learned projections.

    A drop-in for `keras.layers.MultiHeadAttention`: same arguments in the same order, same call,
    same weights under the same names, the same numbers where Keras is right. It differs where
    Keras contradicts itself: a query that may read nothing gets zeros with and without scores,
    `query_mask` counts when passed by hand, causal masks are aligned to the end, and the softmax
    runs in float32.

    Args:
        num_heads: Number of query heads `N`.
        key_dim: Size `H` of one head of query and key.
        value_dim: Size of one head of the value. Defaults to `key_dim`.
        dropout: Share of attention scores dropped in training, in `[0, 1)`.
        use_bias: Whether the projections have biases.
        output_shape: Last axes of the output, an integer or a tuple. Defaults to the query's `D`.
        attention_axes: Axes of the inputs that are attended over. Defaults to all but the first
            and the last.
        sliding_window: If set, a query reads keys fewer than this many positions away.
        flash_attention: `None` lets JAX and PyTorch pick a kernel, `False` forbids flash kernels,
            `True` insists on one. JAX has one for GPUs alone.
        kernel_initializer: Initializer of the kernels.
        bias_initializer: Initializer of the biases.
        kernel_regularizer: Regularizer of the kernels.
        bias_regularizer: Regularizer of the biases.
        activity_regularizer: Regularizer of the projections' outputs.
        kernel_constraint: Constraint on the kernels.
        bias_constraint: Constraint on the biases.
        use_gate: If `True`, a sigmoid gate computed from the query scales each head's output.
        seed: Seed of the dropout. `None` draws one.
        num_kv_heads: Number `K` of key/value heads, a divisor of `num_heads`. Defaults to
            `num_heads`; 1 is multi-query attention.
        use_qkv_bias: Whether the projections of query, key, value and gate have biases, if not as
            `use_bias` says for the output.

    Call arguments:
        query: Float, `(B, T, D)`; with more axes, see `attention_axes`.
        value: Float, `(B, S, D_v)`.
        key: Float, `(B, S, D_k)`. Defaults to `value`.
        query_mask: Boolean, `(B, T)`; `True` is a real token. Keras fills it in.
        value_mask: Boolean, `(B, S)`. Keras fills it in.
        key_mask: Boolean, `(B, S)`. Keras fills it in.
        attention_mask: Boolean, `(T, S)`, `(B, T, S)` or `(B, N, T, S)`; `True` may be read.
        return_attention_scores: If `True`, also returns the scores.
        training: Whether dropout acts.
        use_causal_mask: If `True`, query `t` reads keys `0 … S-T+t` only.
        attention_bias: Float of a shape as of `attention_mask`: added to the logits, such as a
            relative position.

    Returns:
        Float, `(B, T, D)`; with scores, a pair whose second is `(B, N, T, S)`. Before the output
        projection a query that may read nothing is zero, so it leaves as the output's bias.

    Raises:
        ValueError: a size below 1; `dropout` outside `[0, 1)`; `num_kv_heads` does not divide
            `num_heads`; ranks, positions or the attention mask do not fit each other;
            `flash_attention=True` on JAX without a GPU.

    Example:

    >>> layer = MultiHeadAttention(num_heads=4, key_dim=3, num_kv_heads=2)
    >>> tuple(layer(keras.ops.ones((2, 5, 12)), keras.ops.ones((2, 7, 12))).shape)
    (2, 5, 12)

    Masking: consumes the masks of query, key and value; passes the query's mask on.
    Cost: weights `D·H·(N + K) + D_v·H_v·(N + K)` (+ biases); multiply-adds `O(T·S·N·H)`.
    On device: 4 FULLY_CONNECTED, 2 BATCH_MATMUL without transpose flags, SOFTMAX, TRANSPOSE,
    RESHAPE; int8 weights are supported; rank 4 at most.
    Paper: Vaswani et al. 2017, section 3.2.2; gate: Qiu et al. 2025; `num_kv_heads`: Ainslie et
    al. 2023.
    """

    def __init__(self, num_heads, key_dim, value_dim=None, dropout=0.0, use_bias=True,
                 output_shape=None, attention_axes=None, sliding_window=None,
                 flash_attention=None, kernel_initializer="glorot_uniform",
                 bias_initializer="zeros", kernel_regularizer=None, bias_regularizer=None,
                 activity_regularizer=None, kernel_constraint=None, bias_constraint=None,
                 use_gate=False, seed=None, num_kv_heads=None, use_qkv_bias=None, **kwargs):
        super().__init__(**kwargs)
        value_dim = key_dim if value_dim is None else value_dim
        num_kv_heads = num_heads if num_kv_heads is None else num_kv_heads
        check_count(num_heads=num_heads, key_dim=key_dim, value_dim=value_dim,
                    num_kv_heads=num_kv_heads)
        if sliding_window is not None:
            check_count(sliding_window=sliding_window)
        check_share(dropout=dropout)
        check_flash(flash_attention, dropout)
        if num_heads % num_kv_heads:
            raise ValueError(explain(
                "`num_kv_heads` must divide `num_heads`", num_heads=num_heads,
                num_kv_heads=num_kv_heads, fix="pick a divisor of num_heads"))
        self.num_heads = num_heads
        self.key_dim = key_dim
        self.value_dim = value_dim
        self.dropout = dropout
        self.use_bias = use_bias
        self._output_shape = _as_tuple("output_shape", output_shape)
        self.attention_axes = _as_tuple("attention_axes", attention_axes)
        self.sliding_window = sliding_window
        self.flash_attention = flash_attention
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self._activity_regularizer = keras.regularizers.get(activity_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)
        self.use_gate = use_gate
        self.seed = seed
        self.num_kv_heads = num_kv_heads
        self.use_qkv_bias = use_qkv_bias
        self.supports_masking = True
        self._dropout_layer = keras.layers.Dropout(dropout, seed=seed, dtype=self.dtype_policy)

    def build(self, query_shape, value_shape, key_shape=None, attention_mask_shape=None):
        key_shape = value_shape if key_shape is None else key_shape
        self._check_shapes(query_shape, value_shape, key_shape, attention_mask_shape)
        rank = len(query_shape)
        axes = self.attention_axes or range(1, rank - 1)
        self._positions = [axis % rank for axis in axes]
        self._batch = [axis for axis in range(rank - 1) if axis not in self._positions]
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

    def _check_shapes(self, query_shape, value_shape, key_shape, attention_mask_shape):
        shapes = {"query_shape": tuple(query_shape), "value_shape": tuple(value_shape),
                  "key_shape": tuple(key_shape)}
        ranks = {len(shape) for shape in shapes.values()}
        if len(ranks) > 1 or min(ranks) < 3:
            raise ValueError(explain(
                "`query`, `value` and `key` must have the same rank, at least 3",
                **shapes, fix="pass (batch, positions, features)"))
        if not _broadcasts(key_shape[:-1], value_shape[:-1]):
            raise ValueError(explain(
                "`key` and `value` must have the same positions", **shapes,
                fix="pass a key and a value of the same sequence"))
        wrong = [axis for axis in self.attention_axes or ()
                 if not 1 <= axis % len(query_shape) < len(query_shape) - 1]
        if wrong:
            raise ValueError(explain(
                "`attention_axes` must lie between the batch and the feature axis",
                attention_axes=self.attention_axes, **shapes, fix=f"drop the axes {wrong}"))
        if attention_mask_shape is not None and len(query_shape) == 3:
            scores = (query_shape[0], self.num_heads, query_shape[1], value_shape[1])
            tail = scores[2:] if len(attention_mask_shape) < 4 else scores[1:]
            head = scores[:max(len(attention_mask_shape) - len(tail), 0)]
            if not (2 <= len(attention_mask_shape) <= 4
                    and _broadcasts(attention_mask_shape, head + tail)):
                raise ValueError(explain(
                    "`attention_mask` must broadcast to (B, T, S) or (B, N, T, S)",
                    attention_mask_shape=tuple(attention_mask_shape), scores_shape=scores,
                    fix="pass a mask of one entry per query and key"))

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
        dense.supports_masking = True  # it only lets the mask pass; `call` reads it by argument
        dense.build(input_shape)
        return dense

    def call(self, query, value, key=None, query_mask=None, value_mask=None, key_mask=None,
             attention_mask=None, return_attention_scores=False, training=None,
             use_causal_mask=False, attention_bias=None):
        asked, read = ops.shape(query)[:-1], ops.shape(value)[:-1]
        allowed = join_masks(
            self._flat_mask(query_mask, asked), self._flat_mask(value_mask, read),
            self._flat_mask(key_mask, read), self._flat_scores_mask(attention_mask, asked, read))
        output, scores = self._read(
            query, *self.keys_and_values(value, key), allowed, causal=use_causal_mask,
            bias=self._flat_scores_mask(attention_bias, asked, read),
            drop=self._dropout_layer if training and self.dropout else None,
            return_attention_scores=return_attention_scores)
        if not return_attention_scores:
            return output
        return output, self._unflat_scores(scores, asked, read)

    def keys_and_values(self, value, key=None):
        """Projects the sequence that is read, so that it can be kept and read again.

        Args:
            value: Float, `(B, S, D_v)`.
            key: Float, `(B, S, D_k)`. Defaults to `value`.

        Returns:
            Keys, `(B, K, S, H)`, and values, `(B, K, S, H_v)`.
        """
        key = value if key is None else key
        return (self._split_heads(project(self._key_dense, key)),
                self._split_heads(project(self._value_dense, value)))

    def read(self, query, keys, values, allowed=None, return_attention_scores=False):
        """Reads kept keys and values, as `call` reads what it has projected itself.

        Args:
            query: Float, `(B, T, D)`.
            keys: Float, `(B, K, S, H)`.
            values: Float, `(B, K, S, H_v)`.
            allowed: Boolean, broadcasts to `(B, N, T, S)`; `True` may be read.
            return_attention_scores: If `True`, also returns the scores.

        Returns:
            Float, `(B, T, D)`; with scores, a pair whose second is `(B, N, T, S)`.
        """
        output, scores = self._read(query, keys, values, allowed,
                                    return_attention_scores=return_attention_scores)
        return (output, scores) if return_attention_scores else output

    def _read(self, query, keys, values, allowed, bias=None, causal=False, drop=None,
              return_attention_scores=False):
        asked = ops.shape(query)[:-1]
        gate = project(self._gate_dense, query) if self.use_gate else None
        query = self._tempered(self._split_heads(project(self._query_dense, query)))
        allowed = self._narrowed(allowed, ops.shape(query)[2], ops.shape(keys)[2])
        output, scores = attend(
            query, keys, values, allowed, scale=self.key_dim ** -0.5, causal=causal, drop=drop,
            bias=bias if bias is None or len(bias.shape) != 3 else ops.expand_dims(bias, 1),
            flash_attention=self.flash_attention, return_attention_scores=return_attention_scores)
        output = self._join_heads(output, asked)                        # (B, T, N, H_v)
        output = project(self._output_dense, output if gate is None else output * gate, 2)
        return finite(output), scores                                        # (B, T, D)

    def _tempered(self, query):
        """The query of all heads, `(B, N, T, H)`, as it meets the keys."""
        return query

    def _narrowed(self, allowed, num_queries, num_keys):
        """Which positions may be read, of those that masks allow."""
        if not self.sliding_window:
            return allowed
        return masks.combine(
            allowed, masks.sliding_window(num_queries, num_keys, window=self.sliding_window))

    # Projections have the axes of the input with N and H behind. Attention wants the batch axes,
    # N, the positions, H; with more than one axis of positions or batch, each kind is flattened.

    @property
    def _layout(self):
        heads = len(self._batch) + len(self._positions)
        return (*self._batch, heads, *self._positions, heads + 1)

    @property
    def _is_plain(self):
        return self._layout == (0, 2, 1, 3)

    def _count(self, shape):
        return math.prod(shape[axis] for axis in self._positions)

    def _split_heads(self, x):
        shape, x = ops.shape(x), ops.transpose(finite(x), self._layout)
        if self._is_plain:
            return x
        return ops.reshape(x, (-1, shape[-2], self._count(shape), shape[-1]))

    def _join_heads(self, x, asked):
        if not self._is_plain:
            sizes = (*asked, self.num_heads, self.value_dim)
            x = ops.reshape(x, [sizes[axis] for axis in self._layout])
        return ops.transpose(x, [self._layout.index(axis) for axis in range(len(self._layout))])

    def _flat_mask(self, mask, shape):
        if mask is None or self._is_plain:
            return mask
        while len(mask.shape) < len(shape):
            mask = ops.expand_dims(mask, -1)
        mask = ops.transpose(ops.broadcast_to(mask, shape), (*self._batch, *self._positions))
        return ops.reshape(mask, (-1, self._count(shape)))

    def _flat_scores_mask(self, mask, asked, read):
        if mask is None or self._is_plain:
            return mask
        full = self._scores_shape(asked, read)
        while len(mask.shape) < len(full):
            mask = ops.expand_dims(mask, -2 * len(self._positions) - 1)
        return ops.reshape(ops.broadcast_to(mask, full), (
            -1, self.num_heads, self._count(asked), self._count(read)))

    def _scores_shape(self, asked, read):
        return (*(asked[i] for i in self._batch), self.num_heads,
                *(asked[i] for i in self._positions), *(read[i] for i in self._positions))

    def _unflat_scores(self, scores, asked, read):
        return scores if self._is_plain else ops.reshape(scores, self._scores_shape(asked, read))

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        return (*query_shape[:-1], *(self._output_shape or query_shape[-1:]))

    def compute_output_spec(self, *args, **kwargs):
        # Traced rather than told by the shape above, so that scores come out right.
        return keras.Operation.compute_output_spec(self, *args, **kwargs)

    query_dense = property(lambda self: self._query_dense)
    key_dense = property(lambda self: self._key_dense)
    value_dense = property(lambda self: self._value_dense)
    output_dense = property(lambda self: self._output_dense)

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "value_dim": self.value_dim,
            "dropout": self.dropout,
            "use_bias": self.use_bias,
            "output_shape": self._output_shape,
            "attention_axes": self.attention_axes,
            "sliding_window": self.sliding_window,
            "flash_attention": self.flash_attention,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": keras.regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": keras.regularizers.serialize(self._activity_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
            "bias_constraint": keras.constraints.serialize(self.bias_constraint),
            "use_gate": self.use_gate,
            "seed": self.seed,
            "num_kv_heads": self.num_kv_heads,
            "use_qkv_bias": self.use_qkv_bias,
        }


def _as_tuple(name, axes):
    if axes is None or isinstance(axes, int):
        return axes if axes is None else (axes,)
    try:
        return tuple(axes)
    except TypeError:
        raise TypeError(explain(
            f"`{name}` must be an integer or a tuple of integers",
            fix="pass one integer per axis", **{name: axes})) from None


def _broadcasts(shape, target):
    """Whether `shape` broadcasts to `target`; an unknown length (`None`) fits anything."""
    return len(shape) == len(target) and all(
        None in (have, want) or have in (1, want)
        for have, want in zip(shape, target, strict=True))
