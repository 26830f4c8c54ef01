"""How long to wait and how often to try: seconds of the wall's clock, by how bad the alarm is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from domain.rules import Priority
from domain.time import SECOND_NS

_HOUR_S = 3_600.0


@dataclass(frozen=True, slots=True)
class Persistence:
    """How a notice is tried again: the longest pause between attempts, and when it is given up after the first one."""

    longest_s: float
    give_up_s: float


PERSISTENCE: Mapping[Priority, Persistence] = MappingProxyType(
    {
        Priority.CRITICAL: Persistence(60.0, 24 * _HOUR_S),
        Priority.HIGH: Persistence(120.0, 12 * _HOUR_S),
        Priority.MEDIUM: Persistence(600.0, 8 * _HOUR_S),
        Priority.LOW: Persistence(600.0, 4 * _HOUR_S),
        Priority.EVENT: Persistence(600.0, 4 * _HOUR_S),
    }
)
"""The worse it is, the more often and the longer. That it takes long is an alarm of its own after ten minutes."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the outbox waits, for an answer and between attempts."""

    first_s: float = 5.0
    deadline_s: float = 60.0  # for one attempt, whatever the channel does
    poll_s: float = 1.0
    persistence: Mapping[Priority, Persistence] = field(default_factory=lambda: PERSISTENCE)

    def pause_ns(self, attempts: int, priority: Priority, asked_s: float = 0.0) -> int:
        """How long to wait after so many attempts: doubling, up to the longest; as long as the server asked, too."""
        longest_s = self.persistence[priority].longest_s
        doubled_s = self.first_s * 2.0 ** min(attempts - 1, 30)
        return round(min(longest_s, max(doubled_s, asked_s)) * SECOND_NS)

    def is_over(self, begun_ns: int, now_ns: int, priority: Priority) -> bool:
        """Whether what was begun then is given up now."""
        return now_ns - begun_ns >= self.persistence[priority].give_up_s * SECOND_NS
