"""What happens while nobody acknowledges: whom to tell next, when, and when to stop. Pure: times are arguments.

The tellings of one alarm are numbered. Number 0 tells who is on duty, at once; then come the steps, each so long after
number 0; with a repeat, the whole round begins again. The number alone says what a telling is, so that a row of the
outbox that holds it survives any crash.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from alarms.routing import Audience
from domain.alarms import Transition


@dataclass(frozen=True, slots=True)
class Step:
    """Whom to tell, so long after the first telling."""

    after_ns: int
    tell: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Escalation:
    """The steps in the order of their times.

    `repeat_ns` after the last of them the round begins again, `rounds` times in all; None: it does not. `returned`:
    it also goes on when the alarm has returned to normal without having been acknowledged.
    """

    steps: tuple[Step, ...] = ()
    repeat_ns: int | None = None
    rounds: int = 1
    returned: bool = False

    @property
    def last(self) -> int:
        """The number of the last telling."""
        rounds = self.rounds if self.repeat_ns is not None else 1
        return rounds * (1 + len(self.steps)) - 1

    def after_ns(self, number: int) -> int:
        """How long after the first telling a telling is due."""
        rounds, place = divmod(number, 1 + len(self.steps))
        last_ns = self.steps[-1].after_ns if self.steps else 0
        return rounds * (last_ns + (self.repeat_ns or 0)) + (self.steps[place - 1].after_ns if place else 0)

    def whom(self, number: int) -> tuple[str, ...]:
        """Whom a telling goes to; empty: whoever is on duty then."""
        place = number % (1 + len(self.steps))
        return self.steps[place - 1].tell if place else ()

    def next_after(self, number: int) -> tuple[int, int] | None:
        """The number of the next telling, and how long after this one it is due; None: this was the last."""
        if number >= self.last:
            return None
        return number + 1, self.after_ns(number + 1) - self.after_ns(number)


def why_over(told: Transition, later: Iterable[Transition], plan: Escalation) -> str:
    """Why nobody more is to be told of a transition, from what the alarm did `later` (oldest first); empty: go on.

    Whatever is told anew, as bad or worse, begins rounds of its own: the newest alone goes on.
    """
    newest, audience = told, Audience("", told.priority)
    for each in later:
        if each.number <= told.number:
            continue
        if audience.hears(each):
            return f"superseded by transition {each.id}"
        if each.what == "acknowledged":
            return f"acknowledged by {each.person}"
        newest = each
    return _needs_nobody(newest) or ("" if newest.facts.active or plan.returned else "returned to normal")


def _needs_nobody(newest: Transition) -> str:
    """Why an alarm wants no acknowledgement as it stands; empty: it does."""
    facts = newest.facts
    if facts.acknowledged:
        return "it needs no acknowledgement"
    if facts.shelved_until_ns is not None:
        return f"shelved by {newest.person}" if newest.person else "shelved"
    if facts.out_of_service:
        return "out of service"
    return "suppressed" if facts.suppressed else ""
