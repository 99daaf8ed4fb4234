"""TensorFlow's step for compilers outside of TensorFlow: variables go in and come out.

The step is the compiled model's own, with its optimizer, clipping, averages and metrics. XLA makes
parameters of the variables that it reads, and results of those that it assigns, which lie in the
same place. So no part of the model is replaced, and the memory is that of training.
"""

import typing

import keras

from keras_seqattn.errors import explain
from keras_seqattn.kernels.target import compiled_for
from keras_seqattn.training.doctor import loans


def hlo(model: keras.Model, batch: tuple, training: bool = True) -> bytes:
    """Returns one step of a model as a module of XLA, made for a TPU.

    TensorFlow lowers it with its kernels for CPUs. Those for TPUs differ in two things that are
    known. A CPU computes random numbers op by op, and a TPU has an instruction, which this step has
    too. `ResizeBilinear` is an instruction of TPUs as well, and here it is products.

    Args:
        model: `keras.Model`, compiled and built, optimizer included.
        batch: Inputs, targets and weights as arrays, for one replica.
        training: Whether it is the training step, else the validation step.

    Returns:
        A serialised `HloModuleProto`. It takes the arrays of the batch, then every variable that
        the step reads. It returns the step's scores, then every variable that it assigns. Each of
        those is an alias of its parameter.

    Raises:
        ValueError: XLA refuses the step. `refused` names the op and its layer.
        ValueError: this is `tensorflow-tpu`, which lowers for no CPU.
        LoanError: this TensorFlow lacks what is borrowed.
    """
    import tensorflow as tf

    if loans.tpu_kernels():
        raise ValueError(explain(
            "a step is lifted by a TensorFlow for CPUs", tensorflow="tensorflow-tpu",
            fix="install tensorflow-cpu, jax and libtpu in an environment of their own"))
    step = tf.function(model.train_step if training else model.test_step, jit_compile=True,
                       autograph=False)
    batch = keras.tree.map_structure(tf.convert_to_tensor, tuple(batch))
    with compiled_for("tpu"), loans.threefry():
        lowered = step.experimental_get_compiler_ir(batch)(stage="hlo_serialized")
    return _for_a_tpu(loans.hlo_module(lowered)).SerializeToString()


def _for_a_tpu(module: typing.Any) -> typing.Any:
    """Gives a module a TPU's own random numbers, and no op that StableHLO lacks.

    StableHLO has no copy. XLA makes one wherever a variable is assigned.
    """
    for computation in module.computations:
        for instruction in computation.instructions:
            if instruction.opcode == "copy":
                instruction.opcode = "reshape"  # to the shape that it has
            if instruction.opcode == "rng-bit-generator":
                instruction.rng_algorithm = 0   # RNG_DEFAULT
    return module
