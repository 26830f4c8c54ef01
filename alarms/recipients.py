"""People who are told: in which language, at which hours, of what. Pure: the wall's time is an argument."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta, tzinfo

from domain.alarms import Notice
from domain.rules import Priority
from domain.time import SECOND_NS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Every day from one time of the person's clock to another; over midnight where `end` is not after `start`."""

    start: time
    end: time


@dataclass(frozen=True, slots=True)
class Recipient:
    """A person, and how they are told.

    `priority`: they hear of alarms that are so bad or worse without any rota; None: only where a rota, or a step of
    one, names them. `translations`: texts of the configuration in their language.
    """

    name: str
    channels: tuple[str, ...]
    language: str = "en"
    zone: tzinfo = UTC
    quiet: QuietHours | None = None
    priority: Priority | None = Priority.HIGH
    translations: Mapping[str, str] = field(default_factory=dict)

    def waits_until_ns(self, priority: Priority, now_ns: int) -> int | None:
        """When quiet hours end that a message of this priority waits for; None: it does not wait."""
        if self.quiet is None or priority <= Priority.HIGH:
            return None
        return quiet_until_ns(self.quiet, self.zone, now_ns)


def quiet_until_ns(quiet: QuietHours, zone: tzinfo, now_ns: int) -> int | None:
    """When the quiet hours that run now end, in ns; None: none run.

    They are of the local clock: over a change to summer time they are an hour shorter, over the way back an hour
    longer. An end that the clock skips is the moment of the change; of one that it shows twice the first counts.
    """
    today = datetime.fromtimestamp(now_ns // SECOND_NS, zone).date()
    for day in (today - timedelta(days=1), today):
        start_ns = _moment_ns(datetime.combine(day, quiet.start), zone)
        last = day if quiet.start < quiet.end else day + timedelta(days=1)
        end_ns = _moment_ns(datetime.combine(last, quiet.end), zone)
        if start_ns <= now_ns < end_ns:
            return end_ns
    return None


def _moment_ns(local: datetime, zone: tzinfo) -> int:
    """When a clock in the zone first shows a time, or passes over it."""
    before, after = (local.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    first = before.astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) != local:
        # The clock skips it: with the offset of after the change it lies before the change, and the other way round.
        first = _change_between(after.astimezone(UTC), first, zone)
    return round((first - _EPOCH) / timedelta(seconds=1)) * SECOND_NS


def _change_between(low: datetime, high: datetime, zone: tzinfo) -> datetime:
    """The second at which the offset of a zone changes between two moments."""
    offset = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high


def is_quiet(notice: Notice) -> bool:
    """Whether a notice was kept for the digest at the end of quiet hours."""
    return notice.kind == "quiet"
