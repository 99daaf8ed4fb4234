"""Arrays of a state that `torch.save` wrote: of tensors only, so that nothing is executed."""

import argparse
import functools
import pathlib
import typing

import numpy as np

from keras_seqattn.checkpoints.files.stored import Opened, Stored, damaged
from keras_seqattn.checkpoints.files.trees import OPTIMIZER, choose
from keras_seqattn.errors import explain

# Objects that trainings put beside the weights. They hold values and run nothing.
PLAIN = (argparse.Namespace, pathlib.PosixPath, pathlib.WindowsPath, pathlib.Path)


def open_pickled(path: pathlib.Path, weights: str | None = None) -> Opened:
    """Opens a file of PyTorch, such as `.pth`, `.pt`, `.bin` or `.ckpt`.

    Args:
        path: The file.
        weights: Name of the tree in a file that holds several, as for `trees.choose`.

    Returns:
        `Opened`.

    Raises:
        ValueError: the file is damaged, or it holds other objects than tensors and plain values.
            Or no tree in it can be meant.
        ImportError: torch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise ImportError(explain(
            "torch is needed to read PyTorch's own files", file=str(path),
            fix="pip install torch, or save the weights as safetensors")) from error
    try:
        with torch.serialization.safe_globals(list(PLAIN)):
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and struct raise whatever they meet
        raise _refused(path, error) from error
    trees = dict(_trees(state, torch.is_tensor))
    if not trees:
        raise ValueError(explain(
            "the file must hold a dictionary from keys to tensors", file=str(path),
            kind=type(state).__name__,
            **({"keys": [str(key) for key in state][:5]} if isinstance(state, dict) else {}),
            fix="save the module's state_dict()"))
    # The only tree is meant; what is asked for may be a part of it.
    name = next(iter(trees)) if len(trees) == 1 else choose(trees, weights)
    return Opened({key: stored(tensor) for key, tensor in trees[name].items()}, tree=name,
                  others=tuple(each for each in trees if each != name))


def stored(tensor: typing.Any) -> Stored:
    """Returns a tensor of PyTorch as an array, bfloat16 too."""
    return Stored(tensor.shape, functools.partial(_read, tensor))


def _read(tensor: typing.Any) -> np.ndarray:
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.is_floating_point() else tensor).contiguous().numpy()


def _trees(state: typing.Any, is_tensor: typing.Callable[[typing.Any], bool],
           name: str = "") -> typing.Iterator[tuple[str, dict]]:
    """Dictionaries from keys to tensors, by their place in the file, but for an optimiser's."""
    if not isinstance(state, dict) or not state or not all(
            isinstance(key, str) for key in state) or OPTIMIZER.match(f"{name}/"):
        return
    if all(map(is_tensor, state.values())):
        yield name, state
        return
    for key, value in state.items():
        yield from _trees(value, is_tensor, f"{name}/{key}" if name else key)


def _refused(path: pathlib.Path, cause: Exception) -> ValueError:
    """The error for a file that cannot be read, with the full names of the objects in it."""
    import torch

    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # the file is damaged, which the cause says
        names = []
    allowed = {f"{each.__module__}.{each.__name__}" for each in PLAIN}
    names = [name for name in names if name not in allowed]
    if not names:
        return damaged(path, "a state of tensors that torch.save wrote", cause)
    return ValueError(explain(
        "the file must hold tensors and plain values, as anything else is a program",
        file=str(path), objects=names, fix="save the module's state_dict() alone"))
