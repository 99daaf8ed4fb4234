"""The loops that write sequences, traced for the devices that serve them."""

import collections.abc
import typing

from keras_seqattn.errors import explain
from keras_seqattn.kernels.target import compiled_for
from keras_seqattn.models.generator import METHODS, Generator
from keras_seqattn.training.doctor import step

OPTIONS: dict[str, dict[str, int]] = {"greedy": {}, "beam": {"width": 4}, "sample": {}}


def trace(model: typing.Any, source: typing.Any, devices: collections.abc.Sequence, method: str
          ) -> typing.Any:
    """Traces the loop of `models.Generator.generate`. No token is written.

    Sources are spread over the devices, and the weights are on each of them.

    Args:
        model: `models.Generator` on JAX.
        source: Sources of all devices together: an array, or what has a shape and a dtype.
        devices: Devices that share the sources, as of `compiler.devices`.
        method: `"greedy"`, `"beam"`, which follows 4 beginnings, or `"sample"`.

    Returns:
        `jax.stages.Traced`.

    Raises:
        NotCompiled: a shape or a branch depends on values.
        ValueError: the model does not write.
    """
    import jax
    import keras

    if not isinstance(model, Generator):
        raise ValueError(explain("only a model that writes has a loop", model=model.name,
                                 fix="leave `serve` out, or pass a recipe of a translator or a "
                                     "captioner"))
    place, each, whole = step.placed(devices)
    variables = model.variables
    longest = model.longest(source)

    def write(values: list, source: typing.Any, numbers: typing.Any) -> tuple:
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            state = model.start(source)
            drawn = {"seed": numbers} if method == "sample" else {}
            return tuple(METHODS[method](
                model.step, model.first_tokens(state), state, end=model.end_token,
                max_length=longest, **OPTIONS[method], **drawn))

    numbers = jax.ShapeDtypeStruct((source.shape[0], longest), "float32")
    with compiled_for("tpu", place, step.BATCH), step.told():
        return jax.jit(write).trace([whole(variable.value) for variable in variables],
                                    each(source), each(numbers))
