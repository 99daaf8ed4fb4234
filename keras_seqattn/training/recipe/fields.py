"""What the sections of a recipe are made of."""

import abc
import collections.abc
import dataclasses
import typing

import pydantic
from pydantic_core import core_schema

if typing.TYPE_CHECKING:
    import keras

Share: typing.TypeAlias = typing.Annotated[float, pydantic.Field(ge=0, lt=1)]
Positive: typing.TypeAlias = typing.Annotated[float, pydantic.Field(gt=0)]
NotNegative: typing.TypeAlias = typing.Annotated[float, pydantic.Field(ge=0)]
Sides: typing.TypeAlias = tuple[pydantic.PositiveInt, pydantic.PositiveInt, pydantic.PositiveInt]
Dtype: typing.TypeAlias = typing.Literal["float32", "mixed_float16", "mixed_bfloat16"]


@dataclasses.dataclass(frozen=True)
class OneOf:
    """Says of a text that it is one of the names that a table knows.

    Attributes:
        names: The names, or a table whose keys they are.
    """

    names: collections.abc.Iterable[str]

    def __get_pydantic_core_schema__(self, source: typing.Any, handler: typing.Any
                                     ) -> core_schema.CoreSchema:
        return core_schema.literal_schema(list(self.names))


class Section(pydantic.BaseModel):
    """A part of a recipe: unknown fields are refused, and nothing changes once it is read."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class ModelSection(Section, abc.ABC):
    """Which model: the arguments of one function of `models`, but for what the data tell.

    Attributes:
        architecture: Name of the kind of model, a key of `kinds.KINDS`.
    """

    # Names of the fields that the card of a run repeats.
    IN_CARD: typing.ClassVar[frozenset[str]] = frozenset({"architecture"})

    architecture: str

    @abc.abstractmethod
    def build(self, num_outputs: int, seed: int | None = None, **others: typing.Any
              ) -> "keras.Model":
        """Builds the model.

        Args:
            num_outputs: Number of classes or of tokens `V`.
            seed: Seed of fresh weights and of dropout.
            **others: What else the task knows, such as `pixel_mean` and `pixel_std`.

        Returns:
            `keras.Model`, not compiled.

        Raises:
            ValueError: the fields do not fit together, or the model cannot use `others`.
        """

    def card(self) -> dict[str, typing.Any]:
        """Returns what the card of a run says of the model beside its number of parameters."""
        return self.model_dump(mode="json", include=set(self.IN_CARD), exclude_none=True)
