"""Who would be told now, and why: from the configuration, the calendars as they are kept, and the outbox.

The web process makes it, and writes nothing: the core keeps the calendars.
"""

import threading
from collections.abc import Iterator, Sequence
from typing import Protocol

from alarms.rota import Roster
from api.dependencies import AddresseeTold, DutyTold, RotaTold, StepTold, Telling
from domain.alarms import Transition
from domain.time import SECOND_NS
from records.outbox import Planned
from service.config.build import Configuration
from service.tellers import audiences_of
from service.telling.duty import number_of, people_of
from service.telling.rotas import AHEAD_NS, Duties, Rotas

_AT_MOST = 100
_LOOK_EVERY_NS = 5 * SECOND_NS


class StepRecords(Protocol):
    """What the view needs of the records. Calls block."""

    def alarms(self, *, everything: bool = False) -> Sequence[Transition]:
        """The newest transition of each alarm that is not normal."""
        ...

    def planned_notices(self, channels: Sequence[str], limit: int) -> Sequence[Planned]:
        """What waits for its time and is dropped when somebody acknowledges by then, what is due next first."""
        ...


class ToldNow:
    """Tells who would be told. Calls block; any thread may ask."""

    def __init__(self, configuration: Configuration, rotas: Rotas, records: StepRecords) -> None:
        self._configuration, self._rotas, self._records = configuration, rotas, records
        self._looked_ns = -_LOOK_EVERY_NS
        self._lock = threading.Lock()

    def look(self, now_ns: int) -> DutyTold:
        """As it is at a time of the wall's clock."""
        with self._lock:
            if not 0 <= now_ns - self._looked_ns < _LOOK_EVERY_NS:
                for duties in self._rotas:
                    duties.load_newer(now_ns)
                self._looked_ns = now_ns
        names = [duties.rota.name for duties in self._rotas]
        waiting = self._waiting(names) if names else []
        return DutyTold(
            now_ns,
            tuple(self._rota(duties, now_ns) for duties in self._rotas),
            tuple(self._addressees()),
            tuple(self._step(each, now_ns) for each in waiting),
        )

    def _waiting(self, names: Sequence[str]) -> list[Planned]:
        """The steps that are to come; one whose alarm needs nobody any more is dropped when it is due."""
        planned = self._records.planned_notices(names, _AT_MOST)
        needed = {each.alarm for each in self._records.alarms() if not each.facts.acknowledged} if planned else set()
        return [each for each in planned if each.notice.alarm in needed]

    def _rota(self, duties: Duties, now_ns: int) -> RotaTold:
        rota, on_duty, roster = duties.rota, duties.on_duty(now_ns), duties.roster
        plan, holes = rota.plan, roster.uncovered(now_ns, now_ns + AHEAD_NS)
        return RotaTold(
            name=rota.name,
            zone=str(rota.zone),
            priority=rota.priority.name.lower(),
            on_duty=tuple(people_of([rota.name], self._rotas, now_ns)),
            is_fallback=on_duty.is_fallback,
            fallback=rota.fallback,
            since_ns=on_duty.since_ns,
            until_ns=None if on_duty.until_ns == roster.last_ns else on_duty.until_ns,
            next=_next(roster, now_ns),
            tellings=tuple(self._telling(duties, number, now_ns) for number in range(1 + len(plan.steps))),
            repeat_ns=plan.repeat_ns,
            rounds=plan.rounds,
            returned=plan.returned,
            uncovered=tuple((_whole(hole.since_ns), _whole(hole.until_ns)) for hole in holes),
            calendar_good_ns=_whole(duties.standing.good_ns) or None,
            calendar_problem=duties.standing.problem,
        )

    def _telling(self, duties: Duties, number: int, now_ns: int) -> Telling:
        plan = duties.rota.plan
        names = people_of(plan.whom(number) or (duties.rota.name,), self._rotas, now_ns)
        channels = dict.fromkeys(channel for name in names for channel in self._channels_of(name))
        return Telling(plan.after_ns(number), tuple(names), tuple(channels), number)

    def _step(self, planned: Planned, now_ns: int) -> StepTold:
        notice = planned.notice
        duties, number = self._rotas[notice.channel], number_of(notice)
        names = people_of(duties.rota.plan.whom(number) or (notice.channel,), self._rotas, now_ns)
        return StepTold(
            notice.id, notice.title, notice.transition, notice.channel, number, tuple(names), planned.due_ns
        )

    def _channels_of(self, name: str) -> tuple[str, ...]:
        person = self._configuration.people.get(name)
        if person is not None:
            return person.channels
        return (name,) if name in self._configuration.notify else ()

    def _addressees(self) -> Iterator[AddresseeTold]:
        priorities = {each.channel: each.priority.name.lower() for each in audiences_of(self._configuration)}
        for person in self._configuration.people.values():
            quiet = person.quiet
            hours = "" if quiet is None else f"{quiet.start:%H:%M} to {quiet.end:%H:%M} {person.zone}, never for high"
            yield AddresseeTold(person.name, "person", priorities.get(person.name, ""), person.channels, hours)
        of_people = {channel for person in self._configuration.people.values() for channel in person.channels}
        for name in self._configuration.notify:
            if name in of_people and name not in priorities:
                continue  # its people are told
            yield AddresseeTold(name, "channel", priorities.get(name, ""), (name,))


def _whole(time_ns: int) -> int:
    """A time to the second: people read it."""
    return time_ns // SECOND_NS * SECOND_NS


def _next(roster: Roster, now_ns: int) -> tuple[str, ...]:
    change_ns = roster.next_change_ns(now_ns)
    watch = None if change_ns is None else roster.watch_at(change_ns)
    return () if watch is None else watch.people
