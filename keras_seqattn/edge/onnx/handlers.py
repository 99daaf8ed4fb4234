"""How tf2onnx writes the ops of TensorFlow that it does not know, or not well."""

import numpy as np

COMPLEX = 2     # parts of a complex number, which are the last axis of its tensor
REAL, INT64 = (1, 11), 7    # ONNX's numbers of float32 and float64, and of int64


def _erfc(graph, node, name, _):
    """Handles TensorFlow's Erfc for tf2onnx, which does not know it, by ONNX's Erf.

    TensorFlow's GELU is `x/2 · erfc(-x · c)` with `c = 1/√2`. ONNX Runtime computes a GELU at once
    where it finds `x/2 · (1 + erf(x / √2))`, so that is written. Any other `erfc(x)` becomes
    `1 - erf(x)`.
    """
    from tf2onnx.utils import make_name, map_onnx_to_numpy_type

    dtype = map_onnx_to_numpy_type(node.output_dtypes[0])
    replaced = {"outputs": node.output, "shapes": node.output_shapes, "dtypes": node.output_dtypes}
    scaled, (value,) = node.inputs[0], node.input

    def constant(number):
        return graph.make_const(make_name(name), np.array(number, dtype)).output[0]

    def erf(tensor):
        return graph.make_node("Erf", [tensor]).output[0]

    graph.remove_node(name)
    if (scaled.type == "Mul" and scaled.inputs[0].type == "Neg" and scaled.inputs[1].is_const()
            and np.ndim(scaled.inputs[1].get_tensor_value()) == 0):
        divisor = constant(1 / scaled.inputs[1].get_tensor_value())
        quotient = graph.make_node("Div", [scaled.inputs[0].input[0], divisor]).output[0]
        graph.make_node("Add", [erf(quotient), constant(1)], **replaced)
    else:
        graph.make_node("Sub", [constant(1), erf(value)], **replaced)


def _complex(graph, node, name, _):
    """Real and imaginary part side by side along a further axis: ONNX has no complex numbers."""
    parts = [_last_axis(graph, name, each) for each in node.input]
    _write(graph, node, name, "Concat", parts, axis=-1)


def _part(place):
    """The real or the imaginary part."""
    def handle(graph, node, name, _):
        chosen = _constant(graph, name, place)
        _write(graph, node, name, "Gather", [node.input[0], chosen], axis=-1)

    return handle


def _magnitude(graph, node, name, _):
    _write(graph, node, name, "ReduceL2", node.input[:1], axes=[-1], keepdims=0)


def _transform(num_axes, inverse=False):
    """A discrete Fourier transform of the last axes, one after the other."""
    def handle(graph, node, name, _):
        rank, value = len(node.output_shapes[0]), node.input[0]
        for axis in range(rank - num_axes, rank):
            value = graph.make_node(
                "DFT", [value], attr={"axis": axis, "inverse": int(inverse)}).output[0]
        _write(graph, node, name, "Identity", [value])

    return handle


def _real_transform(graph, node, name, _):
    """Of real numbers: the half of the transform that says all, over `fft_length` of them."""
    rank = len(node.output_shapes[0])
    length = graph.make_node("Cast", [node.input[1]], attr={"to": INT64}).output[0]
    length = graph.make_node("Squeeze", [length]).output[0]
    _write(graph, node, name, "DFT", [_last_axis(graph, name, node.input[0]), length],
           axis=rank - 1, onesided=1)


def _write(graph, node, name, kind, inputs, **options):
    """Puts another node in the place of a node."""
    inputs, outputs, shape = list(inputs), list(node.output), node.output_shapes[0]
    if node.output_dtypes[0] not in REAL:
        shape = [*shape, COMPLEX]
    graph.remove_node(name)
    graph.make_node(kind, inputs, attr=options, outputs=outputs, shapes=[shape], dtypes=[REAL[0]])


def _last_axis(graph, name, value):
    return graph.make_node("Unsqueeze", [value, _constant(graph, name, [-1])]).output[0]


def _constant(graph, name, number):
    from tf2onnx.utils import make_name

    return graph.make_const(make_name(name), np.array(number, "int64")).output[0]


HANDLERS: dict[str, tuple] = {
    "Erfc": (_erfc, []), "Complex": (_complex, []), "Real": (_part(0), []), "Imag": (_part(1), []),
    "ComplexAbs": (_magnitude, []), "FFT": (_transform(1), []), "FFT2D": (_transform(2), []),
    "IFFT": (_transform(1, inverse=True), []), "IFFT2D": (_transform(2, inverse=True), []),
    "RFFT": (_real_transform, []),
}
