"""Private parts of Keras, which has no public ones for the same: one function for each.

Every function refuses where this Keras lacks what it borrows, and names the loan. None of them
falls back on a default, since a default would be a wrong answer without a word.
"""

import dataclasses
import inspect
import typing

import keras

from keras_seqattn.errors import LoanError, explain


def _borrow(owner, name):
    """An attribute that must be there."""
    try:
        return getattr(owner, name)
    except AttributeError:
        raise _missing(name, type(owner).__name__) from None


def _missing(name, owner):
    return LoanError(explain(
        "the library borrows a private part of Keras, and this version lacks it", loan=name,
        owner=owner, keras=keras.__version__,
        fix="install a version of Keras that keras_seqattn was tested with"))


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of an operation in a functional model.

    Attributes:
        operation: `keras.Operation`, most often a layer.
        tensors: Symbolic tensors that the call reads, in order.
        outputs: Symbolic tensors that the call makes, in order.
    """

    operation: keras.Operation
    tensors: list
    outputs: list
    _arguments: typing.Any

    def arguments(self, values: list) -> tuple[tuple, dict]:
        """Returns the positional and the named arguments, with `values` in place of `tensors`."""
        return self._arguments.fill_in(dict(zip(map(id, self.tensors), values, strict=True)))

    def named(self) -> dict:
        """Returns what the call was given, by the names of the arguments of `call`."""
        return inspect.signature(self.operation.call).bind(
            *self._arguments.args, **self._arguments.kwargs).arguments


def functional(model: keras.Model) -> keras.Model | None:
    """Returns the functional model inside a model, or `None` if its class computes by itself.

    A functional model is its own; a built `Sequential` holds one.
    """
    if isinstance(model, keras.Sequential):
        return _borrow(model, "_functional")
    return model if hasattr(model, "_nodes_by_depth") else None


def calls(model: keras.Model) -> list[Call]:
    """Returns the calls of a functional model, in an order in which they can be computed.

    Nested models are calls as layers are; nothing is opened.
    """
    depths = _borrow(model, "_nodes_by_depth")
    nodes = [node for depth in sorted(depths, reverse=True) for node in depths[depth]]
    return [Call(_borrow(node, "operation"), _borrow(node.arguments, "keras_tensors"),
                 list(_borrow(node, "outputs")), node.arguments)
            for node in nodes if not _borrow(node, "is_input")]


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


def addition() -> type[keras.Operation]:
    """Returns the class of the operation behind `a + b` of two symbolic tensors."""
    tensor = keras.KerasTensor((1,))
    return type(_borrow(_borrow(tensor + tensor, "_keras_history"), "operation"))


def uses_gate(attention: keras.layers.MultiHeadAttention) -> bool:
    """Whether Keras' own attention multiplies its output by a gate."""
    return _offers(attention, "use_gate") and _borrow(attention, "_use_gate")


def sliding_window(attention: keras.layers.MultiHeadAttention) -> int | None:
    """Returns how many positions Keras' own attention looks back, or `None` for all."""
    return _borrow(attention, "_sliding_window") if _offers(attention, "sliding_window") else None


def _offers(layer: keras.Layer, argument: str) -> bool:
    """Whether the class of a layer takes an argument, which older releases of Keras lack."""
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
