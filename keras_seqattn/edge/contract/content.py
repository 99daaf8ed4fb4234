"""What an output is: logits, probabilities, features … — found in the graph, or told by the user.

Whoever shows an answer must know. A second softmax makes a sure answer unsure, and one sigmoid
under a softmax is always sure.
"""

import collections.abc
import math
import typing

import numpy as np

from keras_seqattn.errors import explain, nearest

LOGITS, PROBABILITIES, INDEPENDENT = "logits", "probabilities", "independent probabilities"
FEATURES, INDICES, TOKENS, ATTENTION = "features", "indices", "tokens", "attention"
CLASSES = (LOGITS, PROBABILITIES, INDEPENDENT)
CONTENTS = (*CLASSES, FEATURES, INDICES, TOKENS, ATTENTION)

# Kinds of nodes and Keras' operations, by their names in lower case and without underscores.
MAKES = {"softmax": PROBABILITIES, "sigmoid": INDEPENDENT, "hardsigmoid": INDEPENDENT,
         "argmax": INDICES, "argmin": INDICES, "argsort": INDICES}
AFFINE = ("shift", "scale", "add", "subtract", "multiply", "divide")
PRODUCTS = ("dense", "einsumdense", "matmul", "einsum", "conv", "conv1d", "conv2d", "conv3d",
            "separableconv1d", "separableconv2d", "depthwiseconv1d", "depthwiseconv2d",
            "depthwise", "convtranspose", "conv1dtranspose", "conv2dtranspose", "conv3dtranspose")
REARRANGES = ("reshape", "flatten", "cast", "squeeze", "expanddims", "permute", "transpose",
              "identity", "dropout", "clip", "tokens")
PICKS = ("getitem", "slice", "first", "rest", "concatenate")
BLENDS = ("average", "maximum", "minimum")
CONCLUDES = (*MAKES, "topk", "greater", "greaterequal", "less", "lessequal")
LINEAR = "linear"   # what a product alone makes: no probabilities
NEAR_ONE = 1e-3     # a sum of probabilities in float16


class Found(typing.NamedTuple):
    """What a graph tells of one of its outputs.

    Attributes:
        content: One of `CONTENTS`, or `None` where the graph does not tell.
        linear: Whether a matrix product makes the output, so that it holds no probabilities.
        used: Whether the model goes on computing with the output.
    """

    content: str | None = None
    linear: bool = False
    used: bool = False


def find(graph: typing.Any) -> dict[str, Found]:
    """Reads in a graph what its outputs are.

    The node that makes an output is looked at through what only rearranges. A softmax gives
    probabilities, a sigmoid independent probabilities, `argmax` indices. What a softmax or an
    `argmax` reads is logits.

    Args:
        graph: `graph.Graph` of a model.

    Returns:
        `Found` by name of the output.
    """
    makers = {value: node for node in graph.nodes for value in node.outputs}
    readers: dict[int, list] = {}
    for node in graph.nodes:
        for value in node.inputs:
            readers.setdefault(value, []).append(node)
    found = {}
    for name, value in graph.outputs.items():
        content = _making(value, makers)
        concluded, used = _reading(value, readers)
        linear = content == LINEAR
        known = None if linear else content
        found[name] = Found(known or (LOGITS if concluded else None), linear, used)
    return found


def tell(told: str | collections.abc.Mapping[str, str] | None,
         names: collections.abc.Collection[str]) -> dict[str, str]:
    """Reads what the user says of the outputs.

    Args:
        told: One of `CONTENTS` for the only output, or a dictionary of them by name of the output.
        names: Names of the outputs.

    Returns:
        Content by name of the output.

    Raises:
        ValueError: an unknown name or content, or one content for several outputs.

    >>> tell("probabilities", ["scores"])
    {'scores': 'probabilities'}
    """
    if told is None:
        return {}
    if isinstance(told, str):
        if len(names) != 1:
            raise ValueError(explain(
                "`outputs` must be a dictionary where the model has several outputs",
                outputs=told, names=list(names)[:8], fix="pass {name: content}"))
        told = dict.fromkeys(names, told)
    if not isinstance(told, collections.abc.Mapping):
        raise ValueError(explain("`outputs` must be a dictionary or a text", outputs=told,
                                 fix=f"pass {{name: content}}, with {nearest('', CONTENTS)}"))
    for name, content in told.items():
        if name not in names:
            raise ValueError(explain("`outputs` must name outputs of the model", name=name,
                                     fix=nearest(name, names)))
        if content not in CONTENTS:
            raise ValueError(explain("`outputs` must say of an output what is known", name=name,
                                     content=content, fix=nearest(content, CONTENTS)))
    return dict(told)


def is_one_answer(shape: collections.abc.Sequence[int | None]) -> bool:
    """Whether a shape is that of one answer for each example, `(1, …, 1, K)`.

    >>> is_one_answer((None, 7)), is_one_answer((1, 1, 1, 7)), is_one_answer((1, 5, 7))
    (True, True, False)
    """
    return len(shape) > 1 and math.prod(size or 0 for size in shape[1:-1]) == 1


def is_real(details: collections.abc.Mapping[str, typing.Any]) -> bool:
    """Whether an output holds real numbers, be it as integers of a scale.

    >>> is_real({"dtype": "float32"}), is_real({"dtype": "int8", "quantization": (0.1, 3)})
    (True, True)
    """
    return np.dtype(details["dtype"]).kind == "f" or bool(details.get("quantization", (0.0, 0))[0])


def sums_to_one(values: np.ndarray) -> bool:
    """Whether values are those of a distribution over their last axis, of two classes at least.

    >>> sums_to_one(np.array([[0.25, 0.75]])), sums_to_one(np.array([[-1.0, 2.0]]))
    (True, False)
    """
    return values.shape[-1] > 1 and bool(
        (values >= 0).all() and (np.abs(values.sum(axis=-1) - 1) <= NEAR_ONE).all())


def _kind(node):
    """Name of what a node computes, before its activation."""
    call = node.settings.get("call")
    if call is not None:
        return _plain(type(call.operation).__name__)
    return _plain(node.settings.get("function", node.kind))


def _step(node):
    """Name of the last step of a node: of its activation if it has one, or of what it computes."""
    kind, call = _kind(node), node.settings.get("call")
    if kind != "activation" and kind not in PRODUCTS:
        return kind
    function = node.settings.get("activation") if call is None else getattr(
        call.operation, "activation", None)
    if function is None or (name := _plain(_name(function))) == LINEAR:
        return LINEAR if kind in PRODUCTS else "identity"
    return name


def _name(function):
    return function if isinstance(function, str) else getattr(
        function, "__name__", type(function).__name__)


def _plain(name):
    return name.lower().replace("_", "")


def _making(value, makers):
    """What the node that makes a value says of the value: a content, `LINEAR` or nothing."""
    node = makers.get(value)
    if node is None:
        return None
    step = _step(node)
    if step == LINEAR:
        return LINEAR
    if (blended := _blended(node, step, makers)) is not None:
        return blended
    if step in AFFINE:
        contents = {_making(each, makers) for each in node.inputs
                    if each not in makers or makers[each].kind != "constant"}
        return LINEAR if contents == {LINEAR} else None
    if step == "topk":
        return INDICES if value == node.outputs[1] else FEATURES
    if step in REARRANGES:
        return _making(node.inputs[0], makers)
    if step in PICKS or step in BLENDS:
        contents = {_making(each, makers) for each in node.inputs}
        if step in PICKS and contents <= {PROBABILITIES, INDEPENDENT}:
            return INDEPENDENT   # a part of a distribution, or several, is none
        return contents.pop() if len(contents) == 1 else None
    return MAKES.get(step)


def _blended(node, step, makers):
    """What a mean of values of one content is, or a hard sigmoid: both end in a factor."""
    fixed = [each for each in node.inputs if each in makers and makers[each].kind == "constant"]
    if step not in ("multiply", "divide") or len(fixed) != 1 or makers[fixed[0]].weights[
            "value"].size != 1:
        return None
    factor = float(makers[fixed[0]].weights["value"].reshape(()))
    share = 1 / factor if step == "multiply" else factor
    value, = (each for each in node.inputs if each not in fixed)
    if value in makers and _step(makers[value]) == "relu6":
        return INDEPENDENT if math.isclose(share, 6, rel_tol=NEAR_ONE) else None
    terms = list(_terms(value, makers))
    contents = {_making(each, makers) for each in terms}
    is_mean = len(terms) > 1 and math.isclose(share, len(terms), rel_tol=NEAR_ONE)
    return contents.pop() if is_mean and len(contents) == 1 else None


def _terms(value, makers):
    """The values that a value is the sum of."""
    node = makers.get(value)
    if node is None or _step(node) != "add" or len(node.inputs) != 2:
        return [value]
    return [term for each in node.inputs for term in _terms(each, makers)]


def _reading(value, readers):
    """Whether a conclusion is drawn from a value, and whether the value is used otherwise."""
    concluded, used = False, False
    for node in readers.get(value, ()):
        step = _step(node)
        if step in REARRANGES:
            further = [_reading(each, readers) for each in node.outputs]
            concluded |= any(each[0] for each in further)
            used |= any(each[1] for each in further)
        elif step in CONCLUDES and _kind(node) not in PRODUCTS:
            concluded = True
        else:
            used = True
    return concluded, used
