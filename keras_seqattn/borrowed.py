"""Private parts of Keras, which has no public ones for the same: one function for each.

Where this Keras lacks a loan, its function refuses and names it. None falls back on a default.
"""

import contextlib
import importlib
import inspect
import threading
import typing

import keras

from keras_seqattn.errors import LoanError, explain

Answer: typing.TypeAlias = typing.Callable[[keras.Operation, tuple, dict], typing.Any]
_TRACES = threading.RLock()
SYMBOLIC = ("numpy", "nn", "math", "linalg", "image", "core")   # modules of a backend's functions


def _borrow(owner, name):
    try:
        return getattr(owner, name)
    except AttributeError:
        raise _missing(name, type(owner).__name__) from None


def _missing(name, owner):
    return LoanError(explain(
        "the library borrows a private part of Keras, and this version lacks it", loan=name,
        owner=owner, keras=keras.__version__,
        fix="install a version of Keras that keras_seqattn was tested with"))


def functional(model: keras.Model) -> keras.Model | None:
    """Returns the functional model inside a model, or `None` if its class computes by itself.

    A functional model is its own; a built `Sequential` holds one.
    """
    if isinstance(model, keras.Sequential):
        return _borrow(model, "_functional")
    return model if hasattr(model, "_nodes_by_depth") else None


@contextlib.contextmanager
def _replaced(places: list[tuple[typing.Any, str, typing.Callable]]) -> typing.Iterator[None]:
    """Puts functions in the place of attributes, for this thread alone."""
    thread = threading.get_ident()

    def here(mine, other):
        return lambda *args, **kwargs: (
            mine if threading.get_ident() == thread else other)(*args, **kwargs)

    with _TRACES:
        before = [_borrow(owner, name) for owner, name, _ in places]
        for (owner, name, mine), other in zip(places, before, strict=True):
            setattr(owner, name, here(mine, other))
        try:
            yield
        finally:
            for (owner, name, _), other in zip(places, before, strict=True):
                setattr(owner, name, other)


def symbolic_calls(answer: Answer) -> contextlib.AbstractContextManager[None]:
    """Lets a function answer each call of an operation with symbolic tensors, in this thread.

    Keras calls `symbolic_call` of the operation there, infers shapes in it, and notes the call in
    the operation. In the context neither happens. Masks and arguments still reach the call.

    Args:
        answer: Function of the operation, its positional and its named arguments. It returns what
            the call returns.
    """
    from keras.src.layers import layer
    from keras.src.ops import operation

    def symbolic_call(operation, *args, **kwargs):
        return answer(operation, args, kwargs)

    return _replaced([
        (keras.Operation, "symbolic_call", symbolic_call),
        (keras.Layer, "symbolic_call", symbolic_call),
        (operation, "Node", _no_node), (layer, "Node", _no_node)])


def _no_node(*_: typing.Any, **__: typing.Any) -> None:
    """Leaves a call unnoted."""


def symbolic_functions() -> contextlib.AbstractContextManager[None]:
    """Lets the functions of Keras' backend take symbolic tensors, in this thread.

    Many layers compute with `backend.numpy.where` and the like, which symbolic tensors are no input
    of. In the context the function of `keras.ops` of the same name answers such a call. A call that
    this function itself makes goes to the backend, which says why it cannot compute.
    """
    from keras.src import backend

    active: set[str] = set()

    def known(name):
        return getattr(keras.ops, name, None) or getattr(keras.ops.image, name, None)

    def answering(function, name):
        def answer(*args, **kwargs):
            if name in active or not any(isinstance(each, keras.KerasTensor) for each in
                                         keras.tree.flatten((args, kwargs))):
                return function(*args, **kwargs)
            active.add(name)
            try:
                return known(name)(*args, **kwargs)
            finally:
                active.discard(name)
        return answer

    own = importlib.import_module(f"keras.src.backend.{keras.backend.backend()}")
    modules = [backend, own, *(_borrow(backend, name) for name in SYMBOLIC)]
    return _replaced([(module, name, answering(function, name)) for module in modules
                      for name, function in vars(module).items()
                      if inspect.isfunction(function) and inspect.isfunction(known(name))])


def backend_named(name: str) -> contextlib.AbstractContextManager[None]:
    """Lets `keras.config.backend` and `keras.backend.backend` give another name, in this thread."""
    return _replaced([(owner, "backend", lambda: name) for owner in (keras.config, keras.backend)])


def operation(name: str) -> type[keras.Operation]:
    """Returns the class of the operation behind a function of `keras.ops` or `keras.activations`.

    Args:
        name: Name of the class behind that of its module, such as `"numpy.Matmul"`.
    """
    module, _, cls = name.partition(".")
    room = "activations" if module == "activations" else "ops"
    return _borrow(importlib.import_module(f"keras.src.{room}.{module}"), cls)


def mask_of(tensor: typing.Any) -> typing.Any:
    """Returns the padding mask that Keras attached to a tensor, or `None`."""
    try:
        from keras.src.backend.common.masking import get_keras_mask
    except ImportError:
        raise _missing("get_keras_mask", "keras.src.backend.common.masking") from None
    return get_keras_mask(tensor)


def takes_training(operation: keras.Operation) -> bool:
    """Whether the `call` of an operation has an argument `training`."""
    if not isinstance(operation, keras.Layer):
        return False
    return _borrow(operation, "_call_has_training_arg")


def uses_gate(attention: keras.layers.MultiHeadAttention) -> bool:
    """Whether Keras' own attention multiplies its output by a gate."""
    return _offers(attention, "use_gate") and _borrow(attention, "_use_gate")


def sliding_window(attention: keras.layers.MultiHeadAttention) -> int | None:
    """Returns how many positions Keras' own attention looks back, or `None` for all."""
    return _borrow(attention, "_sliding_window") if _offers(attention, "sliding_window") else None


def _offers(layer: keras.Layer, argument: str) -> bool:
    return argument in inspect.signature(type(layer).__init__).parameters


def inner_layers(layer: keras.Layer) -> list[keras.Layer]:
    """Returns the layers that a layer holds itself, without those inside them."""
    return list(_borrow(layer, "_layers"))


def all_layers(layer: keras.Layer) -> list[keras.Layer]:
    """Returns a layer and all layers inside, each once."""
    return _borrow(layer, "_flatten_layers")()


def own_weights(layer: keras.Layer) -> list[keras.Variable]:
    """Returns the trainable weights of a layer itself, without those of the layers inside."""
    return list(_borrow(layer, "_trainable_variables"))


def seed_generators(layer: keras.Layer) -> list[keras.random.SeedGenerator]:
    """Returns the generators of random numbers of a layer and of all layers inside."""
    return [each for layer in all_layers(layer) for each in _borrow(layer, "_seed_generators")]


def build_with(model: keras.Model, batch: tuple) -> None:
    """Makes the variables of a compiled model, its loss and its metrics, from one batch."""
    _borrow(model, "_symbolic_build")(data_batch=batch)


def leave_build_out(model: keras.Model) -> None:
    """Keeps the TensorFlow trainer from building a built model again."""
    _borrow(model, "_maybe_symbolic_build")
    model._maybe_symbolic_build = lambda **_: None


def jax_state(model: keras.Model, training: bool) -> typing.Any:
    """Returns what the step of Keras' JAX trainer takes beside the batch."""
    return _borrow(model, "_get_jax_state")(
        trainable_variables=True, non_trainable_variables=True, optimizer_variables=training,
        metrics_variables=True)


def initialise_with(variable: keras.Variable, value: typing.Any) -> None:
    """Gives a variable whose scope has not ended the value that it begins with."""
    _borrow(variable, "_initializer")
    variable._initializer = lambda *_, **__: value


def averages_of(optimizer: keras.optimizers.Optimizer) -> list[keras.Variable]:
    """Returns the moving averages that an optimizer keeps of the weights."""
    return list(_borrow(optimizer, "_model_variables_moving_average"))


def index_of(optimizer: keras.optimizers.Optimizer, variable: keras.Variable) -> int:
    """Returns the place of a variable among those that an optimizer was built with."""
    return _borrow(optimizer, "_get_variable_index")(variable)


def averages_along_an_axis() -> bool:
    """Whether Keras' TensorFlow trainer averages scalars of several workers along an axis."""
    from keras.src.backend.tensorflow import trainer

    return 'strategy.reduce("MEAN", v, axis=0)' in inspect.getsource(
        _borrow(trainer, "reduce_per_replica"))


def overrides(*names: str) -> typing.Callable[[type], type]:
    """Decorates a class whose methods take the place of private ones of Keras.

    Args:
        *names: Names of the private methods that the class overrides.

    Returns:
        A decorator that returns the class itself.

    Raises:
        LoanError: no class that it inherits from has such a method, so nobody would call it.
    """
    def check(cls: type) -> type:
        for name in names:
            if not any(name in vars(base) for base in cls.__mro__[1:]):
                raise _missing(name, cls.__mro__[1].__name__)
        return cls

    return check
