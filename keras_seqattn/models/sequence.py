"""Steps that enter a model over sequences, answers that leave it, and its form as a stream."""

import keras

from keras_seqattn import borrowed, layers
from keras_seqattn.errors import check_count, explain
from keras_seqattn.shapes import Shape, Tensor


def enter(input_shape: Shape, vocab_size: int | None, embed_dim: int, mask_value: float | None,
          dtype: str | keras.DTypePolicy | None) -> tuple[Tensor, Tensor]:
    """Makes the input of a model over sequences.

    Args:
        input_shape: `(T, D)` for vectors, `(T,)` for tokens. `T` may be `None`.
        vocab_size: Number of tokens `V`, of which 0 is padding. `None` for vectors.
        embed_dim: Width of a token's vector.
        mask_value: Steps whose features all are this number are padding. `None` for no padding.
        dtype: Dtype policy of the layers.

    Returns:
        The symbolic input, and its steps as symbolic vectors, `(B, T, D)`.

    Raises:
        ValueError: tokens and vectors are confused.
        ValueError: a size is below 1.
    """
    reads_tokens = vocab_size is not None
    if len(input_shape) != (1 if reads_tokens else 2) or (
            reads_tokens and mask_value is not None):
        raise ValueError(explain(
            "a model reads vectors, or tokens of which 0 is padding",
            input_shape=tuple(input_shape), vocab_size=vocab_size, mask_value=mask_value,
            fix="pass (T, D), or (T,) with vocab_size and without mask_value"))
    if vocab_size is not None:
        check_count(vocab_size=vocab_size, embed_dim=embed_dim)
        inputs = keras.Input(input_shape, dtype="int32", name="inputs")
        return inputs, keras.layers.Embedding(
            vocab_size, embed_dim, mask_zero=True, dtype=dtype, name="embedding")(inputs)
    inputs = keras.Input(input_shape, name="inputs")
    if mask_value is None:
        return inputs, inputs
    return inputs, keras.layers.Masking(mask_value, dtype=dtype, name="masking")(inputs)


def answer(x: Tensor, num_outputs: int) -> Tensor:
    """Turns vectors into logits or numbers, in float32."""
    check_count(num_outputs=num_outputs)
    return keras.layers.Dense(num_outputs, dtype="float32", name="outputs")(x)


def streaming(model: keras.Model, length: int | None = 1) -> keras.Model:
    """Makes a copy of a model that reads a sequence chunk by chunk.

    All state is in the open: the copy takes the state and gives it back. So it can run for several
    sequences at once, and on a device from one file. A sequence starts with zeros for every state.
    Any division into chunks gives the outputs of the whole at the real steps.

    Args:
        model: Model made by `models.recurrent`, not bidirectional, or by `models.temporal`.
        length: Number of steps `T` of a chunk. `None` allows any, but cannot be exported.

    Returns:
        A functional `keras.Model` from a dictionary to a dictionary:

        - In: `inputs`, `(B, T, …)`, and the states before, named `state_0`, `state_1` and so on.
        - Out: `outputs`, `(B, T, num_outputs)`, and the states after under the same names.

        A model with one answer per sequence then has an output for each step: what it would
        answer if the sequence ended there.

    Raises:
        ValueError: a layer of the model needs steps that are yet to come, or is not known.

    >>> from keras_seqattn.models import recurrent
    >>> stream = streaming(recurrent("lstm", 5, num_outputs=2, input_shape=(None, 3)))
    >>> {name: tuple(output.shape) for name, output in stream.output.items()}
    {'outputs': (None, 1, 2), 'state_0': (None, 5), 'state_1': (None, 5)}
    """
    if length is not None:
        check_count(length=length)
    first, *others = model.layers
    x = inputs = keras.Input(
        (length, *first.batch_shape[2:]), dtype=first.dtype, name=first.name)
    before: list[Tensor] = []
    after, copies = [], []
    for layer in others:
        if isinstance(layer, layers.LastStep):
            continue
        config = layer.get_config()
        if isinstance(layer, keras.layers.RNN):
            config.update(return_sequences=True, return_state=True)
        copy = type(layer).from_config(config)
        if isinstance(layer, layers.TemporalConvNet):
            copy.build(x.shape)
            state = _state_inputs(copy.initial_state(1), before)
            x, ended = copy(x, state=state)
        elif isinstance(layer, keras.layers.RNN):
            state = _state_inputs(layer.get_initial_state(1), before)
            # Keras fills a mask in only where there is no state.
            x, *ended = copy(x, initial_state=state, mask=borrowed.mask_of(x))
        elif isinstance(layer, (keras.layers.Embedding, keras.layers.Masking, keras.layers.Dense)):
            x, ended = copy(x), []
        else:
            raise ValueError(explain(
                "a stream needs layers that read the past alone", layer=layer.name,
                layer_class=type(layer).__name__, fix="pass a model of one direction"))
        after += keras.tree.flatten(ended)
        copies.append((copy, layer))
    names = [each.name for each in before]
    stream = keras.Model(
        {"inputs": inputs, **dict(zip(names, before, strict=True))},
        {"outputs": x, **dict(zip(names, after, strict=True))}, name=f"{model.name}_stream")
    for copy, layer in copies:
        copy.set_weights(layer.get_weights())
    return stream


def _state_inputs(zeros, before):
    """Makes symbolic inputs of the shapes of one example's state, and adds them to `before`."""
    def make(zero):
        before.append(keras.Input(
            zero.shape[1:], dtype=keras.backend.standardize_dtype(zero.dtype),
            name=f"state_{len(before)}"))
        return before[-1]

    return keras.tree.map_structure(make, zeros)
