"""Names of arguments: a misspelt one, or that of another library, meets the one it stands for."""

import functools
import inspect
import typing
from collections.abc import Callable, Collection

from keras_seqattn.errors import explain, nearest

P = typing.ParamSpec("P")
R = typing.TypeVar("R")
# What KerasHub, Keras, PyTorch, timm and Hugging Face call what this package calls otherwise. The
# first name on the right that is taken is the one that is meant.
ELSEWHERE = {
    **dict.fromkeys(("intermediate_dim", "intermediate_size", "ff_dim", "dim_feedforward",
                     "feedforward_dim", "mlp_ratio"), ("mlp_dim",)),
    **dict.fromkeys(("hidden_dim", "hidden_size", "d_model", "n_embd", "model_dim",
                     "embedding_dim"), ("embed_dim", "mlp_dim", "units")),
    **dict.fromkeys(("num_layers", "num_hidden_layers", "depth", "n_layer", "num_blocks"),
                    ("num_layers", "num_blocks", "dilation_rates")),
    **dict.fromkeys(("heads", "nhead", "n_head", "num_attention_heads", "num_query_heads"),
                    ("num_heads",)),
    **dict.fromkeys(("head_dim", "dim_head", "size_per_head"), ("key_dim",)),
    "num_key_value_heads": ("num_kv_heads",),
    **dict.fromkeys(("drop_rate", "dropout_rate", "rate"), ("dropout",)),
    **dict.fromkeys(("attn_drop", "attn_drop_rate", "attention_dropout_rate"),
                    ("attention_dropout", "dropout")),
    **dict.fromkeys(("drop_path_rate", "stochastic_depth"), ("drop_path",)),
    **dict.fromkeys(("eps", "layer_norm_epsilon", "layer_norm_eps", "norm_eps"), ("epsilon",)),
    **dict.fromkeys(("normalize_first", "norm_first", "pre_norm"), ("norm",)),
    **dict.fromkeys(("img_size", "image_size"), ("image_shape",)),
    **dict.fromkeys(("num_labels", "n_classes", "classes"), ("num_classes", "num_outputs")),
    **dict.fromkeys(("vocabulary_size", "num_tokens", "input_dim"), ("vocab_size",)),
    **dict.fromkeys(("sequence_length", "max_len", "block_size", "max_sequence_length"),
                    ("max_length",)),
    **dict.fromkeys(("max_timescale",), ("max_wavelength",)),
}
# What `keras.layers.Layer` takes beside what its signature names.
OF_KERAS = ("input_shape", "input_dim")


def check_names(caller: str, given: Collection[str], known: Collection[str]) -> None:
    """Refuses names that are no argument's.

    Args:
        caller: Name of the class or the function, as the user writes it.
        given: Names of the arguments that were passed by name.
        known: Names of all arguments.

    Raises:
        TypeError: a name is not known.

    >>> check_names("Block", ["hidden_dim"], ["num_heads", "mlp_dim"])
    Traceback (most recent call last):
        ...
    TypeError: `Block` has no argument of that name. Received: argument='hidden_dim'. To fix: \
did you mean 'mlp_dim'? Known: 'mlp_dim', 'num_heads'.
    """
    for name in given:
        if name not in known:
            raise TypeError(explain(f"`{caller}` has no argument of that name", argument=name,
                                    fix=_remedy(name, known)))


def _remedy(name: str, known: Collection[str]) -> str:
    meant = [other for other in ELSEWHERE.get(name, ()) if other in known]
    if name in ELSEWHERE:
        listed = ", ".join(map(repr, sorted(known)))
        return f"did you mean {meant[0]!r}? Known: {listed}" if meant else f"use one of {listed}"
    return nearest(name, known)


def spelt(function: Callable[P, R]) -> Callable[P, R]:
    """Decorates a function so that a name of no argument is refused by `check_names`."""
    known = tuple(inspect.signature(function).parameters)

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        check_names(function.__name__, kwargs, known)
        return function(*args, **kwargs)

    return call


def tell_names(*classes: type) -> None:
    """Lets layers refuse a name of no argument by `check_names`, when they are made.

    A class that a user derives takes what it likes.

    Args:
        *classes: The classes of the layers.
    """
    for each in classes:
        _check_new(each)


def _check_new(cls: typing.Any) -> None:
    make = cls.__new__
    own = [name for kind in cls.__mro__ if "__init__" in vars(kind)
           for name in inspect.signature(kind.__init__).parameters]
    known = dict.fromkeys(name for name in own if name not in ("self", "args", "kwargs"))

    def new(kind: typing.Any, *args: typing.Any, **kwargs: typing.Any) -> typing.Any:
        if kind is cls:
            check_names(cls.__name__, kwargs.keys() - set(OF_KERAS), known)
        return make(kind, *args, **kwargs)

    cls.__new__ = new
