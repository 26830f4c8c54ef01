"""What the alarm system asks of people, now and in the past: the records' measures and the book's episodes, joined."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from alarms.groups import by_priority, by_unit, digest_of_flood, episodes_of, first_out_of
from domain.alarms import Transition
from domain.performance import (
    PERIOD_NS,
    Asked,
    Episode,
    Flood,
    Performance,
    PositionNow,
    Positions,
    by_position,
    words_of,
)
from domain.performance import is_annunciation as asks
from domain.time import DAY_NS
from records.database import SqlRecords
from service.weeks import Week

MOST_FLOODS_NAMED = 50
"""Of so many floods, the newest, is looked up what began them."""
MOST_SAID = 20_000
"""So many transitions are looked at for episodes; of more the newest."""


@dataclass(frozen=True, slots=True)
class Measuring:
    """Answers about load, floods and episodes. Calls block."""

    records: SqlRecords
    positions: Positions
    zone: ZoneInfo  # whose weeks are counted

    def now(self, now_ns: int) -> Sequence[PositionNow]:
        """Each position with its flood, if it is in one, and what began it."""
        end_ns = now_ns + 1
        floods = self.records.floods(Asked(now_ns - PERIOD_NS, end_ns, self.positions))
        flooded = {each.position: each for each in floods if each.end_ns is None}
        since_ns = min((each.start_ns for each in flooded.values()), default=now_ns) - PERIOD_NS
        said = self.records.said_between(max(since_ns, now_ns - DAY_NS), end_ns, MOST_SAID)
        return [
            _position_now(name, each, flooded.get(name), now_ns)
            for name, each in by_position(filter(asks, said), self.positions).items()
        ]

    def episodes(self, start_ns: int, end_ns: int) -> Sequence[Episode]:
        """The episodes of a time, what began last first."""
        return episodes_of(self.records.said_between(start_ns, end_ns, MOST_SAID))

    def performance(self, start_ns: int, end_ns: int, position: str | None) -> Performance:
        """Every measure of a time, of one position or of all together."""
        told = self.records.performance(Asked(start_ns, end_ns, self.positions, position))
        named = [self._named(each) for each in told.floods[-MOST_FLOODS_NAMED:]]
        return replace(told, floods=[*told.floods[:-MOST_FLOODS_NAMED], *named])

    def _named(self, flood: Flood) -> Flood:
        """The flood with what began it."""
        said = self.records.said_between(flood.start_ns - PERIOD_NS + 1, flood.start_ns + 1, MOST_SAID)
        own = by_position(filter(asks, said), self.positions)[flood.position]
        first = first_out_of(own)
        return flood if first is None else replace(flood, first_out=words_of(first))

    def week(self, name: str) -> Week:
        """The week of that name by the plant's clock; Refused if there is none."""
        return Week.named(name, self.zone)

    def newest_weeks(self, now_ns: int, most: int) -> Sequence[Week]:
        """The weeks up to the one that runs, newest first."""
        weeks = [Week.of(now_ns, self.zone)]
        while len(weeks) < most:
            weeks.append(weeks[-1].before())
        return weeks


def _position_now(name: str, said: Sequence[Transition], flood: Flood | None, now_ns: int) -> PositionNow:
    since_ns = (now_ns if flood is None else flood.start_ns) - PERIOD_NS
    told = [each for each in said if each.at_ns > since_ns]
    first = first_out_of(told)
    return PositionNow(
        position=name,
        flood=flood if flood is None or first is None else replace(flood, first_out=words_of(first)),
        in_ten_minutes=sum(each.at_ns > now_ns - PERIOD_NS for each in told),
        episodes=episodes_of(told),
        by_priority=by_priority(told),
        by_unit=by_unit(told),
        digest=digest_of_flood(told),
    )
