"""What a search for the layers that stay in float found, and how an error tells it."""

import dataclasses

SHOWN = 5           # layers whose costs an error names
LISTED = 8          # layers that a remedy lists


@dataclasses.dataclass
class Choice:
    """What a search found.

    Attributes:
        names: Nodes that stay in float, those that cost most first.
        error: Error of the file with these in float.
        whole: Error of the file in which all layers are quantised.
        costs: Error that each node makes alone, of those that were measured alone.
        count: How many nodes there are.
    """

    names: list[str]
    error: float
    whole: float
    costs: dict[str, float]
    count: int

    @property
    def notes(self) -> list[str]:
        """A sentence on the choice, if it kept anything."""
        return [f"{len(self.names)} of {self.count} layers stay in float, so the error is "
                f"{self.error:.3g} instead of {self.whole:.3g}: {', '.join(self.names)}",
                ] if self.names else []

    @property
    def shown(self) -> dict[str, float]:
        """The largest costs, rounded."""
        return {name: float(f"{cost:.3g}") for name, cost in list(self.costs.items())[:SHOWN]}

    @property
    def remedy(self) -> str:
        """What to do where a model does not bear the precision, as the end of a sentence."""
        if len(self.names) > LISTED:
            return (f"pass keep_float='auto', which keeps {len(self.names)} of {self.count} layers "
                    f"in float for an error of {self.error:.3g}; or use another precision")
        return (f"pass keep_float={self.names}, for an error of {self.error:.3g}; or use another "
                "precision")
