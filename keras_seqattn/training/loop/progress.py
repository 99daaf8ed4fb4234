"""What a training says while it runs: a bar on a terminal, a line per epoch elsewhere."""

import collections.abc
import contextlib
import sys
import typing

import keras

from keras_seqattn.training.run_folder.states import Position


class Progress(keras.callbacks.Callback):
    """Shows steps, loss, examples per second and the time left.

    Args:
        position: `states.Position`.
        steps_per_epoch: Steps of a whole epoch.
        epochs: Number of epochs.
        batch_size: Examples per step.
        shown: Whether to show anything.
    """

    def __init__(self, position: Position, steps_per_epoch: int, epochs: int, batch_size: int,
                 shown: bool = True):
        super().__init__()
        self._position = position
        self._steps_per_epoch = steps_per_epoch
        self._epochs = epochs
        self._batch_size = batch_size
        self._shown = shown
        self._bar: typing.Any = None  # of rich

    @contextlib.contextmanager
    def running(self) -> collections.abc.Iterator[None]:
        """Shows the bar as long as the block runs, if there is a terminal and `rich`."""
        with contextlib.ExitStack() as stack:
            if self._shown and sys.stdout.isatty():
                with contextlib.suppress(ImportError):
                    self._bar = stack.enter_context(_bar())
                    self._task = self._bar.add_task(
                        "", total=self._steps_per_epoch * self._epochs, speed="",
                        completed=self._done())
            yield

    def tell(self, lines: collections.abc.Iterable[str]) -> None:
        """Prints lines."""
        if self._shown:
            print(*lines, sep="\n", flush=True)

    def _done(self) -> int:
        return self._position.epoch * self._steps_per_epoch + self._position.step

    def on_train_batch_end(self, batch: int, logs: dict[str, typing.Any]) -> None:
        if self._bar is None:
            return
        speed = self._bar.tasks[0].speed
        examples = "" if speed is None else f"{speed * self._batch_size:,.0f} examples/s"
        self._bar.update(
            self._task, completed=self._done(), speed=examples,
            description=f"epoch {self._position.epoch + 1}/{self._epochs} "
                        f"loss {float(logs['loss']):.4f}")

    def epoch_done(self) -> None:
        """Tells the results of the epoch that was finished last."""
        last = {name: values[-1] for name, values in self._position.history.items()}
        shown = "  ".join(f"{name} {value:.4g}" for name, value in last.items())
        self.tell([f"epoch {self._position.epoch}/{self._epochs}  {shown}"])


def _bar() -> typing.Any:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(TextColumn("{task.description}"), BarColumn(),
                    TextColumn("{task.fields[speed]}"), TimeRemainingColumn())
