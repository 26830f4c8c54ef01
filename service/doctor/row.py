"""One line of what the doctor says."""

import enum
from dataclasses import asdict, dataclass


class State(enum.StrEnum):
    """How a thing is."""

    OK = "ok"
    LOOK = "look"  # it works, and a person should know
    WRONG = "wrong"  # samples, alarms or evidence are in danger
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Row:
    """What was looked at, what was seen, and what to do about it."""

    check: str
    state: State
    seen: str
    advice: str = ""

    def as_json(self) -> dict[str, str]:
        """For other programs."""
        return {name: str(value) for name, value in asdict(self).items()}


def ok(check: str, seen: str) -> Row:
    """All is well."""
    return Row(check, State.OK, seen)


def look(check: str, seen: str, advice: str) -> Row:
    """A person should know."""
    return Row(check, State.LOOK, seen, advice)


def wrong(check: str, seen: str, advice: str) -> Row:
    """Something has to be done."""
    return Row(check, State.WRONG, seen, advice)


def not_checked(check: str, seen: str, advice: str = "") -> Row:
    """Nobody can tell."""
    return Row(check, State.NOT_CHECKED, seen, advice)
