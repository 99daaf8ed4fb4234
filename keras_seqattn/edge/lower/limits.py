"""What no file can hold: texts, states that are kept, weights that are no numbers."""

import keras
import numpy as np

from keras_seqattn import borrowed
from keras_seqattn.edge.lower.elementwise import FLOATS
from keras_seqattn.errors import explain


def check_layers(model: keras.Model) -> None:
    """Refuses layers that no file can hold, by their names.

    Args:
        model: The model.

    Raises:
        ValueError: an input is text. A layer was quantised by Keras or keeps a state between calls.
    """
    texts = [tensor for tensor in model.inputs if tensor.dtype == "string"]
    if texts:
        raise ValueError(explain(
            "a file takes numbers, not texts", inputs=[tensor.name for tensor in texts],
            **_behind_texts(model, texts)))
    for layer in borrowed.all_layers(model):
        if getattr(layer, "quantization_mode", None):
            raise ValueError(explain(
                "the model must not be quantised yet: export quantises it", layer=layer.name,
                mode=layer.quantization_mode,
                fix="export the float model from before model.quantize(), in a precision of "
                    "edge.export"))
        if getattr(layer, "stateful", False):
            raise ValueError(explain(
                "a file keeps no state from one run to the next", layer=layer.name,
                fix="build the layer with stateful=False; models.streaming makes the state an "
                    "input and an output"))


def check_weights(model: keras.Model) -> None:
    """Refuses weights that are no numbers, which a training that failed leaves.

    Raises:
        ValueError: a weight is NaN.
    """
    lost = [each.path for each in model.weights if each.dtype in FLOATS and np.isnan(
        keras.ops.convert_to_numpy(each)).any()]
    if lost:
        raise ValueError(explain("the weights must be numbers", is_nan=lost[:5], count=len(lost),
                                 fix="load a state from before the training failed"))


def _behind_texts(model, texts):
    """The layers that read texts, and the line of code that makes a model without them."""
    inner = borrowed.functional(model) or model
    readers = [layer for layer in inner.layers if not isinstance(layer, keras.layers.InputLayer)
               and any(tensor is text for tensor in keras.tree.flatten(layer.input)
                       for text in texts)]
    if not readers or any(isinstance(layer, keras.Model) for layer in readers):
        return {"layers": [layer.name for layer in readers],
                "fix": "build the model without its layers of texts, and tokenize before it"}
    behind = [f"model.get_layer({layer.name!r}).output" for layer in readers]
    behind += [f"model.inputs[{place}]" for place, tensor in enumerate(model.inputs)
               if tensor.dtype != "string"]
    given = behind[0] if len(behind) == 1 else f"[{', '.join(behind)}]"
    return {"layers": [layer.name for layer in readers],
            "fix": f"export keras.Model({given}, model.outputs), and tokenize before it"}
