"""A rota's name, when a notice is due: who is on duty then, and what comes next while nobody acknowledges.

What comes next is one row of the outbox, addressed to the rota itself and due at its time: `T@leads#1`. When it is due
it is looked up like any other name: it tells whom its number says, and puts the row of the next number in its place, in
one transaction. So a crash between two steps loses none and repeats none, and whoever is on duty at that time is told.
The row is dropped when the alarm needs nobody any more. A change of shift is a row too: `handover.leads.…@leads`.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from alarms.escalation import why_over
from alarms.rota import OnDuty
from alarms.routing import Audience
from domain.alarms import Notice, Sought, Transition
from domain.handover import Happened, Left, happened_in, left_by
from domain.rules import Priority
from domain.shifts import Shifts
from domain.time import HOUR_NS, SECOND_NS, format_duration
from domain.words import counted
from records.outbox import Planned
from service.absence import Absence
from service.telling.addressing import Resolution, child_of
from service.telling.rotas import Duties, Rotas

log = logging.getLogger(__name__)

HAND_OVER = "hand-over"
"""The kind of a notice that tells a new shift what stands."""

_HISTORY = 200
_LINES = 50
_OF_A_DUTY = 5_000
_LOOK_EVERY_S = 2.0
_HANDED_OVER_WITHIN_NS = 12 * HOUR_NS


class DutyRecords(Protocol):
    """What duty needs of the records. Calls block."""

    def transitions(self, alarm: str | None, limit: int, after: str | None = None) -> Sequence[Transition]:
        """The newest transitions of an alarm, newest first."""
        ...

    def alarms(self, *, everything: bool = False) -> Sequence[Transition]:
        """The newest transition of each alarm that is not normal, what needs a person first."""
        ...

    def sought(self, sought: Sought, limit: int) -> Sequence[Transition]:
        """What happened to alarms, newest first."""
        ...

    def plan_notices(self, planned: Sequence[Planned]) -> int:
        """Put notices into the outbox; return how many were not there yet."""
        ...


def number_of(notice: Notice) -> int:
    """The number of a telling (`alarms.escalation`), from the notice's id: `T@leads#2` is number 2."""
    step = notice.id.rpartition("#")[2] if "#" in notice.id.rpartition("@")[2] else ""
    return int(step) if step.isdigit() else 0


def people_of(names: Iterable[str], rotas: Rotas, now_ns: int) -> list[str]:
    """Names with each rota among them replaced by whom it tells at a time; each once."""
    found: dict[str, None] = {}
    for name in names:
        for each in [name] if name not in rotas else _behind(name, rotas, now_ns):
            found.setdefault(each)
    return list(found)


def _behind(name: str, rotas: Rotas, now_ns: int, passed: frozenset[str] = frozenset()) -> list[str]:
    """Whom a rota tells; its fallback may be a rota, and a circle of those ends."""
    if name not in rotas:
        return [name]
    if name in passed:
        return []
    names = rotas[name].on_duty(now_ns).names
    return [each for one in names for each in _behind(one, rotas, now_ns, passed | {name})]


class ToDuty:
    """Resolves the name of one rota."""

    def __init__(self, duties: Duties, rotas: Rotas, records: DutyRecords) -> None:
        self._duties, self._rotas, self._records = duties, rotas, records

    def __call__(self, notice: Notice, said: Transition | None, now_ns: int) -> Resolution:
        """Who is told now, and the row of what comes next; nobody, where it is not needed any more."""
        if notice.kind == HAND_OVER:
            return self._hand_over(notice, now_ns)
        number = number_of(notice)
        if number:
            over = "what it told is not in the records" if said is None else self._over(said)
            if over:
                return Resolution((), over, is_dropped=True)
        return self._tell(notice, said, number, now_ns)

    def _over(self, said: Transition) -> str:
        later = self._records.transitions(said.alarm, _HISTORY)
        return why_over(said, reversed(later), self._duties.rota.plan)

    def _tell(self, notice: Notice, said: Transition | None, number: int, now_ns: int) -> Resolution:
        rota, on_duty = self._duties.rota, self._duties.on_duty(now_ns)
        names = rota.plan.whom(number) or (rota.name,)
        people = people_of(names, self._rotas, now_ns)
        is_step = names != (rota.name,)
        why = _why(rota.name, on_duty, rota.plan.after_ns(number) if number else None, is_step=is_step)
        worded = _worded(notice, why, number)
        children = [child_of(worded, name, step=str(number) if number else "") for name in people]
        step = rota.plan.next_after(number)
        if step is not None and said is not None and Audience("", said.priority).hears(said):
            children.append(_next(notice, *step, now_ns))
        return Resolution(children, _told(rota.name, on_duty, names, people))

    def _hand_over(self, notice: Notice, now_ns: int) -> Resolution:
        left = left_by([each for each in self._records.alarms() if each.priority < Priority.EVENT])
        open_ = (*left.waiting, *left.standing)
        if not open_:
            return Resolution((), "nothing stands that a new shift has to know", is_dropped=True)
        title, text = hand_over_words(self._duties.rota.name, left, self._had(now_ns))
        worst = min(each.priority for each in open_)
        worded = replace(notice, title=title, text=text, priority=worst)
        people = people_of([self._duties.rota.name], self._rotas, now_ns)
        return Resolution([child_of(worded, name) for name in people], f"the duty of {', '.join(people)} begins")

    def _had(self, now_ns: int) -> Happened:
        """What the duty before the one that runs had; nothing, where the calendar does not reach back."""
        roster = self._duties.roster
        watch = roster.watch_at(now_ns)
        before = None if watch is None else roster.watch_at(watch.since_ns - 1)
        if watch is None or before is None:
            return happened_in(())
        return happened_in(self._records.sought(Sought(before.since_ns, watch.since_ns), _OF_A_DUTY))


def _next(notice: Notice, number: int, gap_ns: int, now_ns: int) -> Planned:
    """The row of the next telling: the same notice to the same rota."""
    id_ = f"{notice.transition}@{notice.channel}#{number}"
    return Planned(replace(notice, id=id_, unless_acknowledged=True), now_ns + gap_ns)


def _why(rota: str, on_duty: OnDuty, after_ns: int | None, *, is_step: bool) -> str:
    """Why somebody is told, in words that stand in the message; `after_ns` None: it is the first telling."""
    late = ""
    if after_ns is not None:
        late = f"Nobody has acknowledged it {format_duration(after_ns)} after {rota} was told. "
    if is_step:
        return late.strip()
    if on_duty.is_fallback:
        return f"{late}You are told because nobody is on duty ({rota})."
    return f"{late}You are on duty ({rota})."


def _worded(notice: Notice, why: str, number: int) -> Notice:
    title = f"Not acknowledged: {notice.title}" if number else notice.title
    return replace(notice, title=title, text=f"{notice.text}\n{why}")


def _told(rota: str, on_duty: OnDuty, names: Sequence[str], people: Sequence[str]) -> str:
    told = ", ".join(people)
    if tuple(names) != (rota,):
        return f"a step of {rota}: {told}"
    return f"nobody is on duty, the fallback is told: {told}" if on_duty.is_fallback else f"on duty: {told}"


def hand_over_words(rota: str, left: Left, had: Happened) -> tuple[str, str]:
    """Title and text of what a new shift is told."""
    waiting = counted(len(left.waiting), "alarm")
    title = f"Hand-over ({rota}): {waiting} not acknowledged, {len(left.standing)} standing"
    open_ = (*_worst_first(left.waiting), *_worst_first(left.standing))
    lines = [f"- {each.facts.state.value} {each.priority.name}: {each.message}" for each in open_[:_LINES]]
    if len(open_) > _LINES:
        lines.append(f"… and {len(open_) - _LINES} more; the page lists all.")
    away = [
        f"{len(those)} {words}"
        for those, words in (
            (left.shelved, "shelved"),
            (left.suppressed, "suppressed by design"),
            (left.out_of_service, "out of service"),
        )
        if those
    ]
    if away:
        lines.append(f"Put away: {', '.join(away)}.")
    if had.alarms or had.acknowledged:
        lines.append(
            f"The duty before had {counted(had.alarms, 'alarm')} and {counted(had.acknowledged, 'acknowledgement')}."
        )
    return title, "\n".join(["Your duty begins. This is what stands:", *lines])


def _worst_first(those: Iterable[Transition]) -> list[Transition]:
    return sorted(those, key=lambda each: (each.priority, each.at_ns))


@dataclass(frozen=True, slots=True)
class Change:
    """A moment from which on a rota has other people on duty."""

    at_ns: int
    people: tuple[str, ...]


class HandOver:
    """Puts a row into the outbox whenever a duty begins; the rota's resolver says what stands then."""

    def __init__(
        self,
        rotas: Rotas,
        records: DutyRecords,
        *,
        shifts: Shifts | None = None,
        wake: Callable[[], None] = lambda: None,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """`wake`: tells the outbox."""
        self._rotas, self._records, self._shifts = rotas, records, shifts
        self._wake, self._wall_ns = wake, wall_ns
        self._known: dict[str, Change] = {}

    async def run(self) -> None:
        """Look for ever."""
        absence = Absence(log, "hand-overs wait")
        while True:
            with absence.outlasted():
                await asyncio.to_thread(self.look)
            await asyncio.sleep(_LOOK_EVERY_S)

    def look(self) -> None:
        """Hand over where a duty has begun since the last look; blocks."""
        now_ns = self._wall_ns()
        fresh: dict[str, Change] = {}
        for duties in self._rotas:
            change = self._newest(duties, now_ns)
            if change is not None and self._is_new(duties.rota.name, change):
                fresh[duties.rota.name] = change
        planned = [Planned(_row(name, change)) for name, change in fresh.items()]
        if planned and self._records.plan_notices(planned):
            self._wake()
        self._known |= fresh

    def _is_new(self, rota: str, change: Change) -> bool:
        """Another time with other people, or by the shift calendar; a calendar that was corrected begins no duty."""
        known = self._known.get(rota)
        if known is None:
            return True
        by_shifts = self._rotas[rota].rota.hand_over == "shifts"
        return change.at_ns > known.at_ns and (by_shifts or change.people != known.people)

    def _newest(self, duties: Duties, now_ns: int) -> Change | None:
        """The newest change of a rota until now; None: it hands nothing over, or that was too long ago."""
        watch = duties.roster.watch_at(now_ns)
        if duties.rota.hand_over == "off" or watch is None:
            return None
        at_ns = watch.since_ns
        if duties.rota.hand_over == "shifts" and self._shifts is not None:
            at_ns = _begun_ns(self._shifts, now_ns)
        if now_ns - at_ns > _HANDED_OVER_WITHIN_NS:
            return None
        return Change(at_ns, watch.people)


def _begun_ns(shifts: Shifts, now_ns: int) -> int:
    """When the shift that runs at a time began."""
    begun_ns = shifts.end_ns(now_ns - 48 * HOUR_NS)
    while (next_ns := shifts.end_ns(begun_ns)) <= now_ns:
        begun_ns = next_ns
    return begun_ns


def _row(rota: str, change: Change) -> Notice:
    """The row of a hand-over: it is there once, however often it is found that a duty began."""
    id_ = f"handover.{rota}.{change.at_ns // SECOND_NS}"
    return Notice(f"{id_}@{rota}", rota, "Hand-over", "", id_, change.at_ns, Priority.MEDIUM, kind=HAND_OVER)


def duty_directory(rotas: Rotas, records: DutyRecords) -> Mapping[str, ToDuty]:
    """Who the names of rotas are."""
    return {duties.rota.name: ToDuty(duties, rotas, records) for duties in rotas}


def rows_of(waiting: Iterable[tuple[Notice, int]], rotas: Rotas) -> Iterator[tuple[Notice, int]]:
    """Those of some notices, each with when it is due, that are steps of a rota."""
    for notice, due_ns in waiting:
        if notice.channel in rotas and number_of(notice):
            yield notice, due_ns
