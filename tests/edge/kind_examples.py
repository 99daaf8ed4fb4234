"""Examples of every kind of node: what it reads, its weights, its settings. Floats are float64."""

import numpy as np

from keras_seqattn.edge.graph.graph import Graph

B, T, D, E = 2, 7, 6, 5
RNG = np.random.default_rng(3)


def drawn(*shape):
    return RNG.normal(size=shape)


def tokens(features=D):
    return drawn(B, T, features)


def image():
    return drawn(B, 5, 3, D)


def whole(*shape):
    return RNG.integers(-9, 9, shape).astype("int32")


def positive(*shape):
    return 0.2 + np.abs(drawn(*shape))


def _fading():
    """The step of a loop: half of what is held, and what is read."""
    graph = Graph()
    graph.inputs = {"0": graph.new_value(), "1": graph.new_value()}
    half = graph.add("constant", "half", [], {"value": np.float32(0.5)})
    faded = graph.add("binary", "fade", [graph.inputs["1"], half], function="multiply",
                      aligned=False)
    made = graph.add("binary", "sum", [faded, graph.inputs["0"]], function="add", aligned=True)
    graph.outputs = {"0": made, "1": made}
    return graph


def _doubling():
    """A loop that doubles a number until it is above 50."""
    condition, once = Graph(), Graph()
    for graph in (condition, once):
        graph.inputs = {"0": graph.new_value()}
    limit = condition.add("constant", "limit", [], {"value": np.float32(50)})
    condition.outputs = {"0": condition.add(
        "binary", "below", [condition.inputs["0"], limit], function="less", aligned=True)}
    once.outputs = {"0": once.add("binary", "double", [once.inputs["0"]] * 2, function="add",
                                  aligned=True)}
    return {"condition": condition, "once": once, "num_loop": 1}


ATTENTION = {"num_heads": 3, "num_kv_heads": 3, "scale": 0.7, "causal": False, "window": None,
             "with_scores": False}
GROUPS = {"num_groups": 2, "epsilon": 1e-3}
SIDES = ((0, 0), (1, 2), (0, 3))
UNARY = ("absolute", "exp", "square", "negative", "sin", "cos", "tanh", "floor", "ceil", "round",
         "sign", "relu", "relu6", "sigmoid", "elu", "hard_silu")
BINARY = ("add", "subtract", "multiply", "divide", "maximum", "minimum", "floor_divide", "mod",
          "arctan2", "equal", "not_equal", "greater", "greater_equal", "less", "less_equal")
EXAMPLES = {
    "dense": [([tokens()], {"kernel": drawn(D, E), "bias": drawn(E)}, {})],
    "norm": [([tokens()], {"scale": drawn(D), "offset": drawn(D)}, {"centred": centred})
             for centred in (False, True)],
    "attention": [([tokens(), tokens(), tokens()], {}, {**ATTENTION, **change})
                  for change in ({}, {"causal": True}, {"window": 2})],
    "received": [([drawn(B, 2, 7, 7) ** 2], {},
                  {"grid": (2, 3), "num_prefix": 1, "has_token": has_token})
                 for has_token in (True, False)],
    "add": [([tokens(), tokens()], {}, {})],
    "shift": [([tokens()], {"table": drawn(1, T, D)}, {})],
    "prepend": [([tokens()], {"token": drawn(1, 2, D)}, {})],
    "first": [([tokens()], {}, {"count": 3})],
    "rest": [([tokens()], {}, {"count": 2})],
    "mean": [([tokens()], {}, {}), ([image()], {}, {"axis": (1, 2)})],
    "flatten": [([drawn(B, 1, D)], {}, {})],
    "scale": [([tokens()], {"factor": np.float64(0.3), "offset": np.float64(0.7)}, {})],
    "conv": [([image()], {"kernel": drawn(3, 1, D, E), "bias": drawn(E)}, {"padding": "same"})],
    "group_norm": [([image()], {"scale": drawn(D), "offset": drawn(D)}, GROUPS)],
    "max_pool": [([image()], {}, {"size": (2, 3), "strides": (1, 2), "padding": "same"})],
    "repeat": [([image()], {}, {"rows": 2, "columns": 3})],
    "tokens": [([image()], {}, {"grid": (5, 3)})],
    "pad": [([tokens()], {}, {"sides": SIDES}), ([tokens()], {}, {"sides": SIDES, "value": 1.5}),
            ([tokens()], {}, {"sides": SIDES, "mode": "reflect"}),
            ([whole(B, T, D)], {}, {"sides": SIDES})],
    "constant": [([], {"value": drawn(T, D)}, {}), ([], {"value": whole(T)}, {})],
    "unary": [*(([tokens()], {}, {"function": each}) for each in UNARY),
              *(([positive(B, T)], {}, {"function": each}) for each in ("log", "sqrt", "rsqrt")),
              *(([whole(B, T)], {}, {"function": each})
                for each in ("absolute", "negative", "sign", "square", "relu")),
              ([tokens()], {}, {"function": "gelu", "approximate": False}),
              ([tokens()], {}, {"function": "gelu", "approximate": True}),
              ([tokens()], {}, {"function": "leaky_relu", "negative_slope": 0.3}),
              ([drawn(B, T) > 0], {}, {"function": "logical_not"})],
    "binary": [*(([tokens(), tokens()], {}, {"function": each, "aligned": True})
                 for each in BINARY),
               ([positive(B, T), drawn(B, T)], {}, {"function": "power", "aligned": True}),
               ([drawn(B, T, 1, D), drawn(E, 1)], {}, {"function": "add", "aligned": False}),
               ([drawn(B, 1, T, 1, D), drawn(E, 1, 3, 1)], {}, {"function": "multiply",
                                                                 "aligned": False}),
               ([whole(B, T), np.asarray([[3], [-3]], "int32")], {}, {"function": "floor_divide",
                                                                      "aligned": False}),
               *(([drawn(B, T) > 0, drawn(B, T) > 0], {}, {"function": each, "aligned": True})
                 for each in ("logical_and", "logical_or"))],
    "where": [([drawn(B, T, 1) > 0, tokens(), drawn(D)], {}, {}),
              ([drawn(B, 1, T, 1, 1) > 0, drawn(B, E, 1, 3, D), drawn(T, 3, 1)], {}, {})],
    "cast": [([drawn(B, T) * 9], {}, {"dtype": each}) for each in ("int32", "int64", "bool")] + [
        ([whole(B, T)], {}, {"dtype": each}) for each in ("float32", "int64", "uint8", "int8")],
    "prelu": [([tokens()], {"slope": drawn(D)}, {}), ([tokens()], {"slope": drawn(T, 1)}, {})],
    "softmax": [([tokens()], {}, {"axis": -1}), ([drawn(B, 2, 3, T, D)], {}, {"axis": -1})],
    "log_softmax": [([tokens()], {}, {"axis": -1}), ([drawn(B, 2, 3, T, D)], {}, {"axis": -1})],
    "reduce": [*(([tokens()], {}, {"function": each, "axis": axis, "keepdims": keep})
                 for each in ("sum", "mean", "max", "min", "prod")
                 for axis, keep in (((1,), False), ((1, 2), True), ((0, 2), False))),
               *(([drawn(B, T, D) > 0], {}, {"function": each, "axis": (1,), "keepdims": False})
                 for each in ("any", "all")),
               ([drawn(B, 2, 3, T, D)], {}, {"function": "mean", "axis": (1, 3),
                                             "keepdims": True}),
               ([whole(B, T)], {}, {"function": "sum", "axis": (1,), "keepdims": False})],
    "index_of": [([whole(B, T, D).astype("float64")], {}, {"function": each, "axis": axis})
                 for each in ("argmax", "argmin") for axis in (0, 1, 2)],
    "top_k": [([whole(B, T, D).astype("float64")], {}, {"k": 3}), ([whole(B, T)], {}, {"k": 5})],
    "cumsum": [([tokens()], {}, {"axis": 1}), ([whole(B, T)], {}, {"axis": 1})],
    "matmul": [([drawn(B, T, D), drawn(B, D, E)], {}, {}),
               ([drawn(B, T, D), drawn(1, D, E)], {}, {}),
               ([drawn(B, 2, 3, T, D), drawn(B, 2, 3, D, E)], {}, {}),
               ([drawn(B, 1, 3, T, D), drawn(1, 2, 3, D, E)], {}, {})],
    "reshape": [([tokens()], {}, {"shape": (T, B * D)})],
    "transpose": [([tokens()], {}, {"axes": [2, 0, 1]}),
                  ([drawn(2, 3, 2, 3, 2, 5)], {}, {"axes": [0, 1, 3, 2, 4, 5]}),
                  ([drawn(2, 3, 2, 3, 2, 5)], {}, {"axes": [5, 3, 1, 4, 2, 0]})],
    "concatenate": [([tokens(), tokens(3)], {}, {"axis": 2}),
                    ([whole(B, T), whole(3, T)], {}, {"axis": 0})],
    "slice": [([tokens()], {}, {"starts": [0, 2, 1], "sizes": [2, 3, 2], "strides": [1, 1, 1]}),
              ([tokens()], {}, {"starts": [0, 0, 1], "sizes": [1, 3, 2], "strides": [1, 2, 3]}),
              ([drawn(2, 3, 2, 5, 3, 2)], {}, {"starts": [0, 1, 0, 2, 0, 0],
                                               "sizes": [2, 2, 2, 3, 3, 1], "strides": [1] * 6})],
    "broadcast": [([drawn(B, 1, D)], {}, {"shape": (3, B, T, D)}),
                  ([whole(1, D)], {}, {"shape": (T, D)})],
    "tile": [([tokens()], {}, {"repeats": [1, 2, 3]})],
    "take": [([tokens(), whole(3) % T], {}, {"axis": 1}), ([tokens(), whole(2, 3) % D], {},
                                                           {"axis": 2})],
    "lookup": [([whole(B, T) % E], {"table": drawn(E, D)}, {})],
    "one_hot": [([whole(B, T)], {}, {"num_classes": 5, "axis": axis, "dtype": dtype})
                for axis in (0, 1, 2) for dtype in ("float32", "int32")],
    "flip": [([tokens()], {}, {"axis": axis}) for axis in (0, 1, 2)],
    "resize": [([image()], {}, {"size": (7, 2), "interpolation": each})
               for each in ("bilinear", "nearest")],
    "average_pool": [([image()], {}, {"size": (2, 3), "strides": (1, 2), "padding": each})
                     for each in ("same", "valid")],
    "depthwise": [([image()], {"kernel": drawn(3, 2, D, 2)}, {
        "strides": strides, "padding": padding, "dilation": dilation})
        for strides, padding, dilation in (((1, 1), "same", (1, 1)), ((2, 2), "valid", (1, 1)),
                                           ((1, 1), "same", (2, 1)))],
    "conv_transpose": [([image()], {"kernel": drawn(3, 2, E, D)}, {
        "strides": (2, 3), "padding": padding, "output_padding": more})
        for padding, more in (("valid", None), ("same", None), ("same", (1, 1)),
                              ("valid", (0, 2)))],
    "lstm": [([drawn(1, T, D)], {"kernel": drawn(D, 4 * E), "recurrent_kernel": drawn(E, 4 * E),
                                 "bias": drawn(4 * E)}, {})],
    "scan": [([drawn(1, T, D), drawn(1, D)], {}, {"step": _fading(), "num_sequences": 1,
                                                  "num_states": 1})],
    "while": [([np.float64(3)], {}, _doubling())],
    "update": [([tokens(), drawn(1, 2, 3), *np.asarray([1, 4, 2], "int32")], {}, {})],
}


def num_outputs(kind, settings):
    """How many values a node makes."""
    return {"top_k": 2, "scan": 2}.get(kind, 1)
