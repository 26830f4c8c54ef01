"""What an operator asks before each step, is something about to be done wrong."""

from typing import Protocol


class Mistakes(Protocol):
    """The faults of operators, as the fault engine has them."""

    def share(self, kind: str, target: str) -> float:
        """How far a fault of a kind has developed on a unit now: 0 none."""
        ...

    def setting(self, kind: str, target: str, name: str) -> float | str | None:
        """What that fault has for one of its kind's settings."""
        ...


def mistaken(mistakes: Mistakes, kind: str, unit: str) -> bool:
    """Whether the operator of a unit makes a mistake now."""
    return mistakes.share(kind, unit) > 0.0


def amount(mistakes: Mistakes, kind: str, unit: str, name: str) -> float:
    """A number that a mistake has for a setting; ValueError where it is none."""
    value = mistakes.setting(kind, unit, name)
    if not isinstance(value, (int, float)):
        message = f"{kind} of {unit}: {name} is {value!r}, not a number"
        raise ValueError(message)  # noqa: TRY004 - a wrong value of a scenario, not of a program
    return float(value)
