"""The rotas of the configuration: their calendars are looked at again and again, and the last good one stays in force.

A calendar is in force as a whole or not at all. What is wrong with a newer one is told by its event and line; how old
the one in force is, and what of the next two weeks nobody covers, are figures, and troubles of the service.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from alarms.escalation import Escalation
from alarms.rota import OnDuty, Roster
from domain.errors import Refused, RetryLater
from domain.figures import Reading
from domain.rules import Priority
from domain.time import DAY_NS, HOUR_NS, SECOND_NS
from service.config.build import Configuration
from service.config.rota import escalation_of
from service.config.shape.telling import RotaText
from service.deadman import url_in
from service.telling.calendar import key_of, read_duties
from service.telling.fetching import FilePlace, Place, UrlPlace
from service.telling.kept import Kept, Standing

log = logging.getLogger(__name__)

AHEAD_NS = 14 * DAY_NS
"""How far ahead time that nobody covers is told."""

_BACK_NS, _BEYOND_NS = 2 * DAY_NS, 3 * DAY_NS
_EXPAND_EVERY_NS = 6 * HOUR_NS
_LOOK_EVERY_S = 5.0  # at files; servers are asked as the configuration says
_FILES_EVERY_NS = 5 * SECOND_NS


@dataclass(frozen=True, slots=True)
class Rota:
    """A rota as it is configured. `people` has what its events may say, by `key_of`, and the name that is meant."""

    name: str
    zone: ZoneInfo
    fallback: str
    priority: Priority
    plan: Escalation
    hand_over: str  # duty | shifts | off
    stale_ns: int
    every_ns: int
    place: Place
    kept: Kept
    people: Mapping[str, str]

    def roster(self, text: str, now_ns: int) -> Roster:
        """Who is on duty when, by a calendar, from two days ago on. Refused: it cannot be meant."""
        first_ns, last_ns = now_ns - _BACK_NS, now_ns + AHEAD_NS + _BEYOND_NS
        if not text:
            return Roster((), first_ns, last_ns)
        return Roster(read_duties(text, self.zone, self.people, first_ns, last_ns), first_ns, last_ns)


def local_time(time_ns: int, zone: ZoneInfo) -> str:
    """What the wall's clock shows: `2026-03-29 03:00 CEST`."""
    return f"{datetime.fromtimestamp(time_ns // SECOND_NS, zone):%Y-%m-%d %H:%M %Z}"


def rotas_of(configuration: Configuration, folder: Path) -> list[Rota]:
    """The rotas, with their calendars kept in a folder. Refused: a file that should hold an address holds none."""
    people = {key_of(name): name for name in (*configuration.notify, *configuration.people)}
    return [_rota(configuration, name, text, Kept(folder, name), people) for name, text in configuration.rota.items()]


def _rota(configuration: Configuration, name: str, text: RotaText, kept: Kept, people: Mapping[str, str]) -> Rota:
    return Rota(
        name=name,
        zone=ZoneInfo(text.zone),
        fallback=text.fallback,
        priority=Priority[text.priority.upper()],
        plan=escalation_of(text),
        hand_over=text.hand_over,
        stale_ns=text.stale,
        every_ns=_FILES_EVERY_NS if text.calendar is not None else text.every,
        place=_place(configuration, text),
        kept=kept,
        people=people,
    )


def _place(configuration: Configuration, text: RotaText) -> Place:
    if text.calendar is not None:
        return FilePlace(configuration.beside(text.calendar))
    if text.url_file is not None:
        return UrlPlace(url_in(configuration.beside(text.url_file)))
    assert text.url is not None
    return UrlPlace(text.url)


class Duties:
    """One rota as it stands: the roster in force, and how its calendar fares. Calls block; any thread may ask."""

    def __init__(self, rota: Rota) -> None:
        self.rota = rota
        self.standing = Standing()
        self.roster = Roster((), 0, 0)
        self._expanded_ns = 0
        self._refused: tuple[str, str] | None = None  # a calendar, and why it was

    def load(self, now_ns: int) -> None:
        """Take what was kept; what cannot be read any more is as none, and said."""
        self.standing = self.rota.kept.standing()
        self._expand(now_ns)

    def load_newer(self, now_ns: int) -> None:
        """Take what another process has kept since; who only reads calls this again and again."""
        standing = self.rota.kept.standing()
        is_old = now_ns - self._expanded_ns > _EXPAND_EVERY_NS or now_ns < self._expanded_ns
        if standing.changed_ns != self.standing.changed_ns or is_old:
            self.load(now_ns)
        else:
            self.standing = standing

    def look(self, now_ns: int) -> None:
        """Look at the calendar if it is time, and take what is new and good."""
        due_ns = self.standing.looked_ns + self.rota.every_ns
        if self.standing.looked_ns <= now_ns < due_ns:  # else the clock was set back
            if now_ns - self._expanded_ns > _EXPAND_EVERY_NS or now_ns < self._expanded_ns:
                self._expand(now_ns)
            return
        before = self.standing
        try:
            self._take(now_ns)
        except (RetryLater, Refused) as error:
            self.standing = replace(before, looked_ns=now_ns, problem=str(error))
            if before.problem != str(error):
                log.warning("rota %s: %s; the calendar of before stays in force", self.rota.name, error)
                self._note()
        else:
            if before.problem:
                log.info("rota %s: its calendar is good again", self.rota.name)

    def on_duty(self, now_ns: int) -> OnDuty:
        """Who is told at a time."""
        return self.roster.on_duty(now_ns, self.rota.fallback)

    def figures(self, now_ns: int) -> Iterator[Reading]:
        """How old the calendar is, whether the newest was refused, and what of the next two weeks nobody covers."""
        label = (self.rota.name,)
        standing = self.standing
        age_ns = max(0, now_ns - standing.good_ns)
        holes = self.roster.uncovered(now_ns, now_ns + AHEAD_NS)
        uncovered_ns = sum(hole.until_ns - hole.since_ns for hole in holes)
        nobody = self.on_duty(now_ns).is_fallback
        if standing.good_ns:
            yield Reading("thermowell_rota_calendar_age_seconds", age_ns / SECOND_NS, label)
        yield Reading(
            "thermowell_rota_calendar_overdue_seconds", max(0, age_ns - self.rota.stale_ns) / SECOND_NS, label
        )
        yield Reading("thermowell_rota_calendar_refused", int(bool(standing.problem)), label)
        yield Reading("thermowell_rota_uncovered_seconds", uncovered_ns / SECOND_NS, label)
        yield Reading("thermowell_rota_on_duty", 0 if nobody else len(self.on_duty(now_ns).names), label)

    def _take(self, now_ns: int) -> None:
        """Look; RetryLater or Refused where that brought nothing that is good."""
        before = self.standing
        fetched = self.rota.place.fetch(before)
        good = Standing(now_ns, before.changed_ns, now_ns, "", fetched.etag, fetched.modified, fetched.stamp)
        if fetched.text is None:
            self.standing = good
            self._note()
            return
        roster = self._read(fetched.text, now_ns)
        self.standing = replace(good, changed_ns=now_ns)
        self.rota.kept.keep(fetched.text, self.standing)
        self.roster, self._expanded_ns = roster, now_ns

    def _read(self, text: str, now_ns: int) -> Roster:
        """What a new calendar says; Refused if it cannot be meant, at once where it is as bad as the one before."""
        if self._refused is not None and self._refused[0] == text:
            raise Refused(self._refused[1])
        try:
            roster = self.rota.roster(text, now_ns)
        except Refused as error:
            self._refused = text, str(error)
            raise
        self._refused = None
        return roster

    def _expand(self, now_ns: int) -> None:
        try:
            self.roster = self.rota.roster(self.rota.kept.text(), now_ns)
        except Refused as error:  # names that are configured no more
            log.warning("rota %s: the calendar that was kept is of no use any more: %s", self.rota.name, error)
            self.standing = replace(self.standing, problem=str(error), stamp="", etag="", modified="", looked_ns=0)
        self._expanded_ns = now_ns

    def _note(self) -> None:
        try:
            self.rota.kept.note(self.standing)
        except Refused as error:
            log.warning("rota %s: how its calendar stands is not kept: %s", self.rota.name, error)


class Rotas:
    """All rotas. `wall_ns` is the wall's clock: duties are by it, also where the plant is simulated."""

    def __init__(self, rotas: list[Rota], wall_ns: Callable[[], int] = time.time_ns) -> None:
        self._duties = {rota.name: Duties(rota) for rota in rotas}
        self._wall_ns = wall_ns
        for duties in self._duties.values():
            duties.load(wall_ns())

    def __iter__(self) -> Iterator[Duties]:
        """In the order of the configuration."""
        return iter(self._duties.values())

    def __len__(self) -> int:
        """How many there are."""
        return len(self._duties)

    def __contains__(self, name: str) -> bool:
        """Whether a name is that of a rota."""
        return name in self._duties

    def __getitem__(self, name: str) -> Duties:
        """The rota of a name."""
        return self._duties[name]

    async def run(self) -> None:
        """Look for ever."""
        while self._duties:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(_LOOK_EVERY_S)

    def look(self) -> None:
        """Look at every calendar whose time has come; blocks."""
        for duties in self:
            duties.look(self._wall_ns())

    def figures(self) -> Iterator[Reading]:
        """How every rota stands."""
        now_ns = self._wall_ns()
        for duties in self:
            yield from duties.figures(now_ns)
