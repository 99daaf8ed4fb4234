"""The base of every model that writes a sequence: it starts, makes a step and generates."""

import typing
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from keras_seqattn import decoding
from keras_seqattn.errors import explain, nearest
from keras_seqattn.layers import TransformerDecoderBlock
from keras_seqattn.shapes import Tensor

PAD, START, END, UNKNOWN = range(4)
METHODS: dict[str, typing.Callable[..., decoding.Decoded]] = {
    "greedy": decoding.greedy, "beam": decoding.beam, "sample": decoding.sample}


class Generator(keras.Model):
    """Base of the models that write a sequence of tokens about a source.

    Such a model is called with a dictionary of its source and of `tokens`, int32 `(B, T)`. It
    returns logits, `(B, T, V)`: those at position `t` stand for the token that follows the first
    `t + 1`. So it trains with plain `compile` and `fit`. Where `start` and `step` are written,
    `generate` does the rest.

    Attributes:
        source_name: Name of the source among the inputs.
        vocab_size: Number of tokens `V`. 0 is padding, 1 the start, 2 the end and 3 the unknown.
        end_token: Token that ends a sequence, or several such tokens.
        max_length: Largest number of tokens to write, the end included.
    """

    source_name = "source"
    pad_token, start_token, unknown_token = PAD, START, UNKNOWN
    end_token: int | Sequence[int] = END
    vocab_size: int
    max_length: int

    def start(self, source: Tensor) -> dict[str, Tensor]:
        """Reads the source.

        Args:
            source: Batch of `B` sources.

        Returns:
            State before the first token: dictionary of tensors, as `keras_seqattn.decoding`
            describes it.
        """
        raise NotImplementedError

    def step(self, tokens: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Reads one more token of each sequence.

        Args:
            tokens: int32, `(B,)`.
            state: As of `start`, or of the step before.

        Returns:
            Logits of the next token, float `(B, V)`, and the next state.
        """
        raise NotImplementedError

    def longest(self, source: Tensor) -> int:
        """Returns the largest number of tokens that can be written about a source."""
        return self.max_length

    def first_tokens(self, state: dict[str, Tensor]) -> Tensor:
        """Returns the start token for each row of a state, int32 `(B,)`."""
        rows = next(ops.shape(x)[0] for x in keras.tree.flatten(state) if len(x.shape))
        return ops.full((rows,), self.start_token, "int32")

    def generate(self, source: Tensor, method: str = "greedy", max_length: int | None = None,
                 **options: typing.Any) -> decoding.Decoded:
        """Writes a sequence for each source, in one compiled loop.

        On TensorFlow the loop is compiled with XLA where the model's `jit_compile` says so. Keras
        sets this on GPUs, and `model.jit_compile = True` sets it anywhere.

        Args:
            source: Batch of `B` sources, as the model is trained on.
            method: `"greedy"`, `"beam"` or `"sample"`.
            max_length: Largest number of tokens to write. Defaults to what the model has room for.
            **options: Of the method. `decoding.beam` has `width`, `length_penalty` and `num_best`.
                `decoding.sample` has `temperature`, `top_k`, `top_p` and `seed`.

        Returns:
            `decoding.Decoded` of NumPy arrays.

        Raises:
            ValueError: the method is not known.
            ValueError: an option is out of its range.
            ValueError: `max_length` is greater than the model's.
            TypeError: the method has no such option.
        """
        if method not in METHODS:
            raise ValueError(explain("`method` is not known", method=method,
                                     fix=nearest(method, METHODS)))
        longest = self.longest(source)
        max_length = longest if max_length is None else max_length
        if max_length > longest:
            raise ValueError(explain(
                "`max_length` must not exceed the model's", max_length=max_length,
                model_max_length=longest, fix="pass a smaller one"))
        arguments = [ops.convert_to_tensor(source)]
        if method == "sample":
            numbers = np.random.default_rng(options.pop("seed", None)).random(
                (len(source), max_length), "float32")
            arguments.append(ops.convert_to_tensor(numbers))
        written = self._writer(method, max_length, options)(*arguments)
        return decoding.Decoded(*(ops.convert_to_numpy(each) for each in written))

    def write(self, source: Tensor, beam: int = 1) -> np.ndarray:
        """Writes the best sequence for each source.

        Args:
            source: Batch of `B` sources.
            beam: Number of beginnings that are followed. 1 is greedy decoding.

        Returns:
            int32, `(B, max_length)`, with 0 behind the end.
        """
        if beam == 1:
            return self.generate(source).tokens
        return self.generate(source, "beam", width=beam).tokens[:, 0]

    def forget_writers(self) -> None:
        """Lets `generate` compile its loops anew, as after a change of the layers' dtypes."""
        self.__dict__.pop("_writers", None)

    def _writer(self, method, max_length, options):
        key = (method, max_length, *sorted(options.items(), key=lambda item: item[0]))
        writers = self.__dict__.setdefault("_writers", {})
        if key not in writers:
            def write(source, seed=None):
                state = self.start(source)
                extra = {} if seed is None else {"seed": seed}
                return METHODS[method](
                    self.step, self.first_tokens(state), state, end=self.end_token,
                    max_length=max_length, **options, **extra)

            writers[key] = decoding.compiled(write, self.variables, self.jit_compile)
        return writers[key]


def start_blocks(blocks: list[TransformerDecoderBlock], batch_size: Tensor, max_length: int,
                 memory: Tensor = None) -> dict[str, Tensor]:
    """Returns the state of a stack of decoder blocks before the first token.

    Args:
        blocks: List of `TransformerDecoderBlock`.
        batch_size: Number of sequences `B`, a number or a scalar tensor.
        max_length: Longest sequence in tokens.
        memory: Float, `(B, S, D_m)`, or `None`.

    Returns:
        Dictionary of the position, 0, and of the cache of each block.
    """
    state = {"position": ops.zeros((), "int32")}
    for index, block in enumerate(blocks):
        cache = block.start(batch_size, max_length, memory)
        state |= {f"{name}_{index}": kept for name, kept in cache.items()}
    return state


def step_blocks(blocks: list[TransformerDecoderBlock], x: Tensor, state: dict[str, Tensor],
                memory_mask: Tensor = None) -> tuple[Tensor, dict[str, Tensor]]:
    """Sends the next tokens of each sequence through a stack of decoder blocks.

    Args:
        blocks: As for `start_blocks`.
        x: Embedded tokens, float `(B, T, D)`.
        state: As of `start_blocks` or the step before. Other entries stay.
        memory_mask: Boolean, `(B, S)`, or `None`.

    Returns:
        Output of the last block, float `(B, T, D)`, and the next state.
    """
    position, state = state["position"], dict(state)
    for index, block in enumerate(blocks):
        names = {full.removesuffix(f"_{index}"): full for full in state
                 if full.endswith(f"_{index}")}
        x, cache = block.step(
            x, {name: state[full] for name, full in names.items()}, position, memory_mask)[:2]
        state |= {full: cache[name] for name, full in names.items()}
    return x, {**state, "position": position + ops.shape(x)[1]}
