"""What a training may do with a folder: take a free one, go on in its own, or write it anew."""

import pathlib
import shutil
import typing

import yaml

from keras_seqattn.errors import explain
from keras_seqattn.trained import LABELS, TOKENIZER
from keras_seqattn.training.run_folder import journal, states

if typing.TYPE_CHECKING:
    import pydantic

# What makes a run longer; all else in its recipe stays as it was.
LENGTH = ("epochs", "steps", "patience")
WRITTEN = (journal.CARD, "recipe.yaml", "log.csv", "curves.png", "best.keras", "model.keras",
           LABELS, TOKENIZER)


def is_finished(out: pathlib.Path) -> bool:
    """Whether a folder holds a run that came to its end."""
    return (out / journal.CARD).is_file()


def check(recipe: "pydantic.BaseModel", out: pathlib.Path, resume: bool, overwrite: bool) -> bool:
    """Checks that a training may write its folder.

    Args:
        recipe: `Recipe`.
        out: Folder of the run.
        resume: Whether the training goes on with the folder's run.
        overwrite: Whether it replaces that run.

    Returns:
        Whether it goes on for more epochs than the folder's run was to have.

    Raises:
        ValueError: as for `check_free`, or with `resume` as for `check_own`.
    """
    longer = resume and is_longer(recipe, out)
    if resume and not longer:
        check_own(recipe, out)
    elif not resume and not overwrite:
        check_free(out)
    return longer


def check_free(out: pathlib.Path) -> None:
    """Checks that a folder holds no run.

    Raises:
        ValueError: the folder holds a run, finished or not, or a trained model.
    """
    held = [name for name in (journal.CARD, "model.keras", "best.keras") if (out / name).is_file()]
    unfinished = bool(states.files(out / "states")) and not is_finished(out)
    if unfinished:
        raise ValueError(explain(
            "the folder must not hold an unfinished run", folder=str(out), resume=False,
            overwrite=False, fix="resume it, pass another --out to start anew, or --overwrite to "
                                 "give it up"))
    if held:
        raise ValueError(explain(
            "the folder must not hold a finished run", folder=str(out), holds=held,
            overwrite=False, fix="pass another --out, or --overwrite to replace it, or resume it "
                                 "with a larger train.epochs"))


def check_own(recipe: "pydantic.BaseModel", out: pathlib.Path) -> None:
    """Checks that the run of a folder, if it holds one, is that of a recipe.

    Raises:
        ValueError: the folder holds another recipe's run.
    """
    changes = journal.diff(recipe, out)
    if changes:
        raise ValueError(explain(
            "a run goes on with the recipe it was started with; only its epochs may be more",
            folder=str(out), changes=" ".join(changes),
            fix="take the changes back, or start anew in another folder"))


def is_longer(recipe: "pydantic.BaseModel", out: pathlib.Path) -> bool:
    """Whether a recipe differs from that of a folder's run in nothing but more epochs.

    Each epoch has as many steps as before. With more epochs the patience may be another too.
    """
    path = out / "recipe.yaml"
    if not path.is_file():
        return False
    before, after = yaml.safe_load(path.read_text(encoding="utf-8")), recipe.model_dump(mode="json")
    first, then = before.pop("train"), after.pop("train")
    rests = [{name: value for name, value in each.items() if name not in LENGTH}
             for each in (first, then)]
    return bool(before == after and rests[0] == rests[1] and then["epochs"] > first["epochs"]
                and _epoch(first) == _epoch(then))


def _epoch(train: dict[str, typing.Any]) -> float | None:
    """Steps of an epoch, if the recipe tells."""
    return None if train["steps"] is None else train["steps"] / train["epochs"]


def clear(out: pathlib.Path) -> None:
    """Removes what a run wrote into its folder; files of others stay."""
    for name in WRITTEN:
        (out / name).unlink(missing_ok=True)
    for name in ("states", "logs"):
        shutil.rmtree(out / name, ignore_errors=True)
