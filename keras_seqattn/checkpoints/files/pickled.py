"""Arrays of a state that `torch.save` wrote: of tensors only, so that nothing is executed."""

import functools
import pathlib
import typing

import numpy as np

from keras_seqattn.checkpoints.files.stored import Opened, Stored, damaged
from keras_seqattn.errors import explain


def open_pickled(path: pathlib.Path) -> Opened:
    """Opens a `.pth`, `.pt` or `.bin` file.

    Args:
        path: The file.

    Returns:
        Dictionary from keys to arrays, and an empty one.

    Raises:
        ValueError: the file is damaged, or it holds something else than tensors by key.
        ImportError: torch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise ImportError(explain(
            "torch is needed to read PyTorch's own files", file=str(path),
            fix="pip install torch, or save the weights as safetensors")) from error
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and struct raise whatever they meet
        raise damaged(path, "a state of tensors that torch.save wrote", error) from error
    for wrapper in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(wrapper), dict):
            state = state[wrapper]
    if not isinstance(state, dict) or not all(map(torch.is_tensor, state.values())):
        raise ValueError(explain(
            "the file must hold a dictionary from keys to tensors", file=str(path),
            kind=type(state).__name__, fix="save the module's state_dict()"))
    return {key.removeprefix("module."): Stored(tensor.shape, functools.partial(_read, tensor))
            for key, tensor in state.items()}, {}


def _read(tensor: typing.Any) -> np.ndarray:
    tensor = tensor.detach()
    return (tensor.float() if tensor.is_floating_point() else tensor).contiguous().numpy()
