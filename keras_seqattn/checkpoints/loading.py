"""Any checkpoint as a model: its format is known by its keys."""

import dataclasses
import importlib
import pathlib
import re
import warnings

from keras_seqattn.checkpoints.files.config import class_names, read_config
from keras_seqattn.checkpoints.saving import METADATA, load_saved
from keras_seqattn.checkpoints.weights.filling import Filling
from keras_seqattn.checkpoints.weights.state import State
from keras_seqattn.errors import explain, nearest
from keras_seqattn.models.download import cached, is_url


@dataclasses.dataclass(frozen=True)
class Source:
    """A format of checkpoints.

    Attributes:
        keys: Patterns that each match some key of such a file.
        loader: Module in this folder and its function of a `State`.
        reads: What the loader takes from the configuration: `"config"` as a whole, or entries.
        takes: Arguments of `load` that it heeds.
    """

    keys: tuple
    loader: tuple
    reads: tuple = ()
    takes: tuple = ()


_GRID = ("image_shape", "interpolation")
# In the order in which they are tried.
SOURCES = {
    "google": Source(
        (r"embedding/kernel", r"Transformer/encoderblock_0/LayerNorm_2/scale"),
        ("google", "google"), ("image_size",), _GRID),
    "big_vision": Source(
        (r"(.*/)?Transformer/encoderblock(_0)?/LayerNorm_1/scale", r"(.*/)?embedding/kernel"),
        ("big_vision", "big_vision"), ("image_size",), _GRID),
    "huggingface-encoder-decoder": Source(
        (r"encoder\.encoder\.layer\.0\..*", r"decoder\.transformer\.h\.0\.crossattention\..*"),
        ("huggingface", "vision_encoder_decoder")),
    "huggingface": Source(
        (r"(\w+\.)?encoder\.layer\.0\.attention\.attention\.query\.weight",
         r"(\w+\.)?embeddings\.cls_token"),
        ("huggingface_vit", "huggingface_vit"), ("config",), (*_GRID, "num_heads")),
    "imagegpt": Source(
        (r"transformer\.wte\.weight", r"transformer\.h\.0\.attn\.c_attn\.weight",
         r"lm_head\.weight"), ("image_gpt", "image_gpt"), ("config",)),
    "timm": Source(
        (r"patch_embed\.proj\.weight", r"blocks\.0\.attn\.qkv\.weight"),
        ("timm", "timm"), ("config",), (*_GRID, "num_heads")),
    "torchvision": Source(
        (r"conv_proj\.weight", r"encoder\.layers\.encoder_layer_0\.ln_1\.weight"),
        ("torchvision", "torchvision"), ("image_size",), (*_GRID, "num_heads")),
    "bit": Source(
        (r"resnet/root_block/standardized_conv2d/kernel",), ("bit", "bit"),
        ("image_size", "num_groups"), ("image_shape", "num_groups")),
    "openai": Source(
        (r"blocks\.input\.w", r"blocks\.group_1\.block_1\..*"), ("openai", "dvae")),
}
SAVED = "keras_seqattn"


def load(path, source="auto", *, image_shape=None, num_heads=None, num_groups=None,
         interpolation=None, sha256=None):
    """Loads a checkpoint of another project, or what `save` wrote, as a model of this library.

    Arrays that have no place in the model, and such as are usual and missing, are named in a
    warning; `load_with_report` returns them.

    Args:
        path: A `.npz` or `.safetensors` file, a state that PyTorch saved (`.pth`, `.pt`, `.bin`;
            needs torch, which reads tensors only), a folder with one of them, or the `http(s)` URL
            of a file. A `config.json` beside the file is read for what no array tells.
        source: Name of the format, a key of `SOURCES`. Known by the keys unless told.
        image_shape: `(height, width, channels)` of the images that a ViT is to take: learned
            positions are resized to it. `None` for height and width lets it take any. Needed where
            positions are fixed waves; where the table of positions is of no square grid, and no
            configuration says so, it is the shape that the table was made for. A BiT, of which no
            array depends on it, takes images of any size unless told.
        num_heads: Number of heads `N`, where neither an array nor the configuration tells it:
            PyTorch's files of widths that are not published.
        num_groups: Of a BiT, the number of groups of its norms.
        interpolation: How positions are resized, as in `layers.grid.resize_grid`. Defaults to
            what the project does.
        sha256: Of a URL, the expected hash of the file, 64 hexadecimal digits. Without it the file
            is downloaded anew each time, and only as trustworthy as its server.

    Returns:
        `keras.Model`.

    Raises:
        ValueError: there is no such file, or it is damaged; its format is not known; a part of it
            is not built here; an array is missing or of another shape; the format does not heed an
            argument.
        ConnectionError: the download was cut.
        ImportError: what reads the file is not installed.
    """
    model, report = load_with_report(
        path, source, image_shape=image_shape, num_heads=num_heads, num_groups=num_groups,
        interpolation=interpolation, sha256=sha256)
    told = [f"{len(keys)} {what}: {', '.join(keys[:5])}{', …' if len(keys) > 5 else ''}"
            for what, keys in (("arrays without a place", report.unused),
                               ("usual arrays missing", report.missing)) if keys]
    if told:
        warnings.warn(f"{path}: {'; '.join(told)}", stacklevel=2)
    return model


def load_with_report(path, source="auto", *, image_shape=None, num_heads=None, num_groups=None,
                     interpolation=None, sha256=None):
    """Loads as `load` does, without its warning.

    Args:
        path: As for `load`.
        source: As for `load`.
        image_shape: As for `load`.
        num_heads: As for `load`.
        num_groups: As for `load`.
        interpolation: As for `load`.
        sha256: As for `load`.

    Returns:
        `keras.Model` and `Report`.

    Raises:
        ValueError: as for `load`.
        ConnectionError: as for `load`.
        ImportError: as for `load`.
    """
    given = {"image_shape": image_shape, "num_heads": num_heads, "num_groups": num_groups,
             "interpolation": interpolation}
    given = {name: value for name, value in given.items() if value is not None}
    if is_url(path):
        path = cached(path, sha256)
    path = pathlib.Path(path)
    state = State(path) if not _is_dvae(path) else State({})
    if source == "auto":
        source = "openai" if _is_dvae(path) else recognise(state)
    if source not in (*SOURCES, SAVED):
        raise ValueError(explain("`source` is not known", source=source,
                                 fix=nearest(source, (*SOURCES, SAVED))))
    takes = SOURCES[source].takes if source in SOURCES else ()
    foreign = {name: value for name, value in given.items() if name not in takes}
    if foreign:
        raise ValueError(explain(f"a checkpoint of {source} does not heed these arguments",
                                 **foreign, fix="leave them out"))
    with state.ahead(), Filling():
        if source == SAVED:
            return load_saved(state), state.report(source)
        return _load(path, state, source, given)


def recognise(state):
    """The format of a checkpoint.

    Args:
        state: `State` of its arrays.

    Returns:
        Name, a key of `SOURCES` or `SAVED`.

    Raises:
        ValueError: it is of none of them.
    """
    if METADATA in state.metadata:
        return SAVED
    keys = list(state)
    for name, source in SOURCES.items():
        if all(any(re.fullmatch(pattern, key) for key in keys) for pattern in source.keys):
            return name
    raise ValueError(explain(
        "the format of the checkpoint must be known by its keys", keys=sorted(keys)[:5],
        number_of_arrays=len(keys), looked_for={
            name: " and ".join(source.keys) for name, source in SOURCES.items()},
        fix="pass a checkpoint of these projects; for modules of PyTorch see checkpoints.torch"))


def _load(path, state, source, given):
    beside = (path if path.is_dir() else path.parent) / "config.json"
    config = read_config(beside) if beside.is_file() else {}
    module, function = SOURCES[source].loader
    family = importlib.import_module(f"keras_seqattn.checkpoints.families.{module}")
    loader = getattr(family, function)
    if source == "huggingface-encoder-decoder":
        model = loader(path if path.is_dir() else path.parent, state)
    elif path.is_dir() and source == "openai":
        model = loader(path)
    else:
        hints = {name: config if name == "config" else config.get(name)
                 for name in SOURCES[source].reads}
        hints = {name: value for name, value in hints.items() if value is not None}
        model = loader(state, **{**hints, **given})
    return model, state.report(source, class_names(config))


def _is_dvae(path):
    """Whether a folder has both halves of OpenAI's dVAE, each in a file of its own."""
    return all((path / f"{half}.safetensors").is_file() for half in ("encoder", "decoder"))
