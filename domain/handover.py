"""What the shift that ends leaves to the next one, of alarms. Pure: from transitions alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domain.alarms import Transition

NOTE, TAKEN_OVER = "shift note", "shift taken over"
"""Kinds of audit records: a hand-over has no other record than the trail, so none of it can be changed."""


@dataclass(frozen=True, slots=True)
class Left:
    """The alarms that are handed over, each list as the records sort it: what needs a person comes first.

    An alarm stands in one list alone, except that what is put away in two ways stands in both.
    """

    waiting: tuple[Transition, ...]  # nobody has acknowledged it
    standing: tuple[Transition, ...]  # acknowledged, and it lasts or is latched
    shelved: tuple[Transition, ...]
    suppressed: tuple[Transition, ...]
    out_of_service: tuple[Transition, ...]


@dataclass(frozen=True, slots=True)
class Happened:
    """What the shift had: alarms that asked for a person by unit, and what people did, by name; the most first."""

    by_unit: tuple[tuple[str, int], ...]
    by_person: tuple[tuple[str, int], ...]
    alarms: int
    acknowledged: int


def left_by(newest: Sequence[Transition]) -> Left:
    """Sort the alarms that are not normal, each by its newest transition."""
    open_ = [each for each in newest if not each.facts.is_put_away]
    return Left(
        waiting=tuple(each for each in open_ if not each.facts.acknowledged),
        standing=tuple(each for each in open_ if each.facts.acknowledged),
        shelved=tuple(each for each in newest if each.facts.shelved_until_ns is not None),
        suppressed=tuple(each for each in newest if each.facts.suppressed),
        out_of_service=tuple(each for each in newest if each.facts.out_of_service),
    )


def happened_in(transitions: Iterable[Transition]) -> Happened:
    """Count a shift's transitions."""
    units, people = dict[str, int](), dict[str, int]()
    for each in transitions:
        if each.what == "activated":
            units[each.unit or "no unit"] = units.get(each.unit or "no unit", 0) + 1
        elif each.what == "acknowledged" and each.person:
            people[each.person] = people.get(each.person, 0) + 1
    return Happened(_most_first(units), _most_first(people), sum(units.values()), sum(people.values()))


def _most_first(counts: dict[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
