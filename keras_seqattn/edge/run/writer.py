"""A file that writes sequences as a function, with NumPy and its runtime alone."""

import os
import threading
import typing
import warnings

import numpy as np

from keras_seqattn.data.images import decode
from keras_seqattn.data.tokenizer import PAD, Tokenizer
from keras_seqattn.edge import formats
from keras_seqattn.edge.run.runner import Runner
from keras_seqattn.errors import check_count, explain


class Written(typing.NamedTuple):
    """What was written about each source.

    Attributes:
        tokens: int32, `(B, T)`, 0 behind the end.
        lengths: int32, `(B,)`: number of tokens, the end included.
        scores: float32, `(B,)`.
    """

    tokens: np.ndarray
    lengths: np.ndarray
    scores: np.ndarray


class Writer(Runner):
    """An exported model that writes sequences: a translator or a captioner.

    Called like any `Runner` it decodes greedily. Arguments and attributes are those of `Runner`.

    Attributes:
        tokenizer: `data.tokenizer.Tokenizer` of the file.

    Raises:
        ValueError: the file cannot be run, or holds no tokenizer.
    """

    def __init__(self, file: os.PathLike | str, threads: int = 2):
        super().__init__(file, threads)
        self._format = formats.of(file)
        self._signatures: dict[str, formats.Session] = {}
        self._opening = threading.Lock()
        self._threads = threads
        text = self._format.tokenizer(file) if self._format.tokenizer else None
        if text is None:
            raise ValueError(explain("a file that writes sequences must hold its tokenizer",
                                     file=str(file), fix="export it again"))
        self.tokenizer = Tokenizer.from_json(text)

    def translate(self, text: str, beam: int = 1) -> str:
        """Writes what a text says in the other language.

        Args:
            text: The source text. The end of a text that is longer than the model can read is cut
                off, with a warning. A warning also names what the tokenizer never saw.
            beam: Number of beginnings that are followed. 1 is greedy decoding; the only other
                width is the one that the file was exported with.

        Returns:
            Text; empty for a text without any word.

        Raises:
            ValueError: the file reads pictures, or was exported with another width.
        """
        self._needs("tokens")
        self._check_beam(beam)
        if not text.strip():
            return ""
        unknown = self.tokenizer.unknown(text)
        if unknown:
            warnings.warn(f"the model never saw {', '.join(map(repr, unknown))}", stacklevel=2)
        longest = self._longest()
        ids, dropped = self.tokenizer.sequence(text, longest)
        if dropped:
            warnings.warn(f"the text has {dropped} tokens more than the {longest - 1} that the "
                          "model reads; its end was cut off", stacklevel=2)
        return self._text(self.run(self.padded([ids]), beam=beam))

    def caption(self, image: os.PathLike | str | bytes, beam: int = 1) -> str:
        """Writes what is on a picture.

        Args:
            image: Path of a picture file, or its bytes; of any size.
            beam: As for `translate`.

        Returns:
            Text.

        Raises:
            ValueError: the file reads text, `image` is no picture, or the file was exported with
                another width.
        """
        self._needs("image")
        _, (height, width, channels) = self._image()
        pixels = decode(image, (height, width), channels)[None]
        return self._text(self.run(self.normalise(pixels), beam=beam))

    def run(self, sources: typing.Any, method: str | None = None, beam: int = 1) -> Written:
        """Writes a sequence for each source.

        Args:
            sources: Array `(B, …)` as the file takes it.
            method: `"greedy"` or `"beam"`; follows from `beam` by default.
            beam: Number of beginnings.

        Returns:
            `Written`; of a beam search the best sequence.

        Raises:
            ValueError: `beam` is neither 1 nor the width that the file was exported with.
        """
        if method is None:
            self._check_beam(beam)
            method = "greedy" if beam == 1 else "beam"
        rows = [self.signature(method, source[None]) for source in np.asarray(sources)]
        if method == "beam":
            rows = [{name: each[:, 0] for name, each in row.items()} for row in rows]
        return Written(*(np.concatenate([row[name] for row in rows])
                         for name in Written._fields))

    def write(self, sources: typing.Any, beam: int = 1) -> np.ndarray:
        """The best sequence for each source, as `models.Generator.write` gives it."""
        return self.run(sources, beam=beam).tokens

    @property
    def max_length(self) -> int:
        """Largest number of tokens that the file writes."""
        return self.contract["writer"]["max_length"]

    @property
    def end_token(self) -> int | list[int]:
        """Token that ends what the file writes, or several such tokens."""
        return self.contract["writer"]["end"]

    def signature(self, name: str, *values: np.ndarray, **named: np.ndarray,
                  ) -> dict[str, np.ndarray]:
        """Runs one signature of the file; a single value goes to its first own input."""
        with self._opening:     # each signature once, whoever asks first
            if name not in self._signatures:
                self._signatures[name] = self._format.session(
                    self.file, self._threads, signature=name)
            session = self._signatures[name]
        free = [each for each in session.inputs if each not in named]
        return session.run(**named, **dict(zip(free, values, strict=True)))

    def padded(self, sources: typing.Any) -> np.ndarray:
        """Sources of tokens as one array `(B, S)`, 0 behind each; others as they are."""
        shape = next(iter(self.inputs.values()))["shape"]
        if len(shape) != 2:
            return np.asarray(sources)
        array = np.full((len(sources), shape[1]), PAD, "int32")
        for row, source in zip(array, sources, strict=True):
            source = np.asarray(source)[:shape[1]]
            row[:len(source)] = source
        return array

    def classify(self, image: os.PathLike | str | bytes, top: int = 5,
                 output: str | None = None) -> typing.NoReturn:
        """Refuses, since the file gives sequences, not classes."""
        raise ValueError(explain(
            "the file must tell classes apart", file=str(self.file),
            fix="use `caption` for pictures, `translate` for text"))

    def _check_beam(self, beam):
        check_count(beam=beam)
        width = self.contract["writer"]["beam_width"]
        if beam not in (1, width):
            raise ValueError(explain(
                "`beam` must be 1 or the width that the file was exported with", beam=beam,
                beam_width=width, fix=f"pass {width}, or export again with --beam-width {beam}"))

    def _longest(self):
        return int(next(iter(self.inputs.values()))["shape"][1])

    def _text(self, written):
        return self.tokenizer.decode(written.tokens[0], self.end_token)

    def _needs(self, source):
        found = self.contract.get("writer", {}).get("source")
        if found != source:
            raise ValueError(explain(
                f"the file must write about {'text' if source == 'tokens' else 'pictures'}",
                file=str(self.file), source=found,
                fix="use `caption` for pictures, `translate` for text, `classify` for classes"))
