"""The very step that `fit` runs on JAX, traced for the devices of a topology."""

import collections.abc
import contextlib
import typing

import keras

from keras_seqattn import borrowed
from keras_seqattn.errors import explain
from keras_seqattn.kernels.target import compiled_for
from keras_seqattn.training.devices import layouts
from keras_seqattn.training.doctor.compiler import NotCompiled

BATCH = layouts.BATCH
Place: typing.TypeAlias = collections.abc.Callable[[typing.Any], typing.Any]


def trace(model: keras.Model, batch: typing.Any, devices: collections.abc.Sequence,
          training: bool = True, layout: str | None = None, per_model: int = 1) -> typing.Any:
    """Traces a step over devices. No number is computed.

    Examples are spread over the devices and all else is on each of them, as
    `keras.distribution.DataParallel` has it, or as a layout says. The state is donated, as Keras
    donates it.

    Args:
        model: `keras.Model` on JAX, compiled and built, optimizer included.
        batch: Inputs, targets and weights of all devices together: arrays, or what has a shape and
            a dtype.
        devices: Devices that share the batch, as of `compiler.devices`.
        training: Whether it is the training step, else the validation step.
        layout: Key of `layouts.LAYOUTS`, or `None`.
        per_model: Devices that share one model in it.

    Returns:
        `jax.stages.Traced`.

    Raises:
        NotCompiled: a shape or a branch depends on values.
    """
    import jax

    mesh, each, whole = placed(devices, per_model)
    state = jax.tree.map(whole, borrowed.jax_state(model, training))
    if layout is not None:
        trained, others, *slots = state
        axes = _axes(model, layouts.rules(layout), dict(mesh.shape))
        trained = [_divided(mesh, value, axes[variable.path.replace("/", "_")])
                   for variable, value in zip(model.trainable_variables, trained, strict=True)]
        if training:
            slots[0] = [_divided(mesh, value, _axes_of_slot(variable.path, axes)) for
                        variable, value in zip(model.optimizer.variables, slots[0], strict=True)]
        state = (trained, others, *slots)
    step = jax.jit(model.train_step if training else model.test_step, donate_argnums=0,
                   out_shardings=(None, jax.tree.map(lambda array: array.sharding, state)))
    with compiled_for("tpu", mesh, BATCH), told():
        return step.trace(state, jax.tree.map(each, batch))


def of_size(batch: typing.Any, batch_size: int) -> typing.Any:
    """Returns the shapes and dtypes of a batch as they are with another number of examples."""
    return keras.tree.map_structure(
        lambda array: keras.KerasTensor((batch_size, *array.shape[1:]), str(array.dtype)), batch)


def placed(devices: collections.abc.Sequence, per_model: int = 1
           ) -> tuple[typing.Any, Place, Place]:
    """Returns a mesh, and how arrays lie on it.

    Args:
        devices: As for `trace`.
        per_model: As for `trace`.

    Returns:
        `jax.sharding.Mesh`, a function that spreads the first axis of an array over it, and one
        that puts the whole array on each device. Both return a shape and a dtype with their place.
    """
    import jax
    import numpy as np

    mesh = jax.sharding.Mesh(np.asarray(devices).reshape(-1, per_model), (BATCH, layouts.MODEL))

    def on(*axes: str) -> Place:
        sharding = jax.NamedSharding(mesh, jax.P(*axes))
        return lambda array: jax.ShapeDtypeStruct(
            array.shape, jax.dtypes.canonicalize_dtype(array.dtype), sharding=sharding)

    return mesh, on(BATCH), on()


def _axes(model: keras.Model, rules: dict, sizes: dict) -> dict[str, layouts.Axes]:
    """The path of each weight that trains, as optimizers write it, to the axes of its sides."""
    return {variable.path.replace("/", "_"): layouts.axes_of(
        variable.path, tuple(variable.shape), rules, sizes)
        for variable in model.trainable_variables}


def _axes_of_slot(path: str, axes: dict[str, layouts.Axes]) -> layouts.Axes:
    """What an optimizer keeps of a weight lies as the weight does."""
    name = path.rpartition("/")[2]
    return axes.get(name.rpartition("_")[0], ())


def _divided(mesh: typing.Any, array: typing.Any, axes: layouts.Axes) -> typing.Any:
    import jax

    return jax.ShapeDtypeStruct(array.shape, array.dtype,
                                sharding=jax.NamedSharding(mesh, jax.P(*axes)))


@contextlib.contextmanager
def told() -> collections.abc.Iterator[None]:
    """Turns what JAX cannot trace into `NotCompiled`, with the layer and the line of the code."""
    try:
        yield
    except Exception as error:
        cause = _of_jax(error)
        if cause is None:
            raise
        layer, line = _place(cause.__traceback__)
        raised = NotCompiled(explain(
            "the shapes of a step must not depend on values", layer=layer, line=line,
            jax=type(cause).__name__,
            fix="keep every position and mask it, with keras.ops.where(mask, x, 0.0)"))
        raised.place = f"layer {layer}, {line}"
        raise raised from error


def _of_jax(error: BaseException | None) -> BaseException | None:
    """The error of JAX's tracing that an error is or comes from; Keras wraps what it meets."""
    import jax.errors

    while error is not None and not isinstance(
            error, (jax.errors.JAXTypeError, jax.errors.JAXIndexError)):
        error = error.__cause__ or error.__context__
    return error


def _place(traceback: typing.Any) -> tuple[str, str]:
    """The innermost layer that was called when an error came, and its line."""
    layer, line = "none", ""
    while traceback is not None:
        frame, at = traceback.tb_frame, traceback.tb_lineno
        owner = frame.f_locals.get("self")
        if isinstance(owner, keras.layers.Layer) and frame.f_code.co_name == "call":
            layer, line = owner.path, f"{frame.f_code.co_filename}:{at}"
        traceback = traceback.tb_next
    return layer, line
