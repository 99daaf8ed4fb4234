"""Pairs of sentences: from a file to splits, to ids and to batches for `model.fit`."""

import dataclasses
import hashlib
import io
import math
import pathlib
import re
import warnings
import zipfile
from collections.abc import Iterable, Sequence

import numpy as np

from keras_seqattn.data import text
from keras_seqattn.data.batches import Epochs
from keras_seqattn.data.folders import hidden
from keras_seqattn.data.tokenizer import PAD, Tokenizer
from keras_seqattn.errors import check_count, explain, nearest

SPLITS = {"train": (0, 90), "validation": (90, 95), "test": (95, 100)}  # in hundredths


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Sentences and their translations.

    Attributes:
        sources: Source sentences. One stands once for each of its translations.
        targets: The translation of each.
        skipped: Number of lines that were left out.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    skipped: int = 0

    def __len__(self) -> int:
        return len(self.sources)

    def references(self) -> dict[str, list[str]]:
        """Returns all translations of each distinct source, in the order of the file."""
        grouped: dict[str, list[str]] = {}
        for source, target in zip(self.sources, self.targets, strict=True):
            grouped.setdefault(source, []).append(target)
        return grouped


def load(source: str, split: str = "train", skip_bad: bool = False) -> Pairs:
    """Loads one split of a file of pairs.

    The SHA-1 of a source sentence says its split. Of a hundred, 90 are for training, 5 for
    validation and 5 for testing. So no source sentence of one split stands in another, whatever is
    added to the file.

    Args:
        source: `pairs:FILE`, or `cmudict:FILE` for the CMU dictionary of letters and phonemes. A
            file of pairs has lines of a source, a tab and a target. What follows another tab is
            not read. A ZIP with one such file serves too.
        split: `"train"`, `"validation"` or `"test"`.
        skip_bad: Whether to leave out lines without a source or a target, and count them.

    Returns:
        `Pairs`.

    Raises:
        ValueError: the scheme or the split is not known.
        ValueError: the file is unreadable.
        ValueError: a line has no source or no target, unless `skip_bad`.
        ValueError: the split is empty.
    """
    scheme, _, name = str(source).partition(":")
    if scheme not in _SCHEMES or not name:
        raise ValueError(explain("`source` must be SCHEME:NAME with a known scheme",
                                 source=str(source), fix=nearest(scheme, _SCHEMES)))
    if split not in SPLITS:
        raise ValueError(explain("`split` is not known", split=split, fix=nearest(split, SPLITS)))
    lines = [line for line in text.lines(_read(name)) if line.strip()]
    pairs = [_SCHEMES[scheme](line) for line in lines]
    bad = [number for number, pair in enumerate(pairs, 1) if pair is None]
    if bad and not skip_bad:
        raise ValueError(explain("every line must hold a source and a target", file=name,
                                 lines=bad[:20], count=len(bad),
                                 fix="mend them, or pass skip_bad (--skip-bad)"))
    first, last = SPLITS[split]
    chosen = [pair for pair in pairs if pair is not None and first <= hundredth(pair[0]) < last]
    if not chosen:
        raise ValueError(explain("the split must hold a pair", source=str(source), split=split,
                                 fix="pass another source or split"))
    sources, targets = zip(*chosen, strict=True)
    return Pairs(sources, targets, len(bad))


def _read(name):
    path = pathlib.Path(name)
    try:
        data = path.read_bytes()
        if zipfile.is_zipfile(io.BytesIO(data)):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                members = [each for each in archive.namelist() if not each.endswith("/")
                           and not each.rpartition("/")[2].startswith("_")
                           and not any(map(hidden, each.split("/")))]
                if len(members) != 1:
                    raise ValueError(explain("the ZIP must hold one file of pairs", file=name,
                                             members=members, fix="unpack it and name the file"))
                data = archive.read(members[0])
        return text.decode(data)
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(explain("the file of pairs must be readable UTF-8", file=name,
                                 error=str(error), fix="pass another file")) from error


def _pair(line):
    source, _, rest = line.partition("\t")
    target = rest.partition("\t")[0]
    return (source.strip(), target.strip()) if source.strip() and target.strip() else None


def _entry(line):
    """Turns `tomato(2) T AH0 M AA1 T OW2 # note` into `t o m a t o` and the phonemes."""
    word, *phonemes = line.partition("#")[0].split()
    return (" ".join(re.sub(r"\(\d+\)$", "", word)), " ".join(phonemes)) if phonemes else None


def hundredth(key: str) -> int:
    """Draws a number from 0 to 99 that follows from a text alone, by its SHA-1."""
    return int.from_bytes(hashlib.sha1(key.encode(), usedforsecurity=False).digest(), "big") % 100


_SCHEMES = {"pairs": _pair, "cmudict": _entry}


def encode(texts: Iterable[str], tokenizer: Tokenizer, max_length: int,
           start: bool = False) -> list[np.ndarray]:
    """Returns the ids of texts, the end token behind each.

    They are cut to `max_length`, with one warning for all.

    Args:
        texts: Iterable of texts.
        tokenizer: `tokenizer.Tokenizer`.
        max_length: Longest sequence in tokens, start and end included.
        start: Whether the start token stands before each.

    Returns:
        List of int32 arrays.
    """
    check_count(max_length=max_length)
    made = [tokenizer.sequence(each, max_length, start) for each in texts]
    cut = [dropped for _, dropped in made if dropped]
    if cut:
        warnings.warn(f"{len(cut)} of {len(made)} texts were cut to {max_length} tokens, "
                      f"{sum(cut)} tokens in all", stacklevel=2)
    return [np.array(ids, "int32") for ids, _ in made]


def pad(sequences: Sequence[Sequence[int] | np.ndarray], length: int | None = None) -> np.ndarray:
    """Stacks sequences to int32 `(B, length)`, with 0 behind each.

    Args:
        sequences: Sequences of ids, `B` of them.
        length: Length of all. Defaults to that of the longest.
    """
    length = max(map(len, sequences)) if length is None else length
    stacked = np.full((len(sequences), length), PAD, "int32")
    for row, sequence in zip(stacked, sequences, strict=True):
        row[:len(sequence)] = sequence
    return stacked


class PairBatches(Epochs):
    """Batches of pairs of about equal length, as a pure function of seed and step.

    Each batch is a triple, with `b = batch_size / shares`:

    - inputs, `{"source": int32 (b, S), "tokens": int32 (b, T)}`;
    - the tokens to predict, int32 `(b, T)`;
    - their weights, float32 `(b, T)`.

    The weights are 0 for padding. The others are such that the mean over all positions is the mean
    over the real ones. `S` and `T` are multiples of `ROUND`, so that few shapes occur.

    Args:
        sources: Sequences of ids, as of `encode`.
        targets: Sequences of ids, with the start token.
        batch_size: As for `Epochs`.
        seed: As for `Epochs`. `None` goes once through, from short to long.
        first_step: As for `Epochs`.
        share: As for `Epochs`.

    Raises:
        ValueError: as for `Epochs`.
    """

    ROUND = 2
    POOL = 100  # batches among which pairs of like length are sought

    def __init__(self, sources: Sequence[np.ndarray], targets: Sequence[np.ndarray],
                 batch_size: int, seed: int | None = None, first_step: int = 0,
                 share: tuple[int, int] = (0, 1)):
        super().__init__(len(sources), batch_size, seed, first_step, share)
        self._sources, self._targets = sources, targets
        self._lengths = np.array([[len(source), len(target)] for source, target in
                                  zip(sources, targets, strict=True)])

    @property
    def signature(self) -> tuple:
        """Shapes and types of a batch, with `None` for what differs between batches."""
        tokens, weights = ((self._size, None), "int32"), ((self._size, None), "float32")
        return {"source": tokens, "tokens": tokens}, tokens, weights

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
        _, _, chosen = self._chosen(index)
        lengths = self._lengths[chosen]
        source_length, target_length = (
            math.ceil(int(each) / self.ROUND) * self.ROUND for each in lengths.max(0) - (0, 1))
        real = int((lengths[:, 1] - 1).sum())
        # Over all batches of a validation together, the mean is that over all tokens.
        weight = (self._batch_size * target_length / real if self._seed is not None else
                  self.steps_per_epoch * self._batch_size * target_length
                  / int((self._lengths[:, 1] - 1).sum()))
        start = self._share * self._size
        own = chosen[start:start + self._size]
        empty = [np.zeros(0, "int32")] * (self._size - len(own))
        source = pad([*(self._sources[i] for i in own), *empty], source_length)
        tokens = pad([*(self._targets[i][:-1] for i in own), *empty], target_length)
        labels = pad([*(self._targets[i][1:] for i in own), *empty], target_length)
        return {"source": source, "tokens": tokens}, labels, (labels != PAD) * np.float32(weight)

    def _plan(self, epoch):
        if self._seed is None:
            pools, rng = [np.arange(len(self._sources))], None
        else:
            rng = np.random.default_rng((self._seed, epoch))
            order = rng.permutation(len(self._sources))
            size = self.POOL * self._batch_size
            pools = [order[i:i + size] for i in range(0, len(order), size)]
        batches = []
        for pool in pools:
            sources, targets = self._lengths[pool].T
            pool = pool[np.lexsort((sources, targets // self.ROUND))]
            batches += [pool[i:i + self._batch_size]
                        for i in range(0, len(pool), self._batch_size)]
        if rng is not None:
            batches = [batches[i] for i in rng.permutation(len(batches))]
        return batches
