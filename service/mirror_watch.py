"""How long the journal waits for a mirror that is away, and the alarm that tells of it."""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from domain.entries import Position
from domain.findings import Finding
from historian.journal import Usage
from service.config.shape.stores import Mirror
from service.troubles import opened_now, over_now

log = logging.getLogger(__name__)

RULE = "mirror.away"

NOTHING_WAITS = Position(2**62)
"""The journal may be trimmed as if there were no mirror."""


@dataclass(frozen=True, slots=True)
class Hold:
    """For how long, and up to which part of the quota or the disk, the journal keeps what a mirror lacks."""

    longest_s: float = 6 * 3600.0
    share: float = 0.5
    alarm_after_s: float = 300.0

    def hours_left(self, behind_s: float, usage: Usage | None) -> float:
        """Until rows that the mirror lacks leave the journal, if it stays away; 0 where they may leave now."""
        hours = (self.longest_s - behind_s) / 3600
        if usage is not None and usage.quota_bytes:
            spare = self.share * usage.quota_bytes - usage.used_bytes
            grows = usage.bytes_per_hour if spare > 0 else math.inf
            hours = min(hours, spare / grows if grows else math.inf)
        elif usage is not None:
            hours = min(hours, self.share * usage.hours_left)
        return max(hours, 0.0)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a mirror's watch asks of the core, and whom it tells."""

    usage: Callable[[], Usage]
    note: Callable[[Finding], None]
    now_ns: Callable[[], int]
    position: Callable[[], Position]


class MirrorWatch:
    """Follows how far a mirror is behind; opens one finding while it is away for long.

    `look` is called by the mirror's thread after each attempt; the other questions are answered to any thread.
    """

    def __init__(
        self,
        name: str,
        hold: Hold,
        core: Surroundings | None = None,
        opened: Finding | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._hold, self._core, self._opened, self._now_s = name, hold, core, opened, now_s
        self._caught_up_s = self._worked_s = now_s()
        self._released = False

    @property
    def behind_s(self) -> float:
        """Since when it does not have everything."""
        return self._now_s() - self._caught_up_s

    @property
    def hours_left(self) -> float:
        """Hours until rows that it lacks leave the journal; while it lacks none, how long it might be away."""
        if self._released:
            return 0.0
        return self._hold.hours_left(self.behind_s, None if self._core is None else self._core.usage())

    def may_leave(self, position: Position) -> Position:
        """Up to where the journal may be trimmed, with the mirror at a position."""
        return NOTHING_WAITS if self._released else position

    def look(self, trouble: str | None, *, is_behind: bool) -> None:
        """Judge after an attempt: what hindered it, and whether the mirror lacks anything."""
        now_s = self._now_s()
        if trouble is None:
            self._worked_s = now_s
        if not is_behind:
            self._caught_up_s, self._released = now_s, False
        hours_left = self.hours_left
        if not hours_left and not self._released:
            self._released = True
            log.warning("mirror %s: the journal waits no longer; what leaves it will come from the record", self._name)
        if self._core is None:
            return
        if self._opened is None and trouble is not None and now_s - self._worked_s >= self._hold.alarm_after_s:
            self._opened = self._finding(self._core, trouble, hours_left)
            self._core.note(self._opened)
        elif self._opened is not None and trouble is None and not is_behind:
            self._end(self._core, self._opened)

    def _end(self, core: Surroundings, opened: Finding) -> None:
        self._opened = None
        core.note(over_now(opened, core.now_ns(), f"The mirror {self._name} has everything again."))

    def _finding(self, core: Surroundings, trouble: str, hours_left: float) -> Finding:
        left = f"in about {hours_left:.1f} h" if hours_left else "now"
        message = (
            f"The mirror {self._name} takes nothing: {trouble}. What it lacks leaves the journal {left}; "
            "nothing is lost, the record fills the rest when it is back."
        )
        return opened_now(RULE, self._name, core.now_ns(), core.position(), message, {"hours_left": hours_left})


def hold_of(mirror: Mirror) -> Hold:
    """How long the journal waits for a mirror of the configuration."""
    return Hold(mirror.journal_waits / 1e9)


def cursor_name(mirror: str) -> str:
    """Under which name the records keep how far a mirror came."""
    return f"mirror:{mirror}"
