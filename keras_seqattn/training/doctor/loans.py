"""Private parts of TensorFlow that the doctor borrows, one function each.

Each refuses where this TensorFlow lacks what it borrows, and names the loan.
"""

import typing

from keras_seqattn.errors import LoanError, explain


def xla_kernels() -> set[str]:
    """Returns the kinds of ops that TensorFlow compiles with XLA for the CPU.

    Raises:
        LoanError: this TensorFlow has no such list.
    """
    try:
        from tensorflow.python.util import pywrap_xla_ops

        return set(pywrap_xla_ops.get_cpu_kernel_names())
    except (ImportError, AttributeError):
        raise _missing("pywrap_xla_ops.get_cpu_kernel_names") from None


def functions_of(graph: typing.Any) -> list[typing.Any]:
    """Returns the functions that loops and branches in a `tf.Graph` call.

    Raises:
        LoanError: graphs of this TensorFlow do not tell.
    """
    try:
        return list(graph._functions.values())
    except AttributeError:
        raise _missing("Graph._functions") from None


def _missing(name: str) -> LoanError:
    import tensorflow as tf

    return LoanError(explain(
        "the doctor borrows a private part of TensorFlow, and this version lacks it", loan=name,
        tensorflow=tf.__version__,
        fix="install a version of TensorFlow that keras_seqattn was tested with"))
